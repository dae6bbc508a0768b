package jobs

import (
	"encoding/json"
	"maps"
	"slices"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/emulator/internal/service"
	"github.com/gneiss-mqtt/gneiss-go/emulator/iotcore"
)

// Create creates a job and queues it for its things.
func (s *Service) Create(now time.Time, j Job) ([]service.Message, error) {
	j.Things, j.Document = slices.Clone(j.Things), slices.Clone(j.Document)
	if e := s.check(&j); e != nil {
		return nil, e
	}
	if s.jobs[j.ID] != nil {
		return nil, fail(AlreadyExists, "Job %s already exists", j.ID)
	}
	if s.count+len(j.Things) > s.limits.Executions {
		return nil, fail(LimitExceeded, "There may be %d job executions", s.limits.Executions)
	}
	j.Status, j.CreatedAt, j.LastUpdatedAt = iotcore.JobInProgress, now, now
	kept := &job{j, map[string]*execution{}}
	s.jobs[j.ID] = kept
	var out []service.Message
	for _, thing := range j.Things {
		out = append(out, s.changing(now, thing, func() { s.add(now, kept, thing, 1) })...)
	}
	return out, nil
}

// AddThings queues a continuous job for more things. Those that have it already keep their executions.
func (s *Service) AddThings(now time.Time, id string, things []string) ([]service.Message, error) {
	j, e := s.job(id)
	if e != nil {
		return nil, e
	}
	if !j.Continuous || j.Status != iotcore.JobInProgress {
		return nil, fail(InvalidRequest, "Job %s is not continuous, or not in progress", id)
	}
	next := j.Job
	next.Things = slices.Concat(j.Things, things)
	if e := s.check(&next); e != nil {
		return nil, e
	}
	if s.count+len(next.Things)-len(j.Things) > s.limits.Executions {
		return nil, fail(LimitExceeded, "There may be %d job executions", s.limits.Executions)
	}
	before := j.Things
	j.Things, j.LastUpdatedAt = next.Things, now
	var out []service.Message
	for _, thing := range j.Things {
		if !slices.Contains(before, thing) {
			out = append(out, s.changing(now, thing, func() { s.add(now, j, thing, 1) })...)
		}
	}
	return out, nil
}

func (s *Service) check(j *Job) *Error {
	switch {
	case !service.ValidName(j.ID, 64, ""):
		return fail(InvalidRequest, "%q is not a job identifier: 1 to 64 letters, digits, hyphens and underscores", j.ID)
	case len(j.Document) > s.limits.Document:
		return fail(LimitExceeded, "The job document is longer than %d bytes", s.limits.Document)
	case !json.Valid(j.Document):
		return fail(InvalidRequest, "The job document is not JSON")
	case len(j.Things) == 0 || len(j.Things) > 100:
		return fail(InvalidRequest, "A job has 1 to 100 targets")
	case j.TimeoutMinutes < 0 || j.TimeoutMinutes > maxTimeout:
		return fail(InvalidRequest, "The timeout must be between 1 and %d minutes", maxTimeout)
	case j.RetryFailed < 0 || j.RetryFailed > 10 || j.RetryTimedOut < 0 || j.RetryTimedOut > 10:
		return fail(InvalidRequest, "There may be 0 to 10 retries")
	}
	slices.Sort(j.Things)
	j.Things = slices.Compact(j.Things)
	for _, thing := range j.Things {
		if !service.ValidThing(thing) {
			return fail(InvalidRequest, "%q is not a name of a thing", thing)
		}
	}
	return nil
}

// Cancel cancels a job: what is queued, and with force what is in progress too.
func (s *Service) Cancel(now time.Time, id string, force bool, reason, comment string) ([]service.Message, error) {
	j, e := s.job(id)
	if e != nil {
		return nil, e
	}
	if j.Status != iotcore.JobInProgress {
		return nil, fail(InvalidStateTransition, "Job %s is %s", id, j.Status)
	}
	j.Status, j.LastUpdatedAt, j.CompletedAt = iotcore.JobCanceled, now, now
	j.ForceCanceled, j.ReasonCode, j.Comment = force, reason, comment
	var out []service.Message
	for _, thing := range slices.Sorted(maps.Keys(j.executions)) {
		if x := j.executions[thing]; x.status == Queued || force && x.status == InProgress {
			out = append(out, s.changing(now, thing, func() { s.finish(now, x, Canceled) })...)
		}
	}
	return out, nil
}

// CancelExecution cancels a job for one thing. What is in progress needs force.
func (s *Service) CancelExecution(now time.Time, id, thing string, force bool, details map[string]string) ([]service.Message, error) {
	x := s.things[thing][id]
	switch {
	case x == nil:
		return nil, fail(ResourceNotFound, "Job %s does not exist for thing %s", id, thing)
	case terminal(x.status), x.status == InProgress && !force:
		return nil, fail(InvalidStateTransition, "The job execution is %s", x.status)
	}
	if details != nil {
		x.details = details
	}
	return s.changing(now, thing, func() { s.finish(now, x, Canceled) }), nil
}

// Delete deletes a job with all executions. A job that is in progress needs force.
func (s *Service) Delete(now time.Time, id string, force bool) ([]service.Message, error) {
	j, e := s.job(id)
	if e != nil {
		return nil, e
	}
	if j.Status == iotcore.JobInProgress && !force {
		return nil, fail(InvalidStateTransition, "Job %s is in progress", id)
	}
	var out []service.Message
	for _, thing := range slices.Sorted(maps.Keys(j.executions)) {
		out = append(out, s.changing(now, thing, func() { s.drop(j.executions[thing]) })...)
	}
	delete(s.jobs, id)
	return out, nil
}

// DeleteExecution deletes the execution of a job for one thing. What is in progress needs force.
func (s *Service) DeleteExecution(now time.Time, id, thing string, force bool) ([]service.Message, error) {
	x := s.things[thing][id]
	switch {
	case x == nil:
		return nil, fail(ResourceNotFound, "Job %s does not exist for thing %s", id, thing)
	case x.status == InProgress && !force:
		return nil, fail(InvalidStateTransition, "The job execution is %s", x.status)
	}
	out := s.changing(now, thing, func() { s.drop(x) })
	x.job.settle(now)
	return out, nil
}

func (s *Service) job(id string) (*job, *Error) {
	j := s.jobs[id]
	if j == nil {
		return nil, fail(ResourceNotFound, "Job %s does not exist", id)
	}
	return j, nil
}

// Job returns a job.
func (s *Service) Job(id string) (Job, error) {
	j, e := s.job(id)
	if e != nil {
		return Job{}, e
	}
	return j.Job, nil
}

// Jobs lists all jobs by identifier.
func (s *Service) Jobs() []Job {
	list := make([]Job, 0, len(s.jobs))
	for _, id := range slices.Sorted(maps.Keys(s.jobs)) {
		list = append(list, s.jobs[id].Job)
	}
	return list
}

// Execution returns the execution of a job for a thing, whatever its state.
func (s *Service) Execution(now time.Time, id, thing string) (Execution, error) {
	x := s.things[thing][id]
	if x == nil {
		return Execution{}, fail(ResourceNotFound, "Job %s does not exist for thing %s", id, thing)
	}
	return *x.view(now, true), nil
}

// Executions lists the executions of a job, of a thing, or of both where neither is empty, by job and thing.
func (s *Service) Executions(id, thing string) []Summary {
	list := []Summary{}
	for _, jobID := range slices.Sorted(maps.Keys(s.jobs)) {
		if id != "" && id != jobID {
			continue
		}
		for _, name := range slices.Sorted(maps.Keys(s.jobs[jobID].executions)) {
			if thing == "" || thing == name {
				x := s.jobs[jobID].executions[name]
				v := x.summary()
				v.ThingName, v.Status, v.VersionNumber = name, x.status, 0
				list = append(list, v)
			}
		}
	}
	return list
}
