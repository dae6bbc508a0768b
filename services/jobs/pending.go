package jobs

import (
	"context"
	"time"
)

// Pending are the executions that are not at an end.
type Pending struct {
	InProgress []Summary `json:"inProgressJobs"`
	Queued     []Summary `json:"queuedJobs"`
	Timestamp  time.Time `json:"-"`
}

// UnmarshalJSON reads what the service sends.
func (p *Pending) UnmarshalJSON(b []byte) error {
	type plain Pending
	return takeWith(b, (*plain)(p), map[string]any{"timestamp": (*seconds)(&p.Timestamp)}, nil)
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
