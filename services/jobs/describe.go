package jobs

import "context"

// Next stands for the next execution in [Client.Describe].
const Next = "$next"

// Describe is a request for an execution.
type Describe struct {
	Number     int64 // of the execution; 0: the latest
	NoDocument bool  // leave out the document of the job
}

// Describe returns an execution: DescribeJobExecution of the service. With [Next] it returns what StartNext would start,
// nil where there is none. Errors: [ErrNotFound], [ErrTerminal] and others of this package, those of package reqres where
// no answer came.
//
// It publishes to $aws/things/{thing}/jobs/{jobId}/get.
func (c *Client) Describe(ctx context.Context, job string, r Describe) (*Execution, error) {
	if job != Next {
		if err := checkJob(job); err != nil {
			return nil, err
		}
	}
	request := map[string]any{"includeJobDocument": !r.NoDocument}
	if r.Number != 0 {
		request["executionNumber"] = r.Number
	}
	var answer answer
	if err := c.do(ctx, job+"/get", request, true, &answer); err != nil {
		return nil, err
	}
	return answer.Execution, nil
}
