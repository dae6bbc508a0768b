package azure

import (
	"sync"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/emulator/broker"
)

// expiries end connections whose credential has expired.
type expiries struct {
	mu     sync.Mutex
	closed bool
	timers map[broker.ConnID]*time.Timer
	wg     sync.WaitGroup
}

// set makes end run at a time, unless the connection is forgotten before. An earlier time of it is replaced.
func (e *expiries) set(id broker.ConnID, at time.Time, end func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return
	}
	e.stop(id)
	if e.timers == nil {
		e.timers = make(map[broker.ConnID]*time.Timer)
	}
	e.wg.Add(1)
	e.timers[id] = time.AfterFunc(time.Until(at), func() {
		defer e.wg.Done()
		end()
	})
}

// stop is called with mu held.
func (e *expiries) stop(id broker.ConnID) {
	if t := e.timers[id]; t != nil && t.Stop() {
		e.wg.Done()
	}
	delete(e.timers, id)
}

func (e *expiries) forget(id broker.ConnID) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.stop(id)
}

// later runs f on a goroutine of its own: hooks must not call the server.
func (e *expiries) later(f func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.closed {
		e.wg.Go(f)
	}
}

// close stops all timers and waits for what runs.
func (e *expiries) close() {
	e.mu.Lock()
	e.closed = true
	for id := range e.timers {
		e.stop(id)
	}
	e.mu.Unlock()
	e.wg.Wait()
}
