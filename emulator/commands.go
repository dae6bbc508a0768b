package emulator

import (
	"errors"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/emulator/internal/service"
	"github.com/gneiss-mqtt/gneiss-go/emulator/iotcore"
)

// CreateCommand makes a command that can be sent with [Server.StartCommand]. Errors are [*iotcore.Error].
func (s *Server) CreateCommand(c iotcore.Command) error {
	return s.ask(func(now time.Time, v *services) ([]service.Message, error) { return nil, v.commands.Create(now, c) })
}

// StartCommand sends a command to a device and returns the identifier of the execution. A timeout of 0 means 10 s; up to
// 12 hours are possible.
func (s *Server) StartCommand(command string, target iotcore.CommandTarget, timeout time.Duration) (execution string, err error) {
	err = s.ask(func(now time.Time, v *services) ([]service.Message, error) {
		x, out, err := v.commands.Start(now, command, target, timeout)
		execution = x.ID
		return out, err
	})
	return execution, err
}

// CommandExecution returns an execution of a command.
func (s *Server) CommandExecution(id string) (x iotcore.CommandExecution, err error) {
	err = s.ask(func(_ time.Time, v *services) (_ []service.Message, err error) {
		x, err = v.commands.Execution(id)
		return nil, err
	})
	return x, err
}

// InjectFault makes the services fail for the requests that the fault befalls, until it is used up or removed.
func (s *Server) InjectFault(f iotcore.Fault) (remove func(), err error) {
	var id int
	err = s.ask(func(_ time.Time, v *services) ([]service.Message, error) {
		var ok bool
		if id, ok = v.faults.Add(f); !ok {
			return nil, errors.New("emulator: too many faults")
		}
		return nil, nil
	})
	return func() {
		_ = s.ask(func(_ time.Time, v *services) ([]service.Message, error) { // not running: no request either
			v.faults.Remove(id)
			return nil, nil
		})
	}, err
}
