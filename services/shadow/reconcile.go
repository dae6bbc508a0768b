package shadow

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/reqres"
	"github.com/gneiss-mqtt/gneiss-go/core/reqres/jsonbody"
)

// requestTimeout is how long an answer may take while there is a connection.
const requestTimeout = 30 * time.Second

// maxRounds bounds the requests that are made without a pause, whatever the service answers.
const maxRounds = 50

var errRestless = errors.New("the shadow changes faster than it can be followed")

// run does what there is to do, one thing after the other.
func (s *Sync[D]) run() {
	defer close(s.done)
	var stream *reqres.Stream
	defer func() {
		if stream != nil {
			stream.Close()
		}
	}()
	for failures := 0; s.ctx.Err() == nil; {
		err := s.listen(&stream)
		if err == nil {
			err = s.pass()
		}
		if err != nil && s.ctx.Err() == nil {
			if errors.Is(err, ErrVersionConflict) && failures < 3 { // somebody was faster: with what is new, at once
				failures++
				continue
			}
			s.fail(err)
			if ended(err) {
				return
			}
			if !unfit(err) {
				reqres.Pause(s.ctx, failures, time.Minute)
				failures++
				continue
			}
		}
		failures = 0
		select {
		case <-s.kick:
		case <-s.ctx.Done():
		}
	}
}

// listen opens the stream of deltas, and opens it again where it was halted.
func (s *Sync[D]) listen(stream **reqres.Stream) error {
	if *stream != nil {
		if status, _ := (*stream).Status(); status != reqres.Halted {
			return nil
		}
		(*stream).Close()
		*stream = nil
	}
	first := true
	opened, err := s.c.Deltas(s.ctx, s.arrived, func(o *StreamOptions) {
		o.Event = func(e reqres.StreamEvent) {
			if e.Status != reqres.Lost && !first { // the first read is due anyway
				s.missed()
			}
			first = false
		}
		o.Malformed = func(err *MalformedError) { s.report(err) }
	})
	if err != nil {
		return err
	}
	*stream = opened
	s.missed()
	return nil
}

// pass does all there is to do now.
func (s *Sync[D]) pass() error {
	if _, err := s.c.r.MQTT().Connected(s.ctx); err != nil {
		return err
	}
	for range maxRounds {
		s.mu.Lock()
		epoch, read, change := s.epoch, s.read, s.change
		s.read, s.reading, s.change = false, read, nil // what comes from here on is done in the next round
		s.mu.Unlock()
		var wrote bool
		var err error
		switch {
		case read:
			err = s.fetch()
		case change != nil:
			err = s.apply(change)
		default:
			wrote, err = s.write()
		}
		s.mu.Lock()
		s.reading = false
		switch {
		case err != nil && read:
			s.read = true
		case err != nil && change != nil && s.change == nil:
			s.change = change
		case err != nil:
			s.read = true // also after a conflict, or where no answer came
		case !wrote && !read && change == nil:
			s.settled = epoch
			s.tell(nil)
			if s.epoch == epoch {
				s.mu.Unlock()
				return nil
			}
		}
		s.mu.Unlock()
		if err != nil {
			return err
		}
	}
	return errRestless
}

// fetch reads the shadow. A delta that has come meanwhile may be of a later version.
func (s *Sync[D]) fetch() error {
	ctx, cancel := context.WithTimeout(s.ctx, requestTimeout)
	defer cancel()
	doc, err := s.c.Get(ctx)
	if errors.Is(err, ErrNotFound) {
		doc, err = new(Document), nil
	}
	if err != nil {
		return err
	}
	if s.reported, err = tree(doc.State.Reported); err != nil {
		return jsonbody.Malformed(doc.State.Reported, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.change != nil && s.change.Version > doc.Version {
		s.read = s.read || s.change.Version > doc.Version+1
		return nil
	}
	s.version, s.stamp, s.change = doc.Version, doc.Timestamp, nil
	if len(doc.State.Delta) > 0 {
		s.change = &Delta{State: doc.State.Delta, Version: doc.Version, Timestamp: doc.Timestamp}
	}
	return nil
}

// apply lets the application make the device as desired, where it is not. What does not fit D can only be reported: the
// next update brings the whole difference again.
func (s *Sync[D]) apply(d *Delta) error {
	change, err := tree(d.State)
	if err != nil {
		s.report(jsonbody.Malformed(d.State, err))
		return nil
	}
	s.mu.Lock()
	local := s.local
	s.mu.Unlock()
	want, err := fromTree[D](merge(local, change))
	var wanted map[string]any
	if err == nil {
		wanted, err = treeOf(want)
	}
	if err != nil {
		s.report(jsonbody.Malformed(d.State, err))
		return nil
	}
	if len(diff(local, wanted)) == 0 {
		return nil
	}
	was, err := fromTree[D](local)
	if err != nil {
		return err
	}
	now, err := s.call(was, want)
	if err != nil {
		return fmt.Errorf("apply: %w", err)
	}
	is, err := treeOf(now)
	if err != nil {
		return fmt.Errorf("apply returned no JSON object: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	next := merge(s.local, diff(local, is)) // the application may have changed other things meanwhile
	value, err := fromTree[D](next)
	if err != nil {
		return fmt.Errorf("apply returned what does not survive JSON: %w", err)
	}
	s.value, s.local = value, next
	return nil
}

func (s *Sync[D]) call(was, want D) (now D, err error) {
	over := false
	defer func() {
		if !over {
			if v := recover(); v != nil {
				err = fmt.Errorf("panic: %v\n%s", v, debug.Stack())
			}
		}
	}()
	now, err = s.o.Apply(s.ctx, was, want)
	over = true
	return now, err
}

// write reports what the shadow has not.
func (s *Sync[D]) write() (wrote bool, err error) {
	s.mu.Lock()
	patch, lifted, version := diff(s.reported, s.local), s.lifted, s.version
	s.lifted = nil
	s.mu.Unlock()
	u := Update{Version: version}
	if len(patch) > 0 {
		u.Reported = patch
	}
	if len(lifted) > 0 {
		u.Desired = lifted
	}
	if u.Reported == nil && u.Desired == nil {
		return false, nil
	}
	ctx, cancel := context.WithTimeout(s.ctx, requestTimeout)
	defer cancel()
	doc, err := s.c.Update(ctx, u)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.lifted = lift(lifted, s.lifted)
		return false, err
	}
	s.reported = merge(s.reported, patch)
	if doc.Version != version+1 { // a shadow that was made anew, by somebody else perhaps
		s.read = true
	}
	if doc.Version > s.version {
		s.version, s.stamp = doc.Version, doc.Timestamp
	}
	return true, nil
}

// fail notes and reports an error.
func (s *Sync[D]) fail(err error) {
	s.mu.Lock()
	if unfit(err) || ended(err) || denied(err) {
		s.tell(fmt.Errorf("shadow: keep %s: %w", s.c, err))
	}
	s.mu.Unlock()
	s.report(err)
}

// tell wakes those who wait. s.mu is held.
func (s *Sync[D]) tell(failed error) {
	s.failed = failed
	close(s.changed)
	s.changed = make(chan struct{})
}

func (s *Sync[D]) report(err error) {
	if f := s.o.Report; f != nil && s.ctx.Err() == nil {
		f(fmt.Errorf("shadow: keep %s: %w", s.c, err))
	}
}

// unfit reports whether only another value can help.
func unfit(err error) bool {
	_, unmarshalable := errors.AsType[*json.UnsupportedValueError](err)
	return unmarshalable || reqres.TooLong(err) || errors.Is(err, ErrInvalid) || errors.Is(err, ErrTooLarge) || errors.Is(err, ErrUnsupportedEncoding)
}

// denied reports whether only somebody else can help.
func denied(err error) bool {
	_, refused := errors.AsType[*mqtt.ReasonError](err)
	return refused || errors.Is(err, ErrForbidden) || errors.Is(err, ErrUnauthorized) || errors.Is(err, reqres.ErrBudget)
}

// ended reports whether there will never be another answer.
func ended(err error) bool { return errors.Is(err, mqtt.ErrClosed) || errors.Is(err, reqres.ErrClosed) }
