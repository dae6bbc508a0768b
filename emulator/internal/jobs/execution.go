package jobs

import (
	"time"

	"github.com/gneiss-mqtt/gneiss-go/emulator/iotcore"
)

// The types of the public API, which are the same.
type (
	Status    = iotcore.ExecutionStatus
	Execution = iotcore.JobExecution
)

// The states of executions. All but the first two are terminal.
const (
	Queued     = iotcore.ExecutionQueued
	InProgress = iotcore.ExecutionInProgress
	Succeeded  = iotcore.ExecutionSucceeded
	Failed     = iotcore.ExecutionFailed
	Rejected   = iotcore.ExecutionRejected
	TimedOut   = iotcore.ExecutionTimedOut
	Canceled   = iotcore.ExecutionCanceled
	Removed    = iotcore.ExecutionRemoved
)

func terminal(s Status) bool { return s != Queued && s != InProgress }

// execution is a job on a thing.
type execution struct {
	job     *job
	thing   string
	order   uint64 // of creation, among all executions
	number  int64
	version int64
	status  Status
	details map[string]string

	queued, started, updated time.Time

	deadline time.Time // of the execution; zero for none
	step     time.Time // of its current step; zero for none
}

// due returns the earlier of the two deadlines, the zero time for none.
func (x *execution) due() time.Time {
	if x.deadline.IsZero() || !x.step.IsZero() && x.step.Before(x.deadline) {
		return x.step
	}
	return x.deadline
}

// Summary is an entry in a list of executions.
type Summary struct {
	JobID           string `json:"jobId"`
	ThingName       string `json:"thingName,omitempty"`
	Status          Status `json:"status,omitempty"`
	QueuedAt        int64  `json:"queuedAt"`
	StartedAt       int64  `json:"startedAt,omitempty"`
	LastUpdatedAt   int64  `json:"lastUpdatedAt"`
	VersionNumber   int64  `json:"versionNumber,omitempty"`
	ExecutionNumber int64  `json:"executionNumber"`
}

// State is the part of an execution that its device can change.
type State struct {
	Status        Status            `json:"status"`
	StatusDetails map[string]string `json:"statusDetails,omitempty"`
	VersionNumber int64             `json:"versionNumber"`
}

func (x *execution) summary() Summary {
	return Summary{JobID: x.job.ID, QueuedAt: unix(x.queued), StartedAt: unix(x.started), LastUpdatedAt: unix(x.updated),
		VersionNumber: x.version, ExecutionNumber: x.number}
}

func (x *execution) view(now time.Time, document bool) *Execution {
	v := &Execution{JobID: x.job.ID, ThingName: x.thing, Status: x.status, StatusDetails: x.details, QueuedAt: unix(x.queued),
		StartedAt: unix(x.started), LastUpdatedAt: unix(x.updated), VersionNumber: x.version, ExecutionNumber: x.number}
	if due := x.due(); !due.IsZero() {
		v.SecondsLeft = new(max(0, int64(due.Sub(now)/time.Second)))
	}
	if document {
		v.JobDocument = x.job.Document
	}
	return v
}

func (x *execution) state() *State { return &State{x.status, x.details, x.version} }

func unix(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Unix()
}
