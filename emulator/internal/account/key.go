package account

import (
	"fmt"
	"time"
)

// A Key is an access key for Signature Version 4.
type Key struct {
	ID      string
	Secret  string
	Token   string    // the session token; empty for a long-term key
	Expires time.Time // zero: never
	Revoked bool
	// Policies are the documents of the role behind the key. Where there are none, everything is allowed.
	Policies []string
}

// AddKey stores an access key.
func (a *Account) AddKey(k *Key) error {
	switch {
	case k.ID == "" || k.Secret == "":
		return fmt.Errorf("emulator: an access key without identifier or secret %w", ErrInvalid)
	case a.keys[k.ID] != nil:
		return fmt.Errorf("emulator: the access key %q %w", k.ID, ErrExists)
	case len(a.keys) >= maxEntries:
		return full("access keys")
	}
	a.keys[k.ID] = k
	return nil
}

// Key returns an access key, or nil.
func (a *Account) Key(id string) *Key { return a.keys[id] }

// A RoleAlias is what the credentials provider issues access keys for.
type RoleAlias struct {
	Name     string
	Duration time.Duration // of the credentials, 15 minutes to 12 hours
	Policies []string      // see Key
}

// AddRoleAlias makes or replaces a role alias.
func (a *Account) AddRoleAlias(r *RoleAlias) error {
	switch {
	case r.Name == "" || len(r.Name) > 128:
		return fmt.Errorf("emulator: the role alias %q %w", r.Name, ErrInvalid)
	case r.Duration < 15*time.Minute || r.Duration > 12*time.Hour:
		return fmt.Errorf("emulator: the role alias %q, with credentials for %v, %w", r.Name, r.Duration, ErrInvalid)
	case a.aliases[r.Name] == nil && len(a.aliases) >= maxEntries:
		return full("role aliases")
	}
	a.aliases[r.Name] = r
	return nil
}

// RoleAlias returns a role alias, or nil.
func (a *Account) RoleAlias(name string) *RoleAlias { return a.aliases[name] }
