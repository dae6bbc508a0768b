package commands

import (
	"maps"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/gneiss-mqtt/gneiss-go/emulator/internal/service"
	"github.com/gneiss-mqtt/gneiss-go/emulator/iotcore"
)

// Command is the type of the public API.
type Command = iotcore.Command

// Create makes a command.
func (s *Service) Create(now time.Time, c Command) error {
	if e := check(&c); e != nil {
		return e
	}
	switch {
	case s.commands[c.ID] != nil:
		return fail(AlreadyExists, "The command %s exists already", c.ID)
	case len(s.commands) >= maxCommands:
		return fail(LimitExceeded, "There may be %d commands", maxCommands)
	}
	c.Payload = slices.Clone(c.Payload)
	c.CreatedAt, c.UpdatedAt = now, now
	s.commands[c.ID] = &c
	return nil
}

func check(c *Command) *Error {
	switch {
	case !service.ValidName(c.ID, 64, ""):
		return fail(InvalidRequest, "%q is not a command identifier: 1 to 64 letters, digits, hyphens and underscores", c.ID)
	case len(c.Payload) == 0 || len(c.Payload) > maxPayload:
		return fail(InvalidRequest, "The payload must have 1 to %d bytes", maxPayload)
	case len(c.ContentType) > 128 || !utf8.ValidString(c.ContentType):
		return fail(InvalidRequest, "The content type is longer than 128 bytes")
	}
	return nil
}

func (s *Service) command(id string) (*Command, *Error) {
	c := s.commands[id]
	if c == nil {
		return nil, fail(ResourceNotFound, "There is no command %s", id)
	}
	return c, nil
}

// Command returns a command.
func (s *Service) Command(id string) (Command, error) {
	c, e := s.command(id)
	if e != nil {
		return Command{}, e
	}
	return *c, nil
}

// Commands lists the commands by identifier.
func (s *Service) Commands() []Command {
	list := make([]Command, 0, len(s.commands))
	for _, id := range slices.Sorted(maps.Keys(s.commands)) {
		list = append(list, *s.commands[id])
	}
	return list
}

// Update changes what may be changed of a command: the fields that are not nil.
func (s *Service) Update(now time.Time, id string, displayName, description *string, deprecated *bool) (Command, error) {
	c, e := s.command(id)
	if e != nil {
		return Command{}, e
	}
	if displayName != nil {
		c.DisplayName = *displayName
	}
	if description != nil {
		c.Description = *description
	}
	if deprecated != nil {
		c.Deprecated = *deprecated
	}
	c.UpdatedAt = now
	return *c, nil
}

// Delete deletes a command. Its executions stay.
func (s *Service) Delete(id string) error {
	if _, e := s.command(id); e != nil {
		return e
	}
	delete(s.commands, id)
	return nil
}
