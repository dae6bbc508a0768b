package provisioning

import (
	"encoding/json"
	"fmt"

	"github.com/gneiss-mqtt/gneiss-go/emulator/internal/service"
)

// saved is everything on disk. Hooks are not: they are the program's.
type saved struct {
	Templates []Template   `json:"templates"`
	Tokens    []*ownership `json:"tokens"`
	Claims    []claim      `json:"claims"`
}

// Save returns templates, ownership tokens and claims as JSON. Tokens are secrets.
func (s *Service) Save() []byte {
	return service.Encode(saved{s.Templates(), s.aging, s.claims})
}

// Load replaces everything by what was saved. On an error nothing has changed.
func (s *Service) Load(text []byte) error {
	var v saved
	if err := json.Unmarshal(text, &v); err != nil {
		return fmt.Errorf("provisioning: saved templates: %w", err)
	}
	next := New(s.c)
	for _, t := range v.Templates {
		if err := next.Put(t.CreatedAt, t.ProvisioningTemplate); err != nil {
			return fmt.Errorf("provisioning: saved templates: %w", err)
		}
		next.templates[t.Name].UpdatedAt = t.UpdatedAt
	}
	for _, o := range v.Tokens {
		if o == nil || o.Token == "" {
			return fmt.Errorf("provisioning: a saved token is damaged")
		}
		next.remember(o)
	}
	next.claims = v.Claims
	*s = *next
	return nil
}
