package shadow

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/emulator/internal/service"
)

// saved is a shadow on disk, or the memory of a deleted one.
type saved struct {
	Thing    string          `json:"thing"`
	Name     string          `json:"name,omitempty"`
	Version  int64           `json:"version"`
	State    json.RawMessage `json:"state,omitempty"`
	Metadata json.RawMessage `json:"metadata,omitempty"`
	Deleted  *time.Time      `json:"forgetVersionAt,omitempty"`
}

// Save returns all shadows as JSON.
func (s *Service) Save() []byte {
	list := make([]saved, 0, len(s.docs)+len(s.graves))
	for k, d := range s.docs {
		list = append(list, saved{Thing: k.thing, Name: k.name, Version: d.version, State: service.Encode(d.state), Metadata: service.Encode(d.meta)})
	}
	for k, g := range s.graves {
		list = append(list, saved{Thing: k.thing, Name: k.name, Version: g.version, Deleted: &g.until})
	}
	slices.SortFunc(list, func(a, b saved) int { return cmp.Or(cmp.Compare(a.Thing, b.Thing), cmp.Compare(a.Name, b.Name)) })
	return service.Encode(list)
}

// Load replaces the shadows by those that were saved. On an error nothing has changed.
func (s *Service) Load(text []byte) error {
	var list []saved
	if err := json.Unmarshal(text, &list); err != nil {
		return fmt.Errorf("shadow: saved shadows: %w", err)
	}
	next := New(s.limits)
	slices.SortStableFunc(list, func(a, b saved) int { return byDeletion(a.Deleted, b.Deleted) })
	for _, v := range list {
		k := key{v.Thing, v.Name}
		if v.Version <= 0 || !service.ValidThing(k.thing) {
			return fmt.Errorf("shadow: saved shadows: %q, version %d, is none", v.Thing, v.Version)
		}
		if v.Deleted != nil {
			next.bury(k, v.Version, *v.Deleted)
			continue
		}
		d := &document{version: v.Version}
		var err error
		if d.state, err = service.DecodeObject(v.State); err != nil {
			return fmt.Errorf("shadow: saved state of %q: %w", v.Thing, err)
		}
		if d.meta, err = service.DecodeObject(v.Metadata); err != nil {
			return fmt.Errorf("shadow: saved metadata of %q: %w", v.Thing, err)
		}
		next.docs[k] = d
	}
	*s = *next
	return nil
}

// byDeletion puts what is not deleted first.
func byDeletion(a, b *time.Time) int {
	switch {
	case a == nil && b == nil:
		return 0
	case a == nil:
		return -1
	case b == nil:
		return 1
	}
	return a.Compare(*b)
}
