package shadow

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// SyncOptions are for [Start].
type SyncOptions[D any] struct {
	// Apply makes the device as desired, and returns how it is then: want, or something else where it cannot. It is
	// called for one change at a time, and may change both values as it likes. What it returns is reported. An error, or a
	// panic, leaves the device as it was; it goes to Report, and Apply is called again after a while. ctx ends with the
	// Sync. nil: the value becomes want.
	Apply func(ctx context.Context, was, want D) (D, error)
	// LocalWins makes [Sync.Set] and [Sync.Change] take back what is desired for the values that they change. By
	// default what is desired wins: the service sends it again, and Apply is called.
	LocalWins bool
	// Report is told of what goes wrong: what is tried again, and what cannot be. nil: nobody is told.
	Report func(err error)
}

// Sync keeps a value of the device and the reported section of its shadow equal, and lets applications change the value
// through the desired section.
//
// It writes only what has changed, and nothing where nothing has. Every write names the version it is based on: where
// somebody else was faster, the shadow is read again and the difference made anew. Deltas that are older than what is
// known are ignored. After the broker lost the session the shadow is read again, because deltas may have been missed.
type Sync[D any] struct {
	c      *Client
	o      SyncOptions[D]
	ctx    context.Context
	cancel context.CancelFunc
	done   chan struct{}
	kick   chan struct{} // one slot: there may be something to do

	mu      sync.Mutex
	value   D
	local   map[string]any // tree of value
	lifted  map[string]any // what is taken back of desired, with LocalWins
	read    bool           // the shadow has to be read
	reading bool           // it is being read
	change  *Delta         // the latest one, not applied
	version int64          // of the shadow, the latest known
	stamp   time.Time      // of that version
	epoch   uint64         // counts what has to be done
	settled uint64         // the epoch up to which it is done
	failed  error          // why it cannot be done for now
	changed chan struct{}  // closed and replaced with settled and failed

	reported map[string]any // of version; the goroutine's alone
}

// Start keeps a value and a shadow equal until [Sync.Close]. The value is what the device has now. Start returns at once,
// and waits for no connection: [Sync.Wait] does. D has to become a JSON object, and is copied through JSON: what that
// leaves out is lost. Null and empty objects count as absent.
func Start[D any](c *Client, value D, optFns ...func(*SyncOptions[D])) (*Sync[D], error) {
	s := &Sync[D]{c: c, done: make(chan struct{}), kick: make(chan struct{}, 1), read: true, epoch: 1,
		changed: make(chan struct{})}
	for _, f := range optFns {
		f(&s.o)
	}
	if s.o.Apply == nil {
		s.o.Apply = func(_ context.Context, _, want D) (D, error) { return want, nil }
	}
	var err error
	if s.local, err = treeOf(value); err != nil {
		return nil, fmt.Errorf("shadow: the value is no JSON object: %w", err)
	}
	if s.value, err = fromTree[D](s.local); err != nil {
		return nil, fmt.Errorf("shadow: the value does not survive JSON: %w", err)
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	go s.run()
	return s, nil
}

// Value returns the value as it is now. Do not write to what it points to.
func (s *Sync[D]) Value() D {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.value
}

// Version returns the latest version of the shadow that is known, 0 where there is no shadow.
func (s *Sync[D]) Version() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.version
}

// Set changes the value of the device, and waits until the shadow has it. Where ctx ends before, or the service refuses,
// the value is changed all the same, and reported when that is possible.
func (s *Sync[D]) Set(ctx context.Context, value D) error {
	return s.Change(ctx, func(v *D) { *v = value })
}

// Change is [Sync.Set] with a function that changes the value in place. Nothing else changes it meanwhile; f must not
// call the Sync.
func (s *Sync[D]) Change(ctx context.Context, f func(v *D)) error {
	epoch, err := s.edit(f)
	if err != nil {
		return err
	}
	return s.wait(ctx, epoch)
}

func (s *Sync[D]) edit(f func(v *D)) (epoch uint64, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	value, err := fromTree[D](s.local) // f may change what it points to, and panic
	if err != nil {
		return 0, err
	}
	f(&value)
	local, err := treeOf(value)
	if err != nil {
		return 0, fmt.Errorf("shadow: the value is no JSON object: %w", err)
	}
	if value, err = fromTree[D](local); err != nil {
		return 0, fmt.Errorf("shadow: the value does not survive JSON: %w", err)
	}
	if s.o.LocalWins {
		s.lifted = lift(s.lifted, diff(s.local, local))
	}
	s.value, s.local = value, local
	return s.todo(), nil
}

// Wait waits until the value and the shadow are equal and nothing is left to apply, as far as is known here. It fails
// where the service refuses what does not get better by trying again, such as [ErrForbidden] and [ErrTooLarge].
func (s *Sync[D]) Wait(ctx context.Context) error {
	s.mu.Lock()
	epoch := s.epoch
	s.mu.Unlock()
	return s.wait(ctx, epoch)
}

func (s *Sync[D]) wait(ctx context.Context, epoch uint64) error {
	for {
		s.mu.Lock()
		settled, failed, changed := s.settled, s.failed, s.changed
		s.mu.Unlock()
		switch {
		case settled >= epoch:
			return nil
		case failed != nil:
			return failed
		}
		select {
		case <-changed:
		case <-s.done:
			s.mu.Lock()
			defer s.mu.Unlock()
			return cmp.Or(s.failed, ErrStopped)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// ErrStopped says that a [Sync] was closed.
var ErrStopped = errors.New("shadow: the sync is closed")

// Close ends the Sync and waits for Apply to return. What is not reported by then is not reported. Apply must not call
// it.
func (s *Sync[D]) Close() {
	s.cancel()
	<-s.done
}

// todo counts something to do, and wakes the goroutine. s.mu is held.
func (s *Sync[D]) todo() (epoch uint64) {
	s.epoch++
	if !ended(s.failed) {
		s.failed = nil
	}
	select {
	case s.kick <- struct{}{}:
	default:
	}
	return s.epoch
}

// arrived takes a delta. One that is older than what is known says nothing new, unless it is later: then the shadow was
// deleted, made anew and counts from 1. A gap in the versions hides changes of which nothing is known. While the shadow is
// read, what is known is in doubt: the answer may be older than a delta.
func (s *Sync[D]) arrived(d *Delta) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case d.Version > s.version+1, d.Version < s.version && d.Timestamp.After(s.stamp):
		s.read = true
	case d.Version < s.version:
		if s.reading {
			s.read = true
			s.todo()
		}
		return
	}
	s.version, s.stamp, s.change = d.Version, d.Timestamp, d
	s.todo()
}

// missed notes that deltas may have been missed. A stream that was halted is opened again by the goroutine.
func (s *Sync[D]) missed() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.read = true
	s.todo()
}
