package jobs

import (
	"context"
	"time"
)

// StartNext is a request for the next job.
type StartNext struct {
	// Details are noted with the execution if it was queued: at most 10, keys up to 128 and values up to 1,024
	// characters. nil: none.
	Details map[string]string
	// StepTimeout is how long until the service takes the execution for timed out, unless it is set again by an update;
	// in whole minutes up to 7 days. 0: as the job says.
	StepTimeout time.Duration
}

// StartNext returns the next execution, which is in progress from then on: StartNextPendingJobExecution of the service.
// One that was in progress already comes first, and unchanged. nil says that there is none. Errors: [ErrThrottled] and
// others of this package, those of package reqres where no answer came.
//
// It publishes to $aws/things/{thing}/jobs/start-next.
func (c *Client) StartNext(ctx context.Context, r StartNext) (*Execution, error) {
	request := map[string]any{}
	if r.Details != nil {
		request["statusDetails"] = r.Details
	}
	if r.StepTimeout != 0 {
		request["stepTimeoutInMinutes"] = minutes(r.StepTimeout)
	}
	var answer answer
	if err := c.do(ctx, "start-next", request, true, &answer); err != nil {
		return nil, err
	}
	return answer.Execution, nil
}

// minutes rounds up, so that a short time is not none.
func minutes(d time.Duration) int64 {
	if d < 0 {
		return -1
	}
	return int64((d + time.Minute - 1) / time.Minute)
}
