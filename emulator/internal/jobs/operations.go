package jobs

import (
	"encoding/json"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/emulator/internal/service"
)

// call is one operation on its way.
type call struct {
	*request
	now        time.Time
	thing, job string
	answer     answer
	out        []service.Message
}

// answer is the body of an accepted message, of all operations.
type answer struct {
	Execution      *Execution      `json:"execution,omitempty"`
	ExecutionState *State          `json:"executionState,omitempty"`
	JobDocument    json.RawMessage `json:"jobDocument,omitempty"`
	InProgressJobs []Summary       `json:"inProgressJobs,omitzero"`
	QueuedJobs     []Summary       `json:"queuedJobs,omitzero"`
	Timestamp      int64           `json:"timestamp"`
	ClientToken    *string         `json:"clientToken,omitempty"`
}

func (s *Service) do(r *service.Request, op operation) (body []byte, out []service.Message, token *string, e *Error) {
	c := call{request: parse(r.Payload), now: r.Now, thing: op.thing, job: op.job}
	c.answer.Timestamp, c.answer.ClientToken = r.Now.Unix(), c.token()
	if c.err == nil && !service.ValidThing(op.thing) {
		c.err = fail(ResourceNotFound, "No thing can have the name %q", op.thing)
	}
	if c.err == nil {
		op.run(s, &c)
	}
	if c.err != nil {
		return nil, nil, c.answer.ClientToken, c.err
	}
	return service.Encode(c.answer), c.out, c.answer.ClientToken, nil
}

// maxListed is how many executions of each state a list holds, so that it fits into a packet.
const maxListed = 200

func (s *Service) list(c *call) {
	c.answer.InProgressJobs, c.answer.QueuedJobs = []Summary{}, []Summary{}
	for _, x := range s.pending(c.thing) {
		to := &c.answer.QueuedJobs
		if x.status == InProgress {
			to = &c.answer.InProgressJobs
		}
		if len(*to) < maxListed {
			*to = append(*to, x.summary())
		}
	}
}

// startNext hands out the first pending execution, and starts it unless it is in progress already.
func (s *Service) startNext(c *call) {
	details, step := c.details(), c.stepTimeout(false)
	list := s.pending(c.thing)
	if c.err != nil || len(list) == 0 {
		return
	}
	x := list[0]
	if x.status == Queued {
		c.out = s.changing(c.now, c.thing, func() { s.progress(c.now, x, details, step) })
	}
	c.answer.Execution = x.view(c.now, true)
}

// progress records that an execution is in progress. details and step are nil and 0 where they stay, a step of -1 ends
// the current one's timeout.
func (s *Service) progress(now time.Time, x *execution, details map[string]string, step int64) {
	if x.status == Queued {
		x.started = now
		if t := x.job.TimeoutMinutes; t > 0 {
			x.deadline = now.Add(time.Duration(t) * time.Minute)
		}
	}
	x.status, x.updated = InProgress, now
	x.version++
	if details != nil {
		x.details = details
	}
	switch {
	case step > 0:
		x.step = now.Add(time.Duration(step) * time.Minute)
	case step < 0:
		x.step = time.Time{}
	}
	s.arm(x)
}

// find returns the execution that a request names.
func (s *Service) find(c *call) *execution {
	number := c.integer("executionNumber")
	if c.err != nil {
		return nil
	}
	x := s.things[c.thing][c.job]
	if x == nil || number != 0 && number != x.number {
		c.err = fail(ResourceNotFound, "Job %s does not exist for thing %s", c.job, c.thing)
		return nil
	}
	if terminal(x.status) {
		c.err = fail(TerminalStateReached, "Job execution of %s has reached the terminal state %s", c.job, x.status)
		return nil
	}
	return x
}

func (s *Service) describe(c *call) {
	document := c.boolean("includeJobDocument", true)
	if c.job == "$next" {
		if list := s.pending(c.thing); c.err == nil && len(list) > 0 {
			c.answer.Execution = list[0].view(c.now, document)
		}
		return
	}
	if x := s.find(c); x != nil {
		c.answer.Execution = x.view(c.now, document)
	}
}

func (s *Service) update(c *call) {
	status, details, step := c.status(), c.details(), c.stepTimeout(true)
	expected := c.integer("expectedVersion")
	withState, withDocument := c.boolean("includeJobExecutionState", false), c.boolean("includeJobDocument", false)
	x := s.find(c)
	if x == nil {
		return
	}
	switch {
	case expected != 0 && expected != x.version:
		c.err = fail(VersionMismatch, "Expected version %d but found version %d", expected, x.version)
		c.err.State = x.state()
		return
	case status != InProgress && status != Succeeded && status != Failed && status != Rejected:
		c.err = fail(InvalidStateTransition, "An execution cannot be moved from %s to %s by its device", x.status, status)
		c.err.State = x.state()
		return
	}
	c.out = s.changing(c.now, c.thing, func() {
		if status == InProgress {
			s.progress(c.now, x, details, step)
			return
		}
		if details != nil {
			x.details = details
		}
		s.finish(c.now, x, status)
	})
	if withState {
		c.answer.ExecutionState = x.state()
	}
	if withDocument {
		c.answer.JobDocument = x.job.Document
	}
}
