package jobs

import (
	"encoding/json"
	"strconv"
	"unicode"
	"unicode/utf8"

	"github.com/gneiss-mqtt/gneiss-go/emulator/internal/service"
)

// request reads the members of a request and keeps the first mistake.
type request struct {
	members map[string]any
	err     *Error
}

// parse reads a payload, which may be empty.
func parse(payload []byte) *request {
	if len(payload) == 0 {
		return &request{}
	}
	m, err := service.DecodeObject(payload)
	if err != nil {
		return &request{err: fail(InvalidJSON, "The contents of the request could not be interpreted as a UTF-8 encoded JSON object")}
	}
	return &request{members: m}
}

func (r *request) wrong(format string, args ...any) {
	if r.err == nil {
		r.err = fail(InvalidRequest, format, args...)
	}
}

// token returns the client token, nil for none.
func (r *request) token() *string {
	v, there := r.members["clientToken"]
	if !there {
		return nil
	}
	token, ok := v.(string)
	if !ok || len(token) > 64 {
		r.wrong("clientToken must be text of at most 64 bytes")
		return nil
	}
	return &token
}

func (r *request) boolean(name string, otherwise bool) bool {
	v, there := r.members[name]
	if !there || v == nil {
		return otherwise
	}
	b, ok := v.(bool)
	if !ok {
		r.wrong("%s must be true or false", name)
	}
	return b
}

// integer reads a number, which some clients write as text; 0 for none.
func (r *request) integer(name string) int64 {
	var text string
	switch v := r.members[name].(type) {
	case nil:
		return 0
	case json.Number:
		text = v.String()
	case string:
		text = v
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		r.wrong("%s must be an integer", name)
	}
	return n
}

// stepTimeout reads stepTimeoutInMinutes; 0 for none.
func (r *request) stepTimeout(mayClear bool) int64 {
	n := r.integer("stepTimeoutInMinutes")
	if _, there := r.members["stepTimeoutInMinutes"]; there && !(1 <= n && n <= maxTimeout || mayClear && n == -1) {
		r.wrong("stepTimeoutInMinutes must be between 1 and %d", maxTimeout)
	}
	return n
}

// maxTimeout is the longest timeout: a week, in minutes.
const maxTimeout = 10080

// details reads statusDetails; nil where they are not to change.
func (r *request) details() map[string]string {
	v, there := r.members["statusDetails"]
	if !there || v == nil {
		return nil
	}
	m, ok := v.(map[string]any)
	if !ok || len(m) > 10 {
		r.wrong("statusDetails must be an object of at most 10 members")
		return nil
	}
	details := make(map[string]string, len(m))
	for key, v := range m {
		text, ok := v.(string)
		if !ok || !service.ValidName(key, 128, ":") || !validDetail(text) {
			r.wrong("statusDetails: names have 1 to 128 letters, digits, colons, underscores and hyphens, values are text of 1 to 1024 characters without control characters")
			return nil
		}
		details[key] = text
	}
	return details
}

func validDetail(text string) bool {
	if text == "" || utf8.RuneCountInString(text) > 1024 {
		return false
	}
	for _, c := range text {
		if unicode.IsControl(c) {
			return false
		}
	}
	return true
}

// status reads the status that a device reports.
func (r *request) status() Status {
	text, ok := r.members["status"].(string)
	switch status := Status(text); status {
	case InProgress, Succeeded, Failed, Rejected, Queued, TimedOut, Canceled, Removed:
		return status
	}
	if _, there := r.members["status"]; !there {
		r.wrong("status is missing")
	} else if !ok {
		r.wrong("status must be text")
	} else {
		r.wrong("status must be IN_PROGRESS, SUCCEEDED, FAILED or REJECTED")
	}
	return ""
}
