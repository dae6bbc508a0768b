package jobs

import (
	"encoding/json"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/reqres/jsonbody"
)

// Status is how an execution stands. The service may have others than these.
type Status string

// The statuses of the service.
const (
	Queued     Status = "QUEUED"
	InProgress Status = "IN_PROGRESS"
	Succeeded  Status = "SUCCEEDED"
	Failed     Status = "FAILED"
	Rejected   Status = "REJECTED"
	TimedOut   Status = "TIMED_OUT"
	Canceled   Status = "CANCELED"
	Removed    Status = "REMOVED"
)

// Terminal reports whether the execution is at an end.
func (s Status) Terminal() bool {
	switch s {
	case Succeeded, Failed, Rejected, TimedOut, Canceled, Removed:
		return true
	}
	return false
}

// Execution is a job on one thing.
type Execution struct {
	JobID     string            `json:"jobId"`
	Thing     string            `json:"thingName"`
	Document  json.RawMessage   `json:"jobDocument"` // what to do, as the job's author wrote it
	Status    Status            `json:"status"`
	Details   map[string]string `json:"statusDetails"`
	Version   int64             `json:"versionNumber"`   // of the state, from 1
	Number    int64             `json:"executionNumber"` // of this execution among those of the job on the thing
	QueuedAt  time.Time         `json:"-"`
	StartedAt time.Time         `json:"-"` // zero while queued
	UpdatedAt time.Time         `json:"-"`
	// TimeLeft is about how long until the service takes the execution for timed out; 0: it does not.
	TimeLeft time.Duration `json:"-"`
	// Unknown are the members this package does not know.
	Unknown map[string]json.RawMessage `json:"-"`
}

// UnmarshalJSON reads what the service sends.
func (e *Execution) UnmarshalJSON(b []byte) (err error) {
	*e = Execution{}
	var left int64
	e.Unknown, err = jsonbody.Members(b, map[string]any{"jobId": &e.JobID, "thingName": &e.Thing, "jobDocument": &e.Document,
		"status": &e.Status, "statusDetails": &e.Details, "versionNumber": &e.Version, "executionNumber": &e.Number,
		"queuedAt": (*jsonbody.Seconds)(&e.QueuedAt), "startedAt": (*jsonbody.Seconds)(&e.StartedAt),
		"lastUpdatedAt": (*jsonbody.Seconds)(&e.UpdatedAt), "approximateSecondsBeforeTimedOut": &left})
	e.TimeLeft = time.Duration(min(max(left, 0), 1<<32)) * time.Second
	if err == nil && e.JobID != "" { // it becomes a part of topics, and of names of files perhaps
		err = checkJob(e.JobID)
	}
	return err
}

// Summary is an execution in a list.
type Summary struct {
	JobID     string    `json:"jobId"`
	Version   int64     `json:"versionNumber"`
	Number    int64     `json:"executionNumber"`
	QueuedAt  time.Time `json:"-"`
	StartedAt time.Time `json:"-"` // zero while queued
	UpdatedAt time.Time `json:"-"`
	// Unknown are the members this package does not know.
	Unknown map[string]json.RawMessage `json:"-"`
}

// UnmarshalJSON reads what the service sends.
func (s *Summary) UnmarshalJSON(b []byte) (err error) {
	*s = Summary{}
	s.Unknown, err = jsonbody.Members(b, map[string]any{"jobId": &s.JobID, "versionNumber": &s.Version,
		"executionNumber": &s.Number, "queuedAt": (*jsonbody.Seconds)(&s.QueuedAt),
		"startedAt": (*jsonbody.Seconds)(&s.StartedAt), "lastUpdatedAt": (*jsonbody.Seconds)(&s.UpdatedAt)})
	return err
}

// State is how an execution stands, as answers to updates have it.
type State struct {
	Status  Status            `json:"status"`
	Details map[string]string `json:"statusDetails"`
	Version int64             `json:"versionNumber"`
	// Unknown are the members this package does not know.
	Unknown map[string]json.RawMessage `json:"-"`
}

// UnmarshalJSON reads what the service sends.
func (s *State) UnmarshalJSON(b []byte) (err error) {
	*s = State{}
	s.Unknown, err = jsonbody.Members(b, map[string]any{"status": &s.Status, "statusDetails": &s.Details, "versionNumber": &s.Version})
	return err
}

// answer is what has an execution in it, or none.
type answer struct{ Execution *Execution }

// UnmarshalJSON takes an execution without a job for none: the service writes {} in places.
func (a *answer) UnmarshalJSON(b []byte) error {
	_, err := jsonbody.Members(b, map[string]any{"execution": &a.Execution})
	if a.Execution != nil && a.Execution.JobID == "" {
		a.Execution = nil
	}
	return err
}
