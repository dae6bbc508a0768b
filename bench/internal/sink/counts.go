package sink

import (
	"fmt"
	"sync"
	"time"
)

// Counts is what the sink saw of one client.
type Counts struct {
	Publishes  [3]uint64 // PUBLISH received, by QoS
	Payload    uint64    // bytes of payload in them
	Pubrels    uint64    // PUBREL received
	Sent       uint64    // PUBLISH sent as a source before the last read
	Pubacks    uint64    // PUBACK received for them
	OutOfOrder uint64    // PUBACKs out of order, against [MQTT-4.6.0-2]
	Failure    string    // why the sink gave the client up, if it did
}

// Published is the number of PUBLISH received at any QoS.
func (c *Counts) Published() uint64 {
	return c.Publishes[0] + c.Publishes[1] + c.Publishes[2]
}

// Control is the handle on a sink, wherever it runs.
type Control interface {
	// Addr is the TCP address the sink listens on.
	Addr() string
	// Await returns the counts of a client once it has published and
	// acknowledged that much, or has failed, or the timeout has passed:
	// the caller compares.
	Await(clientID string, published, pubacks uint64, timeout time.Duration) (Counts, error)
	// CPU is the processor time of the process the sink runs in.
	CPU() (time.Duration, error)
	Close() error
}

// keptRecords bounds the counts kept of clients that have left.
const keptRecords = 1024

// registry holds the counts by client identifier.
type registry struct {
	mu      sync.Mutex
	records map[string]*record
	left    []*record // oldest first
}

type record struct {
	clientID string
	mu       sync.Mutex
	counts   Counts
	waiters  []*waiter
}

type waiter struct {
	published, pubacks uint64
	done               chan struct{}
}

func (r *registry) join(clientID string) *record {
	rec := &record{clientID: clientID}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.records == nil {
		r.records = make(map[string]*record)
	}
	r.records[clientID] = rec
	return rec
}

func (r *registry) leave(rec *record) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.left = append(r.left, rec)
	if len(r.left) <= keptRecords {
		return
	}
	oldest := r.left[0]
	r.left = append(r.left[:0], r.left[1:]...)
	if r.records[oldest.clientID] == oldest {
		delete(r.records, oldest.clientID)
	}
}

func (r *registry) await(clientID string, published, pubacks uint64, timeout time.Duration) (Counts, error) {
	r.mu.Lock()
	rec := r.records[clientID]
	r.mu.Unlock()
	if rec == nil {
		return Counts{}, fmt.Errorf("sink: no client %q", clientID)
	}
	w := &waiter{published: published, pubacks: pubacks, done: make(chan struct{})}
	rec.mu.Lock()
	if w.satisfied(&rec.counts) {
		defer rec.mu.Unlock()
		return rec.counts, nil
	}
	rec.waiters = append(rec.waiters, w)
	rec.mu.Unlock()

	timer := time.NewTimer(timeout)
	defer timer.Stop()
	select {
	case <-w.done:
	case <-timer.C:
	}
	rec.mu.Lock()
	defer rec.mu.Unlock()
	for i, other := range rec.waiters {
		if other == w {
			rec.waiters = append(rec.waiters[:i], rec.waiters[i+1:]...)
			break
		}
	}
	return rec.counts, nil
}

// set stores the counts of a batch and wakes who waited for them.
func (r *record) set(counts *Counts) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.counts = *counts
	kept := r.waiters[:0]
	for _, w := range r.waiters {
		if w.satisfied(counts) {
			close(w.done)
		} else {
			kept = append(kept, w)
		}
	}
	r.waiters = kept
}

func (w *waiter) satisfied(c *Counts) bool {
	return c.Failure != "" || c.Published() >= w.published && c.Pubacks >= w.pubacks
}
