package mqtt

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/gneiss-mqtt/gneiss-go/core/engine"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// call is an operation and whoever waits for it. Calls are pooled with their operation and channel, so that a publish
// allocates nothing. Each client has a pool of its own: a channel made in one synctest bubble cannot be used in another.
type call struct {
	c    *Client
	op   engine.Op
	over chan struct{} // one slot: the operation is done, or has timed out
	cb   func(PublishResult, error)
	// ready, if any, runs under the client's mutex right before the operation is submitted, and may call it off.
	ready func() bool

	// Guarded by the client's mutex.
	finished bool
	timedOut bool
	detached bool   // nobody waits any more
	session  uint64 // in which it ended
	sync     bool   // counted in Client.syncs
	queued   bool   // handed over by Enqueue: Trace is told of its end
	late     func()
}

func (c *Client) newCall() *call {
	if k, ok := c.calls.Get().(*call); ok {
		return k
	}
	k := &call{c: c, over: make(chan struct{}, 1)}
	k.op.User = k
	return k
}

// recycle returns a call of which neither the engine nor a caller knows any more.
func (k *call) recycle() {
	k.reset()
	k.c.calls.Put(k)
}

func (k *call) reset() {
	select {
	case <-k.over: // what a timeout and the end said both
	default:
	}
	k.op.Reset()
	k.cb, k.late, k.ready = nil, nil, nil
	k.finished, k.timedOut, k.detached, k.sync, k.queued = false, false, false, false, false
}

// maxFree bounds the calls that a client keeps for PublishAsync. They come back from another goroutine than they are
// taken by, which a sync.Pool makes dear.
const maxFree = 4096

// asyncCall returns a call for PublishAsync. c.mu is held.
func (c *Client) asyncCall() *call {
	if n := len(c.free); n > 0 {
		k := c.free[n-1]
		c.free = c.free[:n-1]
		return k
	}
	return c.newCall()
}

// reclaim takes back the calls of a batch of callbacks. c.mu is held.
func (c *Client) reclaim(batch []*call) {
	if len(c.free)+len(batch) <= maxFree {
		c.free = append(c.free, batch...)
	}
}

// trim gives back the memory of a burst. c.mu is held.
func (c *Client) trim() {
	if c.engine.Unfinished() == 0 {
		c.free = nil
	}
}

// submitNow starts an operation if there is room for it. c.mu is held.
func (c *Client) submitNow(k *call) error {
	if c.refusing {
		return cmp.Or(c.closed, ErrClosed)
	}
	if k.ready != nil && !k.ready() {
		return errNotNeeded
	}
	if !c.flushing {
		c.stamp = c.now() // while somebody writes, every batch stamps the time
	}
	return c.engine.Submit(c.stamp, &k.op)
}

// submit starts an operation, unless ctx is over. c.mu is held; it is given up while a full queue is waited for.
func (c *Client) submit(ctx context.Context, k *call) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	for {
		err := c.submitNow(k)
		if err != ErrQueueFull || c.cfg.Queue.Fail {
			return err
		}
		if c.room == nil {
			c.room = make(chan struct{})
		}
		room := c.room
		c.mu.Unlock()
		select {
		case <-room:
			c.mu.Lock()
		case <-ctx.Done():
			c.mu.Lock()
			return ctx.Err()
		}
	}
}

// wait waits until the operation is over or ctx ends, and reports the error. keep says that the engine still has the
// call, so that it must not be touched any more. late, if any, runs under c.mu should the broker grant any of it after
// all.
func (c *Client) wait(ctx context.Context, k *call, late func()) (keep bool, err error) {
	if done := ctx.Done(); done != nil {
		select {
		case <-k.over:
		case <-done:
			if c.giveUp(k, late) {
				return true, ctx.Err()
			}
			<-k.over
			if k.op.Err == engine.ErrCanceled {
				return false, ctx.Err()
			}
		}
	} else {
		<-k.over
	}
	if k.timedOut {
		return c.leave(k, late)
	}
	return false, k.op.Err
}

// leave stops waiting for an operation that has timed out, unless it has ended in this very moment.
func (c *Client) leave(k *call, late func()) (keep bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if k.finished {
		return false, k.op.Err
	}
	k.detached, k.late = true, late
	return true, ErrAckTimeout
}

// giveUp takes the operation back, or lets it go on without its caller; true then.
func (c *Client) giveUp(k *call, late func()) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if k.finished {
		return false
	}
	if c.engine.Cancel(c.now(), &k.op) {
		c.settle()
		return false
	}
	k.detached, k.late = true, late
	return true
}

// collect hands out what is done and what has happened. c.mu is held.
func (c *Client) collect() {
	c.events = c.engine.TakeEvents(c.events[:0])
	for i := range c.events {
		c.happened(&c.events[i])
	}
	clear(c.events)
	c.scratch = c.engine.TakeDone(c.scratch[:0])
	if c.leaving {
		c.left = noteLeft(c.left, c.scratch)
	}
	for i, o := range c.scratch {
		c.scratch[i] = nil
		if k, ok := o.User.(*call); ok {
			k.finish(c)
		} else {
			c.delivered(o)
		}
	}
	if cap(c.scratch) > 8192 {
		c.scratch = nil
	}
	c.wakeWaiting()
	if c.holding != nil && c.engine.Settled() {
		close(c.holding)
		c.holding = nil
	}
	if c.drained != nil && c.engine.Unfinished() == 0 {
		close(c.drained)
		c.drained = nil
	}
}

// wakeWaiting lets those try again that wait for room in the queue. c.mu is held.
func (c *Client) wakeWaiting() {
	if c.room != nil {
		close(c.room)
		c.room = nil
	}
}

func granted(code packet.ReasonCode) bool { return !code.Failed() }

// finish ends a call. c.mu is held.
func (k *call) finish(c *Client) {
	k.finished, k.session = true, c.session.Number
	if k.sync {
		c.syncs--
	}
	switch {
	case k.detached:
		if k.queued {
			c.delivered(&k.op)
		}
		if k.late != nil && slices.ContainsFunc(k.op.Codes, granted) {
			k.late()
		}
		k.recycle()
	case k.cb != nil && !k.timedOut:
		c.completer.add(k)
	case k.cb != nil:
		k.recycle() // its callback was told of the timeout
	default:
		select {
		case k.over <- struct{}{}:
		default: // told of the timeout; the caller looks again
		}
	}
}

// overdue tells whoever waits that there is no acknowledgement in time. c.mu is held.
func (k *call) overdue(c *Client) {
	if k.detached || k.timedOut {
		return
	}
	k.timedOut = true
	if k.cb == nil {
		k.over <- struct{}{}
		return
	}
	cb, err := k.cb, k.failure(ErrAckTimeout, true)
	late := c.newCall()
	late.cb = func(PublishResult, error) { cb(PublishResult{}, err) }
	c.completer.add(late)
}

// failure describes an error of the operation.
func (k *call) failure(err error, sent bool) error { return describe(&k.op, err, sent) }

func describe(o *engine.Op, err error, sent bool) *OpError {
	e := &OpError{Op: strings.ToLower(o.Kind.String()), Topic: o.Publish.Topic, Sent: sent, Err: err}
	switch o.Kind {
	case engine.OpSubscribe:
		names := make([]string, len(o.Subscribe.Filters))
		for i := range names {
			names[i] = o.Subscribe.Filters[i].Filter
		}
		e.Topic = strings.Join(names, ", ")
	case engine.OpUnsubscribe:
		e.Topic = strings.Join(o.Unsubscribe.Filters, ", ")
	}
	return e
}
