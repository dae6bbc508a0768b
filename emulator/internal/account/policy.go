package account

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"unicode"
)

// A Policy is a named policy document.
type Policy struct {
	Name     string
	ARN      string
	Document string
}

// The limits of policies: characters of a document without white space, and policies of a principal.
const (
	MaxPolicyCharacters  = 2048
	MaxPoliciesPerTarget = 10
)

var policyName = regexp.MustCompile(`^[\w+=,.@-]{1,128}$`)

// CreatePolicy makes a policy. Whether the document can be read is the caller's to check, with package policy.
func (a *Account) CreatePolicy(name, document string) (*Policy, error) {
	n := 0
	for _, r := range document {
		if !unicode.IsSpace(r) {
			n++
		}
	}
	switch {
	case !policyName.MatchString(name):
		return nil, fmt.Errorf("emulator: the policy name %q %w", name, ErrInvalid)
	case n > MaxPolicyCharacters:
		return nil, fmt.Errorf("emulator: the policy %q has %d characters, more than %d: %w", name, n, MaxPolicyCharacters, ErrLimit)
	case a.policies[name] != nil:
		return nil, fmt.Errorf("emulator: the policy %q %w", name, ErrExists)
	case len(a.policies) >= maxEntries:
		return nil, full("policies")
	}
	p := &Policy{Name: name, ARN: a.ARN("policy/" + name), Document: document}
	a.policies[name] = p
	return p, nil
}

// SetPolicy makes a policy, or gives the one that has the name another document.
func (a *Account) SetPolicy(name, document string) error {
	old := a.policies[name]
	delete(a.policies, name)
	_, err := a.CreatePolicy(name, document)
	if err != nil && old != nil {
		a.policies[name] = old
	}
	return err
}

// Policy returns a policy, or nil.
func (a *Account) Policy(name string) *Policy { return a.policies[name] }

// Policies lists the policies by name.
func (a *Account) Policies() []*Policy { return sorted(a.policies) }

// DeletePolicy removes a policy that is attached to nothing.
func (a *Account) DeletePolicy(name string) error {
	if a.policies[name] == nil {
		return missing("policy", name)
	}
	for _, names := range a.attached {
		if names[name] {
			return fmt.Errorf("emulator: the policy %q, which is attached, %w for deletion", name, ErrInvalid)
		}
	}
	delete(a.policies, name)
	return nil
}

// AttachPolicy attaches a policy to a principal: the ARN of a certificate, or an identity. A second time changes nothing.
func (a *Account) AttachPolicy(name, target string) error {
	if a.policies[name] == nil {
		return missing("policy", name)
	}
	set := a.attached[target]
	if set == nil {
		if len(a.attached) >= maxEntries {
			return full("policy targets")
		}
		set = map[string]bool{}
		a.attached[target] = set
	}
	if !set[name] && len(set) >= MaxPoliciesPerTarget {
		return fmt.Errorf("emulator: more than %d policies attached to %q: %w", MaxPoliciesPerTarget, target, ErrLimit)
	}
	set[name] = true
	return nil
}

// DetachPolicy undoes AttachPolicy.
func (a *Account) DetachPolicy(name, target string) error {
	if a.policies[name] == nil {
		return missing("policy", name)
	}
	delete(a.attached[target], name)
	return nil
}

// PoliciesOf lists the policies that are attached to a principal, by name.
func (a *Account) PoliciesOf(target string) []*Policy {
	var list []*Policy
	for _, name := range slices.Sorted(maps.Keys(a.attached[target])) {
		list = append(list, a.policies[name])
	}
	return list
}
