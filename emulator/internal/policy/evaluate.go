package policy

import "strings"

// Request is what somebody wants to do.
type Request struct {
	Action   string // such as iot:Publish
	Resource string // an ARN
	// Values returns what a policy variable or the key of a condition stands for; nothing where it has no value.
	Values func(name string) []string
}

// Decision is what policies say of a request.
type Decision int

// The decisions. Only Allow allows.
const (
	Nothing Decision = iota // no statement is about it
	Allow
	Deny
)

// Evaluate applies documents to a request.
func Evaluate(list []*Document, r *Request) Decision {
	if r.Values == nil {
		r.Values = func(string) []string { return nil }
	}
	found := Nothing
	action := strings.ToLower(r.Action)
	for _, d := range list {
		for i := range d.statements {
			s := &d.statements[i]
			if !s.about(r, action) {
				continue
			}
			if s.deny {
				return Deny
			}
			found = Allow
		}
	}
	return found
}

// about reports whether a statement is about a request.
func (s *statement) about(r *Request, action string) bool {
	return s.hasAction(action) && s.hasResource(r) && s.holds(r)
}

func (s *statement) hasAction(action string) bool {
	for _, a := range s.actions {
		if p, ok := expand(a, &Request{Values: func(string) []string { return nil }}); ok && p.match(action) {
			return true
		}
	}
	return false
}

func (s *statement) hasResource(r *Request) bool {
	for _, text := range s.resources {
		if p, ok := expand(text, r); ok && p.match(r.Resource) {
			return true
		}
	}
	return false
}

func (s *statement) holds(r *Request) bool {
	for i := range s.conditions {
		if !s.conditions[i].holds(r) {
			return false
		}
	}
	return true
}
