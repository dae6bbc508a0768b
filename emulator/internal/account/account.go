package account

import (
	"errors"
	"fmt"
	"maps"
	"slices"
)

// The errors of lookups and changes. They are wrapped with the name that was asked for.
var (
	ErrNotFound = errors.New("not found")
	ErrExists   = errors.New("exists already")
	ErrInvalid  = errors.New("is not valid")
	ErrLimit    = errors.New("limit exceeded")
)

// An Account holds everything by name. Its maps are bounded by maxEntries each.
type Account struct {
	// ID is the twelve digits of the account, Region its region: both are part of every ARN.
	ID, Region string

	things       map[string]*Thing
	certificates map[string]*Certificate
	policies     map[string]*Policy
	attached     map[string]map[string]bool // by principal: names of policies
	keys         map[string]*Key
	aliases      map[string]*RoleAlias
}

// maxEntries bounds each kind of thing, so that a loop in a program under test ends in an error.
const maxEntries = 100_000

// New returns an empty account.
func New(id, region string) *Account {
	return &Account{
		ID: id, Region: region,
		things: map[string]*Thing{}, certificates: map[string]*Certificate{}, policies: map[string]*Policy{},
		attached: map[string]map[string]bool{}, keys: map[string]*Key{}, aliases: map[string]*RoleAlias{},
	}
}

// ARN returns the name of a resource: "cert/ID", "thing/NAME", "policy/NAME", "rolealias/NAME", "client/ID",
// "topic/TOPIC", "topicfilter/FILTER".
func (a *Account) ARN(resource string) string {
	return "arn:aws:iot:" + a.Region + ":" + a.ID + ":" + resource
}

func missing(what, name string) error {
	return fmt.Errorf("emulator: %s %q: %w", what, name, ErrNotFound)
}

func full(what string) error {
	return fmt.Errorf("emulator: more than %d of %s: %w", maxEntries, what, ErrLimit)
}

// sorted returns the values in the order of their keys.
func sorted[V any](m map[string]V) []V {
	list := make([]V, 0, len(m))
	for _, k := range slices.Sorted(maps.Keys(m)) {
		list = append(list, m[k])
	}
	return list
}
