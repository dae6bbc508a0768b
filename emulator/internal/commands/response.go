package commands

import (
	"encoding/base64"
	"strings"
	"unicode/utf8"
)

// parseResponse checks what a device has sent.
func parseResponse(m map[string]any) (r result, e *Error) {
	status, _ := m["status"].(string)
	switch r.status = Status(status); r.status {
	case InProgress, Succeeded, Failed, Rejected, TimedOut:
	default:
		return r, fail(InvalidRequest, "status must be IN_PROGRESS, SUCCEEDED, FAILED, REJECTED or TIMED_OUT")
	}
	if r.reason, e = parseReason(m["statusReason"]); e != nil {
		return r, e
	}
	r.values, e = parseResult(m["result"])
	return r, e
}

func parseReason(v any) (*Reason, *Error) {
	if v == nil {
		return nil, nil
	}
	m, ok := v.(map[string]any)
	if !ok {
		return nil, fail(InvalidRequest, "statusReason must be an object")
	}
	code, ok := m["reasonCode"].(string)
	if !ok || !validCode(code) {
		return nil, fail(InvalidRequest, "reasonCode must be 1 to 64 capital letters, digits, underscores and hyphens")
	}
	text, ok := m["reasonDescription"].(string)
	if m["reasonDescription"] != nil && !ok || utf8.RuneCountInString(text) > 1024 {
		return nil, fail(InvalidRequest, "reasonDescription must be text of at most 1024 characters")
	}
	return &Reason{Code: code, Description: text}, nil
}

func validCode(s string) bool {
	return s != "" && len(s) <= 64 && strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") == ""
}

// maxResults is how many results an execution may have.
const maxResults = 100

func parseResult(v any) (map[string]Value, *Error) {
	if v == nil {
		return nil, nil
	}
	m, ok := v.(map[string]any)
	switch {
	case !ok:
		return nil, fail(InvalidRequest, "result must be an object")
	case len(m) == 0:
		return nil, fail(InvalidRequest, "At least 1 command execution result is required")
	case len(m) > maxResults:
		return nil, fail(InvalidRequest, "There may be %d command execution results", maxResults)
	}
	values := make(map[string]Value, len(m))
	for name, v := range m {
		fields, ok := v.(map[string]any)
		if !ok || len(fields) != 1 {
			return nil, fail(InvalidRequest, "result %q must be an object with one of s, b and bin", name)
		}
		value, e := parseValue(name, fields)
		if e != nil {
			return nil, e
		}
		values[name] = value
	}
	return values, nil
}

// parseValue reads one result. Devices write the names of types in lower case, CBOR has bytes of its own.
func parseValue(name string, fields map[string]any) (v Value, e *Error) {
	for kind, x := range fields {
		switch x := x.(type) {
		case string:
			switch kind {
			case "s":
				return Value{S: &x}, nil
			case "bin":
				if b, err := base64.StdEncoding.DecodeString(x); err == nil {
					return Value{BIN: b}, nil
				}
			case "b":
				return v, fail(InvalidRequest, "Value cannot be a STRING")
			}
		case bool:
			if kind == "b" {
				return Value{B: &x}, nil
			}
		case []byte:
			if kind == "bin" {
				return Value{BIN: x}, nil
			}
		}
	}
	return v, fail(InvalidRequest, "result %q must be an object with text for s, true or false for b, or base64 for bin", name)
}
