package policy

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// ErrDocument is every fault of a policy document; it is wrapped with what it is.
var ErrDocument = errors.New("emulator: the policy document is not valid")

// A Document is a policy that has been read.
type Document struct{ statements []statement }

type statement struct {
	deny       bool
	actions    []string // in small letters
	resources  []string
	conditions []condition
}

// condition is one operator for one key.
type condition struct {
	test     *operator
	all, any bool // ForAllValues, ForAnyValue
	ifExists bool
	key      string
	values   []string
}

// oneOrMore is a string, or a list of strings.
type oneOrMore []string

// UnmarshalJSON reads either. Numbers and truth values count as they are written.
func (l *oneOrMore) UnmarshalJSON(b []byte) error {
	var v any
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		return err
	}
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	for _, e := range list {
		switch e := e.(type) {
		case string, bool, json.Number:
			*l = append(*l, fmt.Sprint(e))
		default:
			return errors.New("a value that is no string")
		}
	}
	return nil
}

// statements is one statement, or a list of them.
type statements []rawStatement

type rawStatement struct {
	Sid       string
	Effect    string
	Action    oneOrMore
	Resource  oneOrMore
	Condition map[string]map[string]oneOrMore
}

// UnmarshalJSON reads either, and no field that it does not know.
func (l *statements) UnmarshalJSON(b []byte) error {
	if b = bytes.TrimSpace(b); len(b) > 0 && b[0] == '{' {
		*l = make(statements, 1)
		return strict(b, &(*l)[0])
	}
	return strict(b, (*[]rawStatement)(l))
}

// strict decodes JSON that has nothing else in it, before or after.
func strict(b []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("more than one JSON value")
	}
	return nil
}

// Parse reads a document.
func Parse(text string) (*Document, error) {
	var raw struct {
		Version   string
		ID        string `json:"Id"`
		Statement statements
	}
	if err := strict([]byte(text), &raw); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDocument, err)
	}
	if raw.Version != "2012-10-17" {
		return nil, fmt.Errorf("%w: the version is not 2012-10-17", ErrDocument)
	}
	d := new(Document)
	for i, r := range raw.Statement {
		s, err := r.parse()
		if err != nil {
			return nil, fmt.Errorf("%w: statement %d: %w", ErrDocument, i+1, err)
		}
		d.statements = append(d.statements, s)
	}
	if len(d.statements) == 0 {
		return nil, fmt.Errorf("%w: there is no statement", ErrDocument)
	}
	return d, nil
}

func (r *rawStatement) parse() (s statement, err error) {
	switch r.Effect {
	case "Allow":
	case "Deny":
		s.deny = true
	default:
		return s, errors.New("the effect is neither Allow nor Deny")
	}
	if len(r.Action) == 0 || len(r.Resource) == 0 {
		return s, errors.New("action or resource is missing")
	}
	for _, a := range r.Action {
		if a = strings.ToLower(a); a != "*" && !strings.Contains(a, ":") {
			return s, fmt.Errorf("the action %q has no service", a)
		}
		s.actions = append(s.actions, a)
	}
	s.resources = r.Resource
	for name, keys := range r.Condition {
		for key, values := range keys {
			c, err := newCondition(name, key, values)
			if err != nil {
				return s, err
			}
			s.conditions = append(s.conditions, c)
		}
	}
	return s, nil
}
