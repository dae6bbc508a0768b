package account

import (
	"crypto/x509"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"
)

// saved is an account on disk. Access keys are in it.
type saved struct {
	ID, Region   string
	Things       []savedThing
	Certificates []savedCertificate
	Policies     []*Policy
	Attached     map[string][]string // names of policies, by principal
	Keys         []*Key
	Aliases      []*RoleAlias
}

type savedThing struct {
	Thing
	Principals []string
}

type savedCertificate struct {
	DER              []byte
	Status           CertificateStatus
	Created, Updated time.Time
}

// Save returns the account as JSON. It holds secrets.
func (a *Account) Save() []byte {
	v := saved{ID: a.ID, Region: a.Region, Policies: a.Policies(), Attached: map[string][]string{}, Keys: sorted(a.keys), Aliases: sorted(a.aliases)}
	for _, t := range a.Things() {
		v.Things = append(v.Things, savedThing{*t, t.principals})
	}
	for _, c := range a.Certificates() {
		v.Certificates = append(v.Certificates, savedCertificate{c.Leaf.Raw, c.Status, c.Created, c.Updated})
	}
	for target, names := range a.attached {
		if len(names) > 0 {
			v.Attached[target] = slices.Sorted(maps.Keys(names))
		}
	}
	b, err := json.Marshal(v)
	if err != nil {
		panic("emulator: " + err.Error()) // text, numbers and times always are JSON
	}
	return b
}

// Load replaces everything by what was saved for an account of the same number and region. On an error nothing has
// changed.
func (a *Account) Load(text []byte) error {
	var v saved
	if err := json.Unmarshal(text, &v); err != nil {
		return fmt.Errorf("emulator: saved account: %w", err)
	}
	if v.ID != a.ID || v.Region != a.Region {
		return fmt.Errorf("emulator: the saved account is %s in %s, not %s in %s", v.ID, v.Region, a.ID, a.Region)
	}
	next := New(a.ID, a.Region)
	for _, load := range []func(*saved) error{next.loadThings, next.loadCertificates, next.loadPolicies, next.loadKeys} {
		if err := load(&v); err != nil {
			return fmt.Errorf("emulator: saved account: %w", err)
		}
	}
	*a = *next
	return nil
}

func (a *Account) loadThings(v *saved) error {
	for _, s := range v.Things {
		t, err := a.CreateThing(s.Name)
		if err != nil {
			return err
		}
		*t = s.Thing
		t.principals = s.Principals
		if t.Attributes == nil {
			t.Attributes = map[string]string{}
		}
	}
	return nil
}

func (a *Account) loadCertificates(v *saved) error {
	for _, s := range v.Certificates {
		leaf, err := x509.ParseCertificate(s.DER)
		if err != nil {
			return err
		}
		c, err := a.AddCertificate(leaf, s.Status, s.Created)
		if err != nil {
			return err
		}
		c.Updated = s.Updated
	}
	return nil
}

func (a *Account) loadPolicies(v *saved) error {
	for _, p := range v.Policies {
		if p == nil {
			return fmt.Errorf("a policy %w", ErrInvalid)
		}
		if _, err := a.CreatePolicy(p.Name, p.Document); err != nil {
			return err
		}
	}
	for target, names := range v.Attached {
		for _, name := range names {
			if err := a.AttachPolicy(name, target); err != nil {
				return err
			}
		}
	}
	return nil
}

func (a *Account) loadKeys(v *saved) error {
	for _, k := range v.Keys {
		if k == nil {
			return fmt.Errorf("an access key %w", ErrInvalid)
		}
		if err := a.AddKey(k); err != nil {
			return err
		}
	}
	for _, r := range v.Aliases {
		if r == nil {
			return fmt.Errorf("a role alias %w", ErrInvalid)
		}
		if err := a.AddRoleAlias(r); err != nil {
			return err
		}
	}
	return nil
}
