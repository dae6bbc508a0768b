package mqtt

import (
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

const (
	maxGroup  = 256                    // messages acknowledged together, at the most
	slowGroup = 500 * time.Microsecond // acknowledgements do not wait longer for the rest of their group
)

// consumer walks through batches of one subscription. Acknowledgements leave in groups that double while handlers are
// fast; a timer sends those that a slow handler would hold up.
type consumer struct {
	s     *Subscription
	now   batch // being handled
	done  atomic.Int64
	acked int // messages of the batch that need no acknowledgement from here any more; guarded by the client's mutex
	freed int // bytes given back
	owes  bool
	timer *time.Timer
}

// take gets the next batch, or reports that there is none. The client's mutex is held.
func (k *consumer) take() bool {
	s := k.s
	if len(s.in.list) == 0 {
		return false
	}
	k.now = s.in
	s.in = batch{list: s.spare.list[:0], arena: s.spare.arena[:0]}
	s.spare = batch{}
	k.acked, k.freed = 0, 0
	k.done.Store(0)
	k.owes = false
	if !s.c.cfg.ManualAcks {
		for i := range k.now.list {
			if !k.now.list[i].m.token.IsZero() {
				k.owes = true
				break
			}
		}
	}
	if k.owes && len(k.now.list) > 1 {
		k.arm()
	}
	return true
}

// each calls f for every message of the batch until it returns false, and acknowledges what has been handled.
func (k *consumer) each(f func(Message) bool) (all bool) {
	s := k.s
	if k.owes && len(k.now.list) > 1 {
		defer k.timer.Stop()
	}
	group, next := 1, 1
	for i := range k.now.list {
		d := &k.now.list[i]
		if s.opts.Borrow {
			d.m.Payload = k.now.arena[d.start:d.end:d.end]
		}
		if !f(d.m) {
			k.settle(i + 1)
			return false
		}
		if k.done.Store(int64(i + 1)); i+1 == next && i+1 < len(k.now.list) {
			k.settle(i + 1)
			group = min(2*group, maxGroup)
			next += group
		}
	}
	k.settle(len(k.now.list))
	return true
}

func (k *consumer) arm() {
	if k.timer == nil {
		k.timer = time.AfterFunc(slowGroup, k.late)
	} else {
		k.timer.Reset(slowGroup)
	}
}

// late runs when a group takes long.
func (k *consumer) late() {
	c := k.s.c
	c.mu.Lock()
	defer c.mu.Unlock()
	if k.now.list == nil {
		return
	}
	if k.ackTo(int(k.done.Load())) {
		c.settle()
	}
	k.timer.Reset(slowGroup)
}

// settle acknowledges the first n messages of the batch and gives their memory back.
func (k *consumer) settle(n int) {
	c := k.s.c
	c.mu.Lock()
	if k.owes && k.ackTo(n) {
		c.inline()
		c.settle()
	}
	k.free(n)
	c.mu.Unlock()
}

// ackTo acknowledges the first n messages. The client's mutex is held.
func (k *consumer) ackTo(n int) (any bool) {
	if !k.owes {
		return false
	}
	c := k.s.c
	for ; k.acked < n; k.acked++ {
		m := &k.now.list[k.acked].m
		if m.token.IsZero() {
			continue
		}
		if m.share != nil {
			if m.share.n--; m.share.n > 0 {
				continue // another subscription still has it
			}
		}
		// An acknowledgement of a connection that is gone is void: the broker delivers again.
		if c.engine.Ack(c.stamp, m.token, packet.Success, "") == nil {
			any = true
		}
	}
	return any
}

// free gives back the memory of the first n messages, in proportion. The client's mutex is held.
func (k *consumer) free(n int) {
	bytes := k.now.bytes
	if n < len(k.now.list) {
		bytes = k.now.bytes / len(k.now.list) * n
	}
	if bytes > k.freed {
		k.s.c.consumed(bytes - k.freed)
		k.freed = bytes
	}
}

// drop gives the batch's memory to the next one. The client's mutex is held.
func (k *consumer) drop() {
	clear(k.now.list)
	if cap(k.now.list) <= 4096 && cap(k.now.arena) <= keepSpare {
		k.s.spare = batch{list: k.now.list[:0], arena: k.now.arena[:0]}
	}
	k.now = batch{}
}

// putBack returns what was not handled to the queue. The client's mutex is held.
func (k *consumer) putBack(from int) {
	s := k.s
	rest := k.now.list[from:]
	if len(rest) == 0 {
		return
	}
	bytes := k.now.bytes - k.freed
	list := make([]delivery, 0, len(rest)+len(s.in.list))
	s.in.list = append(append(list, rest...), s.in.list...)
	s.in.bytes += bytes
}

// run is the goroutine of a subscription with a handler. It exists only while there are messages.
func (s *Subscription) run() {
	c := s.c
	k := &s.consumer
	for {
		c.mu.Lock()
		if !k.take() {
			s.running = false
			c.exit()
			c.mu.Unlock()
			return
		}
		c.mu.Unlock()
		k.each(s.invoke)
		c.mu.Lock()
		k.drop()
		c.mu.Unlock()
	}
}

// invoke calls the handler. A panic counts as handled: the message would only come again, and panic again.
func (s *Subscription) invoke(m Message) bool {
	defer func() {
		if v := recover(); v != nil {
			s.c.panicked(v, debug.Stack())
		}
	}()
	s.opts.Handler(m)
	return true
}

func (c *Client) panicked(v any, stack []byte) {
	c.mu.Lock()
	c.stats.Panics++
	if f := c.cfg.Trace.HandlerPanic; f != nil {
		c.tracer.add(func() { f(v, stack) })
	}
	c.mu.Unlock()
	c.cfg.Logger.Error("handler panicked", "panic", v, "stack", string(stack))
}
