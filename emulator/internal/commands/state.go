package commands

import (
	"encoding/json"
	"fmt"

	"github.com/gneiss-mqtt/gneiss-go/emulator/internal/service"
)

// saved is everything on disk.
type saved struct {
	Commands   []Command   `json:"commands"`
	Executions []Execution `json:"executions"`
}

// Save returns all commands and executions as JSON.
func (s *Service) Save() []byte {
	return service.Encode(saved{s.Commands(), s.Executions("", Target{})})
}

// Load replaces everything by what was saved. On an error nothing has changed.
func (s *Service) Load(text []byte) error {
	var v saved
	if err := json.Unmarshal(text, &v); err != nil {
		return fmt.Errorf("commands: saved commands: %w", err)
	}
	next := New(s.newID)
	for _, c := range v.Commands {
		if e := check(&c); e != nil {
			return fmt.Errorf("commands: saved commands: %w", e)
		}
		next.commands[c.ID] = &c
	}
	for _, x := range v.Executions {
		if !valid(x.Target) || !service.ValidName(x.ID, 64, "") {
			return fmt.Errorf("commands: saved execution %q is damaged", x.ID)
		}
		next.put(&x)
	}
	*s = *next
	return nil
}
