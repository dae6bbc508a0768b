package jobs

import (
	"time"

	"github.com/gneiss-mqtt/gneiss-go/emulator/iotcore"
)

// Job is the type of the public API.
type Job = iotcore.Job

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
	if j.Status != iotcore.JobInProgress || j.Continuous {
		return
	}
	for _, x := range j.executions {
		if !terminal(x.status) {
			return
		}
	}
	j.Status, j.CompletedAt, j.LastUpdatedAt = iotcore.JobCompleted, now, now
}
