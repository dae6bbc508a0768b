package jobs

import (
	"encoding/json"
	"time"
)

// JobStatus is the state of a job as a whole.
type JobStatus string

// The states of jobs.
const (
	JobInProgress JobStatus = "IN_PROGRESS"
	JobCanceled   JobStatus = "CANCELED"
	JobCompleted  JobStatus = "COMPLETED"
)

// Job is a job to create, and what is known of one.
type Job struct {
	// ID has 1 to 64 letters, digits, hyphens and underscores.
	ID string
	// Document is what devices get: a JSON value of at most 32,768 bytes.
	Document json.RawMessage
	// Things are the names of the things that shall run it, at most 100 of them in one call.
	Things      []string
	Description string
	// TimeoutMinutes is how long an execution may be in progress, 1 to 10,080 minutes; 0 for any time.
	TimeoutMinutes int
	// RetryFailed and RetryTimedOut are how often a thing may try again after FAILED and TIMED_OUT: 0 to 10.
	RetryFailed, RetryTimedOut int

	// Status and what follows are set by the service.
	Status                                JobStatus
	Comment, ReasonCode                   string
	ForceCanceled                         bool
	CreatedAt, LastUpdatedAt, CompletedAt time.Time
}

// job is a job with its executions by thing.
type job struct {
	Job
	executions map[string]*execution
}

// retry reports whether an execution that ended so is tried again.
func (j *job) retry(status Status, number int64) bool {
	switch status {
	case Failed:
		return number <= int64(j.RetryFailed)
	case TimedOut:
		return number <= int64(j.RetryTimedOut)
	}
	return false
}

// settle completes a job that nobody has to run any more.
func (j *job) settle(now time.Time) {
	if j.Status != JobInProgress {
		return
	}
	for _, x := range j.executions {
		if !x.status.terminal() {
			return
		}
	}
	j.Status, j.CompletedAt, j.LastUpdatedAt = JobCompleted, now, now
}
