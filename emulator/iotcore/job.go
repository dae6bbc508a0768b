package iotcore

import (
	"encoding/json"
	"time"
)

// Job is a job to create, and what is known of one.
type Job struct {
	// ID has 1 to 64 letters, digits, hyphens and underscores.
	ID string
	// Document is what devices get: a JSON value of at most 32,768 bytes.
	Document json.RawMessage
	// Things are the names of the things that shall run it: 1 to 100, registered or not.
	Things      []string
	Description string
	// Continuous keeps the job in progress when all things are through: more can be added, until it is canceled.
	Continuous bool
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

// JobStatus is the state of a job as a whole.
type JobStatus string

// The states of jobs.
const (
	JobInProgress JobStatus = "IN_PROGRESS"
	JobCanceled   JobStatus = "CANCELED"
	JobCompleted  JobStatus = "COMPLETED"
)

// ExecutionStatus is the state of a job on one thing.
type ExecutionStatus string

// The states of executions. All but the first two are terminal.
const (
	ExecutionQueued     ExecutionStatus = "QUEUED"
	ExecutionInProgress ExecutionStatus = "IN_PROGRESS"
	ExecutionSucceeded  ExecutionStatus = "SUCCEEDED"
	ExecutionFailed     ExecutionStatus = "FAILED"
	ExecutionRejected   ExecutionStatus = "REJECTED"
	ExecutionTimedOut   ExecutionStatus = "TIMED_OUT"
	ExecutionCanceled   ExecutionStatus = "CANCELED"
	ExecutionRemoved    ExecutionStatus = "REMOVED"
)

// JobExecution is a job on one thing, in the form in which devices see it. Times are seconds since 1970.
type JobExecution struct {
	JobID           string            `json:"jobId"`
	ThingName       string            `json:"thingName,omitempty"`
	Status          ExecutionStatus   `json:"status"`
	StatusDetails   map[string]string `json:"statusDetails,omitempty"`
	QueuedAt        int64             `json:"queuedAt"`
	StartedAt       int64             `json:"startedAt,omitempty"`
	LastUpdatedAt   int64             `json:"lastUpdatedAt"`
	VersionNumber   int64             `json:"versionNumber"`
	ExecutionNumber int64             `json:"executionNumber"`
	// SecondsLeft is how long it may go on; nil without a timeout.
	SecondsLeft *int64          `json:"approximateSecondsBeforeTimedOut,omitempty"`
	JobDocument json.RawMessage `json:"jobDocument,omitempty"`
}
