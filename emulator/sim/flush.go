package sim

import (
	"github.com/gneiss-mqtt/gneiss-go/core/engine"
)

func (c *client) storing() bool { return c.store != nil && c.store.busy }

// flush stores and writes until there is nothing to store or to write, or the disk or the network is not ready. What
// bytes depend on is stored before they leave.
func (c *client) flush() {
	for !c.storing() && len(c.out) == 0 && !c.w.failed() {
		if c.store != nil {
			c.store.take()
		}
		if c.link != nil {
			c.out = c.e.TakeOut(c.now(), c.spare[:0])
			c.spare = c.out
			c.watch.took(c.out)
			c.tookAt = c.now()
			c.collect()
		}
		if c.store != nil && len(c.store.batch) > 0 {
			c.store.save()
			if c.store.busy {
				return
			}
		}
		if len(c.out) == 0 {
			return
		}
		c.push()
	}
}

// push writes what there is room for.
func (c *client) push() {
	if c.link == nil || len(c.out) == 0 {
		return
	}
	n := c.link.up.write(c.out)
	c.w.trace.bytes(c.out[:n])
	c.out = c.out[n:]
	c.watch.wrote(n)
	c.e.Wrote(c.now(), n)
	if c.stuck = len(c.out) > 0; c.stuck {
		c.link.troubled(c.w.now)
	}
	c.collect()
}

// collect takes what the engine has to say.
func (c *client) collect() {
	c.events = c.e.TakeEvents(c.events[:0])
	for i := range c.events {
		c.event(&c.events[i])
	}
	c.done = c.e.TakeDone(c.done[:0])
	for _, o := range c.done {
		c.app.done(o)
	}
	if n := len(c.events); n > maxEvents {
		c.w.violate(kindMemory, "%d events at a time", n)
	}
}

func (c *client) event(ev *engine.Event) {
	w := c.w
	switch ev.Kind {
	case engine.EventConnected:
		c.clean = c.plan.connect.CleanStart
		c.since, c.limits = w.now, c.link.limits
		w.stats.Connects++
		w.note(c.name, "is connected", int(c.link.id))
	case engine.EventTimedOut:
		r, _ := ev.Op.User.(*request)
		if r != nil && (r.timedOut || r.finished) {
			w.violate(kindCompletion, "%s: %s times out twice, or when it is done", c.name, r)
		} else if r != nil {
			r.timedOut = true
		}
		w.stats.TimedOut++
	case engine.EventSubscriptionLost:
		c.app.lostSubscription(ev.Filter, ev.Err)
	case engine.EventSubscriptionDelayed:
		c.app.delayedSubscription(ev)
	case engine.EventAuth:
		c.authenticate(ev.Auth)
	case engine.EventForgiven:
		w.violate(kindProtocol, "%s forgives the broker: %v", c.name, ev.Err)
	}
}

// check looks at the engine after every step.
func (c *client) check() {
	s := c.e.Stats()
	count, bytes := c.queueLimits()
	if s.Queued > max(count, c.app.restored) || s.QueuedBytes > bytes+2000 && c.app.restored == 0 {
		c.w.violate(kindMemory, "%s has %d operations of %d bytes, the limits are %d and %d", c.name, s.Queued, s.QueuedBytes, count, bytes)
	}
	if s.Queued != c.app.open() {
		c.w.violate(kindCompletion, "%s has %d operations, and was given %d that are not done", c.name, s.Queued, c.app.open())
	}
}

const maxEvents = 4096
