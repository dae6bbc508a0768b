package mqtt

import (
	"sync/atomic"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

const (
	maxGroup  = 256                    // messages acknowledged together, at the most
	slowGroup = 500 * time.Microsecond // acknowledgements do not wait longer for the rest of their group
	keepBatch = 4 * softQueue          // messages for which a subscription keeps memory between batches
)

// consumer walks through batches of one subscription. Acknowledgements leave in groups that double while handlers are
// fast; a timer sends those that a slow handler would hold up.
type consumer struct {
	s     *Subscription
	list  []Message    // the batch; set and cleared under the client's mutex, read by the consuming goroutine
	next  int          // the message that is next
	done  atomic.Int64 // how many are handled, for the timer
	group int          // of acknowledgements
	due   int          // where the group ends
	slow  atomic.Bool  // the timer has acknowledged a part of the group
	owes  bool         // there is something to acknowledge

	// Guarded by the client's mutex.
	acked int
	bytes int
	timer *time.Timer
	used  int // messages in the spare memory that were not cleared
}

// take gets the next batch, or reports that there is none. The client's mutex is held.
func (k *consumer) take() bool {
	s := k.s
	if len(s.in.list) == 0 {
		return false
	}
	k.list, k.bytes = s.in.list, s.in.bytes
	s.in, s.spare = batch{list: s.spare.list[:0], arena: s.spare.arena[:0]}, batch{arena: s.in.arena}
	k.next, k.acked, k.group, k.due = 0, 0, 1, 1
	k.done.Store(0)
	k.slow.Store(false)
	k.owes = !s.c.cfg.ManualAcks && owed(k.list)
	if k.owes && len(k.list) > 1 {
		k.arm()
	}
	if s.stuck = false; s.c.behind == s {
		s.c.relieve()
	}
	return true
}

// owed reports whether any message is to be acknowledged.
func owed(list []Message) bool {
	for i := range list {
		if !list[i].token.IsZero() {
			return true
		}
	}
	return false
}

// handled counts a message, and acknowledges where a group is complete.
func (k *consumer) handled() {
	if !k.owes {
		return
	}
	k.done.Store(int64(k.next))
	slow := k.slow.Load()
	if k.next < k.due && !slow || k.next == len(k.list) {
		return
	}
	if k.group = min(2*k.group, maxGroup); slow {
		k.slow.Store(false)
		k.group = 1
	}
	k.due = k.next + k.group
	c := k.s.c
	c.mu.Lock()
	k.ackTo(k.next)
	if slow {
		k.arm()
	}
	c.mu.Unlock()
}

func (k *consumer) arm() {
	if k.timer == nil {
		k.timer = time.AfterFunc(slowGroup, k.late)
	} else {
		k.timer.Reset(slowGroup)
	}
}

// late runs when a group takes long. The message that takes so long is acknowledged by itself, and groups start over.
func (k *consumer) late() {
	c := k.s.c
	c.mu.Lock()
	defer c.mu.Unlock()
	if k.list != nil && k.owes {
		k.ackTo(int(k.done.Load()))
		k.slow.Store(true)
	}
}

// ackTo acknowledges the first n messages of the batch. The client's mutex is held.
func (k *consumer) ackTo(n int) {
	c := k.s.c
	any := false
	for ; k.acked < n; k.acked++ {
		m := &k.list[k.acked]
		if m.token.IsZero() {
			continue
		}
		if m.share != nil && !m.share.taken(packet.Success, "") {
			continue // another subscription still has it
		}
		// An acknowledgement of a connection that is gone is void: the broker delivers again.
		if c.engine.Ack(c.stamp, m.token, packet.Success, "") == nil {
			any = true
		}
	}
	if any {
		c.inline()
		c.settle()
	}
}

// finish ends a batch: it acknowledges what was handled, gives the memory back, and puts what was not handled in
// front of the queue. The client's mutex is held.
func (k *consumer) finish() {
	s := k.s
	if k.owes {
		if len(k.list) > 1 {
			k.timer.Stop()
		}
		k.ackTo(k.next)
	}
	if k.next < len(k.list) {
		rest := k.list[k.next:]
		left := k.bytes * len(rest) / len(k.list)
		s.in.list = append(append(make([]Message, 0, len(rest)+len(s.in.list)), rest...), s.in.list...)
		s.in.bytes += left
		k.bytes -= left
		s.spare.arena = nil // it holds what was put back
	}
	s.c.consumed(k.bytes)
	k.used = max(k.used, len(k.list))
	if s.spare.list = k.list[:0]; cap(k.list) > keepBatch || cap(s.spare.arena) > keepSpare {
		s.spare, k.used = batch{}, 0
	}
	k.list, k.bytes = nil, 0
}

// end is finish for the consuming goroutine that stops: nothing of the messages stays behind.
func (k *consumer) end() {
	c := k.s.c
	c.mu.Lock()
	k.finish()
	k.idle()
	c.mu.Unlock()
}

// idle lets go of what old messages refer to. While a stream goes on, new messages overwrite them. The client's mutex
// is held.
func (k *consumer) idle() {
	s := k.s
	s.slab = nil
	clear(s.spare.list[:min(k.used, cap(s.spare.list))])
	if len(s.in.list) == 0 {
		clear(s.in.list[:min(k.used, cap(s.in.list))])
		k.used = 0
	}
}

// run is the goroutine of a subscription with a handler. It exists only while there are messages.
func (s *Subscription) run() {
	c, k := s.c, &s.consumer
	over := false
	defer func() {
		if !over { // a handler has ended this goroutine with runtime.Goexit
			k.end()
			go s.loop()
		}
	}()
	c.mu.Lock()
	for k.take() {
		c.mu.Unlock()
		for !k.handle() { // each round but the last ends with a panic
		}
		c.mu.Lock()
		k.finish()
	}
	over = true
	k.idle()
	s.running = false
	c.exit()
	c.mu.Unlock()
}

// handle calls the handler for what is left of the batch. A panic ends it early and counts as handled: the message
// would only come again, and panic again.
func (k *consumer) handle() (all bool) {
	defer func() {
		if !all { // also runtime.Goexit, which goes on to end the goroutine
			k.panicked(recover())
		}
	}()
	for h := k.s.opts.Handler; k.next < len(k.list); {
		h(k.list[k.next])
		k.next++
		k.handled()
	}
	return true
}

func (k *consumer) panicked(v any) {
	k.next++
	k.s.c.panicked("handler", v)
	k.handled()
}
