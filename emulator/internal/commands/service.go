package commands

import (
	"cmp"
	"slices"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/packet"
	"github.com/gneiss-mqtt/gneiss-go/emulator/internal/service"
	"github.com/gneiss-mqtt/gneiss-go/emulator/iotcore"
)

// The limits of the service, and how many of each there may be here.
const (
	DefaultTimeout = 10 * time.Second
	MaxTimeout     = 12 * time.Hour
	maxPayload     = 128 << 10
	maxCommands    = 10_000
	maxExecutions  = 100_000
)

// Service holds commands and their executions. Its calls must not be concurrent.
type Service struct {
	newID      func() string
	commands   map[string]*Command
	executions map[string]*Execution
	order      []string // identifiers of executions, oldest first

	waiting map[*Execution]struct{} // executions that can time out
	next    time.Time               // the earliest of them
	stale   bool                    // next has to be found again
}

// New returns a service without commands. newID makes identifiers for executions.
func New(newID func() string) *Service {
	return &Service{newID: newID, commands: map[string]*Command{}, executions: map[string]*Execution{}, waiting: map[*Execution]struct{}{}}
}

// Start sends a command to a device and returns the execution. A timeout of 0 means 10 s.
func (s *Service) Start(now time.Time, id string, target Target, timeout time.Duration) (Execution, []service.Message, error) {
	c, e := s.command(id)
	if e != nil {
		return Execution{}, nil, e
	}
	if timeout == 0 {
		timeout = DefaultTimeout
	}
	switch {
	case c.Deprecated:
		return Execution{}, nil, fail(InvalidRequest, "The command %s is deprecated", id)
	case !valid(target):
		return Execution{}, nil, fail(InvalidRequest, "%s/%s is not a target", target.Kind, target.ID)
	case timeout < time.Second || timeout > MaxTimeout:
		return Execution{}, nil, fail(InvalidRequest, "The timeout must be between 1 second and 12 hours")
	}
	s.makeRoom()
	x := &Execution{ID: s.newID(), Command: id, Target: target, Status: Created, Timeout: timeout, CreatedAt: now, UpdatedAt: now}
	s.put(x)
	return *x, []service.Message{request(x, c)}, nil
}

// request is the message to the device.
func request(x *Execution, c *Command) service.Message {
	topic := prefix(x) + "request"
	switch c.ContentType {
	case "application/json":
		topic += "/json"
	case "application/cbor":
		topic += "/cbor"
	}
	m := service.Broadcast(topic, c.Payload)
	m.Packet.ContentType = c.ContentType
	m.Packet.MessageExpiry = packet.Some(uint32(x.Timeout / time.Second))
	return m
}

func (s *Service) put(x *Execution) {
	s.executions[x.ID] = x
	s.order = append(s.order, x.ID)
	s.arm(x)
}

// makeRoom forgets the oldest execution where there are too many.
func (s *Service) makeRoom() {
	for len(s.order) >= maxExecutions {
		if x := s.executions[s.order[0]]; x != nil {
			s.drop(x)
		}
		s.order = s.order[1:]
	}
}

func (s *Service) drop(x *Execution) {
	delete(s.executions, x.ID)
	delete(s.waiting, x)
	s.stale = true
}

// arm takes note of whether an execution can time out.
func (s *Service) arm(x *Execution) {
	s.stale = true
	if waits(x) {
		s.waiting[x] = struct{}{}
	} else {
		delete(s.waiting, x)
	}
}

// NextWake returns when Wake has something to do.
func (s *Service) NextWake() (time.Time, bool) {
	if s.stale {
		s.next, s.stale = time.Time{}, false
		for x := range s.waiting {
			if at := deadline(x); s.next.IsZero() || at.Before(s.next) {
				s.next = at
			}
		}
	}
	return s.next, !s.next.IsZero()
}

// Wake times out what has not been answered. The device may still answer.
func (s *Service) Wake(now time.Time) []service.Message {
	for x := range s.waiting {
		if !now.Before(deadline(x)) {
			x.Status, x.UpdatedAt, x.EndedAt = TimedOut, now, now
			x.Reason = &Reason{Code: iotcore.NoResponse}
			delete(s.waiting, x)
			s.stale = true
		}
	}
	return nil
}

// Execution returns an execution.
func (s *Service) Execution(id string) (Execution, error) {
	x := s.executions[id]
	if x == nil {
		return Execution{}, fail(ResourceNotFound, "There is no command execution %s", id)
	}
	return *x, nil
}

// DeleteExecution forgets an execution that has come to an end.
func (s *Service) DeleteExecution(id string) error {
	x := s.executions[id]
	switch {
	case x == nil:
		return fail(ResourceNotFound, "There is no command execution %s", id)
	case waits(x):
		return fail(InvalidRequest, "The command execution is %s", x.Status)
	}
	s.drop(x)
	return nil
}

// Executions lists the executions of a command or of all, for a target or for all, oldest first.
func (s *Service) Executions(command string, target Target) []Execution {
	var list []Execution
	for _, x := range s.executions {
		if (command == "" || x.Command == command) && (target == Target{} || x.Target == target) {
			list = append(list, *x)
		}
	}
	slices.SortFunc(list, func(a, b Execution) int { return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), cmp.Compare(a.ID, b.ID)) })
	return list
}
