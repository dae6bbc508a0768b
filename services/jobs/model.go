package jobs

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"
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
func (e *Execution) UnmarshalJSON(b []byte) error {
	type plain Execution
	*e = Execution{}
	var left int64
	err := takeWith(b, (*plain)(e), map[string]any{"queuedAt": (*seconds)(&e.QueuedAt), "startedAt": (*seconds)(&e.StartedAt),
		"lastUpdatedAt": (*seconds)(&e.UpdatedAt), "approximateSecondsBeforeTimedOut": &left}, &e.Unknown,
		"jobId", "thingName", "jobDocument", "status", "statusDetails", "versionNumber", "executionNumber")
	e.TimeLeft = time.Duration(min(max(left, 0), 1<<32)) * time.Second
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
}

// UnmarshalJSON reads what the service sends.
func (s *Summary) UnmarshalJSON(b []byte) error {
	type plain Summary
	*s = Summary{}
	return takeWith(b, (*plain)(s), map[string]any{"queuedAt": (*seconds)(&s.QueuedAt), "startedAt": (*seconds)(&s.StartedAt),
		"lastUpdatedAt": (*seconds)(&s.UpdatedAt)}, nil)
}

// State is how an execution stands, as answers to updates have it.
type State struct {
	Status  Status            `json:"status"`
	Details map[string]string `json:"statusDetails"`
	Version int64             `json:"versionNumber"`
}

// answer is what has an execution in it, or none.
type answer struct {
	Execution *Execution `json:"execution"`
}

// UnmarshalJSON takes an execution without a job for none: the service writes {} in places.
func (a *answer) UnmarshalJSON(b []byte) error {
	type plain answer
	if err := takeWith(b, (*plain)(a), nil, nil); err != nil {
		return err
	}
	if a.Execution != nil && a.Execution.JobID == "" {
		a.Execution = nil
	}
	return nil
}

var errNoObject = errors.New("not a JSON object")

// takeWith decodes an object into plain, some of its members into special, and leaves in unknown what is neither.
func takeWith(b []byte, plain any, special map[string]any, unknown *map[string]json.RawMessage, known ...string) error {
	var m map[string]json.RawMessage
	if err := json.Unmarshal(b, &m); err != nil || m == nil {
		return errNoObject
	}
	if err := json.Unmarshal(b, plain); err != nil {
		return err
	}
	for name, to := range special {
		if raw, ok := m[name]; ok {
			if err := json.Unmarshal(raw, to); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			delete(m, name)
		}
	}
	for _, name := range known {
		delete(m, name)
	}
	if unknown != nil && len(m) > 0 {
		*unknown = m
	}
	return nil
}

// seconds is a time as the service writes it.
type seconds time.Time

func (s *seconds) UnmarshalJSON(b []byte) error {
	var n *float64
	if err := json.Unmarshal(b, &n); err != nil || n == nil {
		return err
	}
	if *n < 0 || *n > 1<<40 {
		return fmt.Errorf("%s is no time", b)
	}
	*s = seconds(time.Unix(int64(*n), 0))
	return nil
}

func decode(payload []byte, out any) error {
	if err := json.Unmarshal(payload, out); err != nil {
		return &MalformedError{Payload: clip(payload), Err: err}
	}
	return nil
}
