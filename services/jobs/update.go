package jobs

import (
	"context"
	"encoding/json"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/reqres/jsonbody"
)

// Update is a report on an execution.
type Update struct {
	// Status is [InProgress], [Succeeded], [Failed] or [Rejected].
	Status Status
	// Details take the place of those noted before: at most 10, keys up to 128 and values up to 1,024 characters. nil:
	// those noted before stay.
	Details map[string]string
	// ExpectedVersion makes the service refuse with [ErrVersionMismatch] where the execution is at another version. 0:
	// whatever it is.
	ExpectedVersion int64
	Number          int64 // of the execution; 0: the latest
	// StepTimeout begins to count anew, in whole minutes up to 7 days. Negative: it is taken back. 0: as it is.
	StepTimeout time.Duration
	// IncludeState and IncludeDocument ask for what is in the [Updated] of the same name.
	IncludeState, IncludeDocument bool
}

// Updated is the answer to an [Update].
type Updated struct {
	State     *State          `json:"executionState"`
	Document  json.RawMessage `json:"jobDocument"`
	Timestamp time.Time       `json:"-"`
	// Unknown are the members this package does not know.
	Unknown map[string]json.RawMessage `json:"-"`
}

// UnmarshalJSON reads what the service sends.
func (u *Updated) UnmarshalJSON(b []byte) (err error) {
	*u = Updated{}
	u.Unknown, err = jsonbody.Members(b, map[string]any{"executionState": &u.State, "jobDocument": &u.Document,
		"timestamp": (*jsonbody.Seconds)(&u.Timestamp)})
	return err
}

// Update reports on an execution: UpdateJobExecution of the service. Errors: [ErrVersionMismatch],
// [ErrInvalidStateTransition], [ErrTerminal], [ErrNotFound], [ErrInvalidRequest] and others of this package, with the
// state of the execution in the [*Error] where the service gives it; those of package reqres where no answer came: after
// a lost session the report may have been taken.
//
// It publishes to $aws/things/{thing}/jobs/{jobId}/update.
func (c *Client) Update(ctx context.Context, job string, u Update) (*Updated, error) {
	if err := checkJob(job); err != nil {
		return nil, err
	}
	request := map[string]any{"status": u.Status}
	set := func(name string, v any, given bool) {
		if given {
			request[name] = v
		}
	}
	set("statusDetails", u.Details, u.Details != nil)
	set("expectedVersion", u.ExpectedVersion, u.ExpectedVersion != 0)
	set("executionNumber", u.Number, u.Number != 0)
	set("stepTimeoutInMinutes", minutes(u.StepTimeout), u.StepTimeout != 0)
	set("includeJobExecutionState", true, u.IncludeState)
	set("includeJobDocument", true, u.IncludeDocument)
	out := new(Updated)
	if err := c.do(ctx, job+"/update", request, false, out); err != nil {
		return nil, err
	}
	return out, nil
}
