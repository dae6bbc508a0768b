package jobs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/reqres"
)

// Job is an execution that an agent's handler does. The fields are as they were when it began.
type Job struct {
	Execution
	// Resumed says that the job was in progress before the agent began: an earlier process has done a part of it.
	Resumed bool

	a      *Agent
	cancel context.CancelCauseFunc
	doubt  chan struct{} // one slot: it may be at an end

	sending sync.Mutex // one report at a time
	mu      sync.Mutex
	version int64
	details map[string]string
	noted   bool // details are to be reported
}

// Decode reads the job's document into v.
func (j *Job) Decode(v any) error {
	if err := json.Unmarshal(j.Document, v); err != nil {
		return fmt.Errorf("jobs: the document of %s: %w", j.JobID, err)
	}
	return nil
}

// Note sets details that are sent with the next report, the last one included. Keys that are not named stay. There are
// 10 at the most, keys have up to 128 characters and values up to 1,024.
func (j *Job) Note(details map[string]string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.details == nil {
		j.details = maps.Clone(j.Details)
	}
	if j.details == nil {
		j.details = make(map[string]string)
	}
	maps.Copy(j.details, details)
	j.noted = true
}

// Progress reports that the job is in progress, with these details and those of [Job.Note], and begins the step timeout
// anew. Where the job is at an end it cancels the handler's context and returns a [*CanceledError]. Other errors say that
// the report was not taken, or perhaps not: the job may go on.
func (j *Job) Progress(ctx context.Context, details map[string]string) error {
	j.Note(details)
	err := j.send(ctx, InProgress, nil)
	if canceled, ok := errors.AsType[*CanceledError](err); ok {
		j.cancel(canceled)
	}
	return err
}

// send reports a status, with the version that was reported last. Where another one is found the job is in somebody
// else's hands too, or the answer to an earlier report was lost: it goes on from there, unless the job is at an end.
func (j *Job) send(ctx context.Context, status Status, extra map[string]string) error {
	j.sending.Lock()
	defer j.sending.Unlock()
	for range 5 {
		u := Update{Status: status, Number: j.Number, IncludeState: true}
		if status == InProgress {
			u.StepTimeout = j.a.o.StepTimeout
		}
		j.mu.Lock()
		u.ExpectedVersion = j.version
		if j.noted || extra != nil {
			u.Details = maps.Clone(j.details)
			if u.Details == nil {
				u.Details = maps.Clone(j.Details)
			}
			if u.Details == nil {
				u.Details = make(map[string]string)
			}
			maps.Copy(u.Details, extra)
		}
		j.mu.Unlock()
		done, err := j.a.c.Update(ctx, j.JobID, u)
		refused, _ := errors.AsType[*Error](err)
		switch {
		case err == nil:
			j.mu.Lock()
			j.version++
			if done.State != nil && done.State.Version > 0 {
				j.version = done.State.Version
			}
			j.mu.Unlock()
			return nil
		case refused == nil:
			return err
		case refused.State != nil && refused.State.Status == status && status.Terminal():
			return nil // the service has it, and its answer was lost
		case refused.State != nil && refused.State.Status.Terminal():
			return &CanceledError{JobID: j.JobID, Status: refused.State.Status}
		case errors.Is(err, ErrTerminal), errors.Is(err, ErrNotFound):
			return &CanceledError{JobID: j.JobID}
		case errors.Is(err, ErrVersionMismatch) && refused.State != nil:
			j.mu.Lock()
			j.version = refused.State.Version
			j.mu.Unlock()
		default:
			return err
		}
	}
	return ErrVersionMismatch
}

// finish reports how the job ended, until the service has taken that.
func (j *Job) finish(ctx context.Context, result error) error {
	status, extra := Succeeded, map[string]string(nil)
	if result != nil {
		status, extra = Failed, map[string]string{"reason": printable(result.Error())}
		if _, ok := errors.AsType[*rejection](result); ok {
			status = Rejected
		}
	}
	perhaps := false // the service has it
	client := j.a.c.r.MQTT()
	connects := client.Stats().Connects
	for failures := 0; ; failures++ {
		asking, cancel := context.WithTimeout(ctx, requestTimeout)
		_, err := client.Connected(ctx)
		if err == nil {
			err = j.send(asking, status, extra)
		}
		cancel()
		perhaps = perhaps || client.Stats().Connects != connects // QoS 1: it may have been sent twice
		canceled, _ := errors.AsType[*CanceledError](err)
		switch {
		case err == nil || ended(err):
			return err
		case canceled != nil && canceled.Status == "" && perhaps:
			return nil // TerminalStateReached comes without the state: it is ours, and the answer was lost
		case ctx.Err() != nil:
			return ctx.Err()
		case canceled != nil || errors.Is(err, ErrInvalidStateTransition):
			j.a.report(fmt.Errorf("jobs: %s cannot be reported as %s: %w", j.JobID, status, err))
			return nil
		case (errors.Is(err, ErrInvalidRequest) || reqres.TooLong(err)) && (extra != nil || j.isNoted()):
			j.a.report(fmt.Errorf("jobs: %s is reported without details: %w", j.JobID, err))
			j.mu.Lock()
			extra, j.noted = nil, false // more important than why is that it has ended
			j.mu.Unlock()
		default:
			_, refused := errors.AsType[*Error](err)
			perhaps = perhaps || !refused && !reqres.NotSent(err)
			j.a.report(err)
			reqres.Pause(ctx, failures, time.Minute)
		}
	}
}

func (j *Job) isNoted() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.noted
}

// look asks how the execution stands. One that is not there any more counts as removed.
func (j *Job) look(ctx context.Context) (Status, error) {
	if _, err := j.a.c.r.MQTT().Connected(ctx); err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	e, err := j.a.c.Describe(ctx, j.JobID, Describe{Number: j.Number, NoDocument: true})
	switch {
	case errors.Is(err, ErrNotFound), err == nil && e == nil:
		return Removed, nil
	case errors.Is(err, ErrTerminal):
		if refused, _ := errors.AsType[*Error](err); refused.State != nil && refused.State.Status.Terminal() {
			return refused.State.Status, nil
		}
		return Canceled, nil
	case err != nil:
		return "", err
	}
	return e.Status, nil
}

// call runs the handler, whose panic is a failure.
func (a *Agent) call(ctx context.Context, j *Job) (err error) {
	over := false
	defer func() {
		if over {
			return
		}
		v := recover()
		err = fmt.Errorf("panic: %v", v)
		a.report(fmt.Errorf("jobs: the handler of %s: %w\n%s", j.JobID, err, debug.Stack()))
	}()
	err = a.handler(ctx, j)
	over = true
	return err
}

// printable makes a text that the service takes as a detail: without control characters, 1,024 characters at the most.
func printable(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
	if runes := []rune(s); len(runes) > 1000 {
		s = string(runes[:1000]) + "..."
	}
	if s == "" {
		return "failed"
	}
	return s
}
