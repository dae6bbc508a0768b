package sim

import (
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/engine"
)

// crash ends the process with all that was not durable. After a power cut nobody is told; otherwise the system closes
// the transport.
func (c *client) crash(power bool) {
	w := c.w
	if c.e == nil {
		return
	}
	w.note(c.name, "crashes", c.process)
	if c.link != nil {
		c.detach(true, !power && w.one(2))
	}
	if c.store != nil {
		c.store.crash()
	}
	for _, r := range c.app.requests {
		r.finished = true
		if m := r.m; m != nil && (c.store == nil || m.qos == 0 || m.stored == storedNot) {
			m.gone = true
		}
	}
	w.stats.Lost += uint64(len(c.app.requests))
	c.inbox.crash()
	c.watch.crashed(c.store != nil)
	c.gone(w.within(0, w.plan.longestOutage))
}

// loseTime lets the time of day fall back where it is to. What an earlier process has accepted is no younger for that than if
// it had been accepted just now.
func (c *client) loseTime() {
	c.day, c.lost = max(c.day-c.lost, -time.Duration(epoch)), 0 // clocks begin in 1970
	for _, m := range c.w.messages[1:] {
		if m.from == c && m.seconds > 0 {
			m.expires = min(m.accepted, c.wall()) + engine.Instant(time.Duration(m.seconds)*time.Second)
		}
	}
}

// gone ends the process, and sets the time of the next one.
func (c *client) gone(after time.Duration) {
	w := c.w
	c.e, c.state = nil, stateOff
	c.clean, c.dropping, c.paused = false, false, false
	c.frozen = 0
	w.sched.stop(&c.thaw)
	a := &c.app
	a.requests, a.restored = a.requests[:0], 0
	clear(a.belief)
	for _, t := range []*timer{&c.wake, &c.last, &a.timer} {
		w.sched.stop(t)
	}
	w.sched.set(&c.dial, w.now+after)
}

// shutdown closes the client for good, as a program does that is updated: everything that is open fails, what is stored
// is left to the next process.
func (c *client) shutdown() {
	w := c.w
	if c.e == nil || c.storing() {
		return
	}
	w.note(c.name, "shuts down", c.process)
	_ = c.e.Disconnect(c.now(), nil)
	c.settle()
	if w.failed() || c.storing() {
		return
	}
	c.app.closing = true
	var left []*message
	for _, r := range c.app.requests {
		if r.m != nil && r.m.qos > 0 {
			left = append(left, r.m)
		}
	}
	c.e.Abandon(c.now(), engine.ErrClosed)
	c.collect()
	if n := c.e.Unfinished(); n != 0 || c.app.open() != 0 {
		w.violate(kindCompletion, "%s: %d operations are left after Abandon, %d by our count", c.name, n, c.app.open())
	}
	if c.link != nil {
		c.detach(!c.link.up.closed, true)
	}
	c.e.Closed(c.now())
	c.collect()
	if s := c.store; s != nil {
		s.take()
		s.apply(len(s.batch))
	} else {
		for _, m := range left {
			m.gone = true
		}
	}
	c.app.closing = false
	c.inbox.crash()
	c.watch.crashed(c.store != nil && !c.dropping)
	c.gone(w.within(0, 10*time.Second))
}

// dropSession forgets the session on purpose.
func (c *client) dropSession() {
	c.w.note(c.name, "drops its session", 0)
	c.clean = true
	if c.link != nil {
		c.dropping = true
		c.e.DropSession(c.now())
		return
	}
	c.watch.forget()
	c.e.DropSession(c.now())
}

// suspend stops the client for a time, which its clock counts or does not.
func (c *client) suspend(d time.Duration, counted bool) {
	w := c.w
	if w.now < c.frozen {
		return
	}
	c.frozen = w.now + d
	c.trouble = max(c.trouble, c.frozen)
	c.dozed, c.counted = w.now, counted
	w.sched.set(&c.thaw, c.frozen) // before anything else that happens then
	if c.link != nil {
		c.link.down.stall(c.frozen)
		c.link.troubled(c.frozen)
	}
}

// thawed goes on after a suspend.
func (c *client) thawed() {
	if !c.counted {
		c.offset -= c.w.now - c.dozed
	}
	if c.e == nil {
		return
	}
	if c.stuck && c.link != nil {
		c.stuck = false
		c.push()
	}
	c.settle()
	c.inbox.work()
}

// jump moves the client's clock forward.
func (c *client) jump(d time.Duration) {
	c.offset += d
	c.trouble = max(c.trouble, c.w.now)
	if c.e != nil && c.w.now >= c.frozen {
		c.settle()
	}
}
