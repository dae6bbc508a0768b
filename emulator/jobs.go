package emulator

import (
	"time"

	"github.com/gneiss-mqtt/gneiss-go/emulator/internal/service"
	"github.com/gneiss-mqtt/gneiss-go/emulator/iotcore"
)

// CreateJob creates a job and queues it for its things. Errors of this and the following methods are [*iotcore.Error].
func (s *Server) CreateJob(j iotcore.Job) error {
	return s.ask(func(now time.Time, v *services) ([]service.Message, error) { return v.jobs.Create(now, j) })
}

// AddJobThings queues a continuous job for more things: 100 altogether at the most.
func (s *Server) AddJobThings(id string, things ...string) error {
	return s.ask(func(now time.Time, v *services) ([]service.Message, error) { return v.jobs.AddThings(now, id, things) })
}

// CancelJob cancels a job where it is queued, and with force where it is in progress too.
func (s *Server) CancelJob(id string, force bool) error {
	return s.ask(func(now time.Time, v *services) ([]service.Message, error) {
		return v.jobs.Cancel(now, id, force, "", "")
	})
}

// CancelJobExecution cancels a job for one thing. Where it is in progress that needs force.
func (s *Server) CancelJobExecution(id, thing string, force bool) error {
	return s.ask(func(now time.Time, v *services) ([]service.Message, error) {
		return v.jobs.CancelExecution(now, id, thing, force, nil)
	})
}

// DeleteJob deletes a job with all its executions. A job in progress needs force.
func (s *Server) DeleteJob(id string, force bool) error {
	return s.ask(func(now time.Time, v *services) ([]service.Message, error) { return v.jobs.Delete(now, id, force) })
}

// Job returns a job.
func (s *Server) Job(id string) (j iotcore.Job, err error) {
	err = s.ask(func(_ time.Time, v *services) (_ []service.Message, err error) {
		j, err = v.jobs.Job(id)
		return nil, err
	})
	return j, err
}

// JobExecution returns the latest execution of a job for a thing, whatever its state.
func (s *Server) JobExecution(id, thing string) (x iotcore.JobExecution, err error) {
	err = s.ask(func(now time.Time, v *services) (_ []service.Message, err error) {
		x, err = v.jobs.Execution(now, id, thing)
		return nil, err
	})
	return x, err
}
