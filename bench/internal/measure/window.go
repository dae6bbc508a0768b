package measure

import (
	"sync"
	"sync/atomic"
)

// window counts completions and lets one producer wait for them. It costs a
// completion two atomic operations while the producer is not waiting.
type window struct {
	completed atomic.Int64
	waiting   atomic.Bool
	wake      chan struct{}
	failure   failure
}

func newWindow() *window { return &window{wake: make(chan struct{}, 1)} }

// done takes one completion. For any number of goroutines.
func (w *window) done(err error) {
	w.failure.set(err)
	w.completed.Add(1)
	w.release()
}

func (w *window) release() {
	if w.waiting.Load() && w.waiting.CompareAndSwap(true, false) {
		w.wake <- struct{}{}
	}
}

// await waits until target publishes are complete, or one has failed.
func (w *window) await(target int64) {
	for w.completed.Load() < target && w.failure.get() == nil {
		w.waiting.Store(true)
		if (w.completed.Load() >= target || w.failure.get() != nil) && w.waiting.CompareAndSwap(true, false) {
			return
		}
		<-w.wake // sent by whoever took waiting back
	}
}

// failure keeps the first error of many goroutines.
type failure struct {
	failed atomic.Bool
	mu     sync.Mutex
	err    error
}

func (f *failure) set(err error) {
	if err == nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err == nil {
		f.err = err
		f.failed.Store(true)
	}
}

func (f *failure) get() error {
	if !f.failed.Load() {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.err
}
