package jobs

import (
	"context"
	"encoding/json"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/reqres/jsonbody"
)

// Pending are the executions that are not at an end.
type Pending struct {
	InProgress []Summary `json:"inProgressJobs"`
	Queued     []Summary `json:"queuedJobs"`
	Timestamp  time.Time `json:"-"`
	// Unknown are the members this package does not know.
	Unknown map[string]json.RawMessage `json:"-"`
}

// UnmarshalJSON reads what the service sends.
func (p *Pending) UnmarshalJSON(b []byte) (err error) {
	*p = Pending{}
	p.Unknown, err = jsonbody.Members(b, map[string]any{"inProgressJobs": &p.InProgress, "queuedJobs": &p.Queued,
		"timestamp": (*jsonbody.Seconds)(&p.Timestamp)})
	return err
}

// Pending returns the executions that are not at an end: GetPendingJobExecutions of the service. Errors: those of this
// package, and of package reqres where no answer came.
//
// It publishes to $aws/things/{thing}/jobs/get.
func (c *Client) Pending(ctx context.Context) (*Pending, error) {
	p := new(Pending)
	if err := c.do(ctx, "get", map[string]any{}, true, p); err != nil {
		return nil, err
	}
	return p, nil
}
