package account

import (
	"fmt"
	"regexp"
	"slices"
)

// A Thing is an entry of the registry.
type Thing struct {
	Name       string
	Type       string
	Attributes map[string]string
	Version    int64 // 1 when it is made; what changes a thing adds 1
	principals []string
}

var thingName = regexp.MustCompile(`^[a-zA-Z0-9:_-]{1,128}$`)

// ValidThingName reports whether a thing may have the name: 1 to 128 letters, digits, colons, underscores and hyphens.
func ValidThingName(name string) bool { return thingName.MatchString(name) }

// CreateThing makes a thing, or returns the one that has the name already together with [ErrExists].
func (a *Account) CreateThing(name string) (*Thing, error) {
	switch t := a.things[name]; {
	case !ValidThingName(name):
		return nil, fmt.Errorf("emulator: the thing name %q %w", name, ErrInvalid)
	case t != nil:
		return t, fmt.Errorf("emulator: the thing %q %w", name, ErrExists)
	case len(a.things) >= maxEntries:
		return nil, full("things")
	}
	t := &Thing{Name: name, Attributes: map[string]string{}, Version: 1}
	a.things[name] = t
	return t, nil
}

// Thing returns a thing, or nil.
func (a *Account) Thing(name string) *Thing { return a.things[name] }

// Things lists the things by name.
func (a *Account) Things() []*Thing { return sorted(a.things) }

// DeleteThing removes a thing to which no principal is attached.
func (a *Account) DeleteThing(name string) error {
	t := a.things[name]
	if t == nil {
		return missing("thing", name)
	}
	if len(t.principals) > 0 {
		return fmt.Errorf("emulator: the thing %q, which has principals, %w for deletion", name, ErrInvalid)
	}
	delete(a.things, name)
	return nil
}

// AttachThing attaches a principal, mostly the ARN of a certificate, to a thing. A second time changes nothing.
func (a *Account) AttachThing(name, principal string) error {
	t := a.things[name]
	if t == nil {
		return missing("thing", name)
	}
	if !slices.Contains(t.principals, principal) {
		t.principals = append(t.principals, principal)
	}
	return nil
}

// DetachThing undoes AttachThing.
func (a *Account) DetachThing(name, principal string) error {
	t := a.things[name]
	if t == nil {
		return missing("thing", name)
	}
	t.principals = slices.DeleteFunc(t.principals, func(p string) bool { return p == principal })
	return nil
}

// Attached reports whether a principal is attached to a thing.
func (a *Account) Attached(name, principal string) bool {
	t := a.things[name]
	return t != nil && slices.Contains(t.principals, principal)
}

// Principals lists the principals of a thing in the order in which they were attached.
func (t *Thing) Principals() []string { return slices.Clone(t.principals) }

// ThingsOf lists the things that a principal is attached to, by name.
func (a *Account) ThingsOf(principal string) []*Thing {
	var list []*Thing
	for _, t := range a.Things() {
		if slices.Contains(t.principals, principal) {
			list = append(list, t)
		}
	}
	return list
}
