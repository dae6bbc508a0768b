package jobs

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/reqres"
)

// Handler does a job. nil says that it has succeeded, an error that it has failed, and one made by [Reject] that it was
// not begun; the error's text is reported with the key "reason". A panic is a failure.
//
// ctx ends when the job is no longer to be done, because it was canceled or has timed out: its cause is a
// [*CanceledError] then, and nothing is reported. It also ends with the context of [Agent.Run]: then a job whose handler
// returns an error stays in progress, and is handed out again by the next agent, with [Job.Resumed] set.
type Handler func(ctx context.Context, job *Job) error

// AgentOptions are for [NewAgent].
type AgentOptions struct {
	// StepTimeout makes the service take a job for timed out that reports nothing for so long, in whole minutes up to 7
	// days. Each report begins it anew. 0: as the job says.
	StepTimeout time.Duration
	// Report is told of what goes wrong: what is tried again, and what cannot be. nil: nobody is told.
	Report func(err error)
}

// Agent does the jobs of a thing, one after the other: those in progress first, then the others in the order in which
// they were queued.
//
// It subscribes before it asks, so that no notification is missed, and asks again after the broker lost the session. What
// a handler returned is reported until the service has taken it, before the next job begins: no job is done twice, unless
// the process ends in between.
type Agent struct {
	c       *Client
	handler Handler
	o       AgentOptions
	kick    chan struct{} // one slot: there may be a job

	mu      sync.Mutex
	running *Job
	latest  *NextChanged // the latest notification since the last question
}

// NewAgent returns an agent. It does nothing before [Agent.Run].
func NewAgent(c *Client, h Handler, optFns ...func(*AgentOptions)) *Agent {
	a := &Agent{c: c, handler: h, kick: make(chan struct{}, 1)}
	for _, f := range optFns {
		f(&a.o)
	}
	return a
}

// requestTimeout is how long an answer may take while there is a connection.
const requestTimeout = 30 * time.Second

// Run does jobs until ctx ends or the MQTT client is closed, and returns why. It waits for the handler. Run it once at a
// time, and one agent for each thing.
func (a *Agent) Run(ctx context.Context) error {
	var stream *reqres.Stream
	defer func() {
		if stream != nil {
			stream.Close()
		}
	}()
	var begun beginning
	for failures := 0; ; {
		idle := false
		err := a.listen(ctx, &stream)
		if err == nil {
			idle, err = a.next(ctx, &begun)
		}
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err == nil && idle:
			failures = 0
			select {
			case <-a.kick:
			case <-ctx.Done():
			}
		case err == nil:
			failures = 0
		case ended(err):
			return err
		default:
			a.report(err)
			reqres.Pause(ctx, failures, time.Minute)
			failures++
		}
	}
}

// listen opens the stream of notifications, and opens it again where it was halted.
func (a *Agent) listen(ctx context.Context, stream **reqres.Stream) error {
	if *stream != nil {
		if status, _ := (*stream).Status(); status != reqres.Halted {
			return nil
		}
		(*stream).Close()
		*stream = nil
	}
	opened, err := a.c.NextChanges(ctx, a.notified, func(o *StreamOptions) {
		o.Event = func(e reqres.StreamEvent) {
			if e.Status != reqres.Lost {
				a.notified(nil)
			}
		}
		o.Malformed = func(err *MalformedError) {
			a.report(err)
			a.notified(nil)
		}
	})
	if err == nil {
		*stream = opened
	}
	return err
}

// notified looks at what a notification says. nil stands for any that may have been missed.
func (a *Agent) notified(n *NextChanged) {
	if n == nil {
		n = new(NextChanged)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.latest = n
	select {
	case a.kick <- struct{}{}:
	default:
	}
	a.suspect()
}

// suspect has the guard of the job that runs look how it stands, where the latest notification names another one: the job is
// the next one as long as it is not at an end, or another one is ahead of it. a.mu is held.
func (a *Agent) suspect() {
	j, n := a.running, a.latest
	if j == nil || n == nil || n.Execution != nil && n.Execution.JobID == j.JobID && n.Execution.Number == j.Number {
		return
	}
	select {
	case j.doubt <- struct{}{}:
	default:
	}
}

// beginning is what was in progress before an agent began: an earlier process has done a part of it.
type beginning struct {
	over  bool       // nothing of it is left
	found *Execution // what of it comes next
}

// next asks for the next job and does it. idle says that there is none.
func (a *Agent) next(ctx context.Context, begun *beginning) (idle bool, err error) {
	if _, err := a.c.r.MQTT().Connected(ctx); err != nil {
		return false, err
	}
	asking, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	if !begun.over {
		if begun.found, err = a.c.Describe(asking, Next, Describe{NoDocument: true}); err != nil {
			return false, err
		}
		begun.over = begun.found == nil || begun.found.Status != InProgress
	}
	a.mu.Lock()
	a.latest = nil // the answer will know of whatever was notified
	select {
	case <-a.kick:
	default:
	}
	a.mu.Unlock()
	e, err := a.c.StartNext(asking, StartNext{StepTimeout: a.o.StepTimeout})
	if err != nil {
		return false, err
	}
	if e == nil {
		return true, nil
	}
	resumed := !begun.over && begun.found.JobID == e.JobID && begun.found.Number == e.Number
	return false, a.work(ctx, e, resumed)
}

// work does a job and reports how it ended.
func (a *Agent) work(ctx context.Context, e *Execution, resumed bool) error {
	working, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	j := &Job{Execution: *e, Resumed: resumed, a: a, cancel: cancel, doubt: make(chan struct{}, 1), version: e.Version}
	a.mu.Lock()
	a.running = j
	a.suspect() // it may have ended since the service has answered
	a.mu.Unlock()
	var guard sync.WaitGroup
	guarding, stop := context.WithCancel(working)
	guard.Go(func() { a.guard(guarding, j) })
	err := a.call(working, j)
	a.mu.Lock()
	a.running = nil
	a.mu.Unlock()
	stop()
	guard.Wait()
	if _, canceled := errors.AsType[*CanceledError](context.Cause(working)); canceled {
		return nil
	}
	if ctx.Err() != nil {
		if err != nil {
			return ctx.Err() // it stays in progress
		}
		var grace context.CancelFunc
		ctx, grace = context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second) // it is done: say so
		defer grace()
	}
	return j.finish(ctx, err)
}

// guard looks how the job stands when there is doubt, and cancels it where it is at an end.
func (a *Agent) guard(ctx context.Context, j *Job) {
	for {
		select {
		case <-j.doubt:
		case <-ctx.Done():
			return
		}
		for failures := 0; ctx.Err() == nil; failures++ {
			status, err := j.look(ctx)
			if err == nil && status.Terminal() {
				j.cancel(&CanceledError{JobID: j.JobID, Status: status})
				return
			}
			if err == nil || ended(err) {
				break
			}
			if ctx.Err() == nil {
				a.report(err)
			}
			reqres.Pause(ctx, failures, time.Minute)
		}
	}
}

func (a *Agent) report(err error) {
	if f := a.o.Report; f != nil {
		f(err)
	}
}

// ended reports whether there will never be another answer.
func ended(err error) bool { return errors.Is(err, mqtt.ErrClosed) || errors.Is(err, reqres.ErrClosed) }

// CanceledError says that a job is no longer to be done. It is the cause of the handler's context.
type CanceledError struct {
	JobID  string
	Status Status // Canceled, TimedOut, Removed, or empty where the service does not tell
}

// Error gives the status.
func (e *CanceledError) Error() string {
	if e.Status == "" {
		return fmt.Sprintf("jobs: %s is at an end", e.JobID)
	}
	return fmt.Sprintf("jobs: %s is %s", e.JobID, e.Status)
}

// rejection is what Reject returns.
type rejection struct{ reason string }

func (r *rejection) Error() string { return r.reason }

// Reject makes an error by which a handler says that the device does not do the job: it is reported as [Rejected]
// rather than as [Failed].
func Reject(reason string) error { return &rejection{reason} }
