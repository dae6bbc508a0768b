package sim

import (
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/engine"
)

// dialTimer begins an attempt, or ends the wait for its answer.
func (c *client) dialTimer() {
	w := c.w
	if c.asleep(&c.dial) {
		return
	}
	switch c.state {
	case stateOff:
		c.start()
	case stateWaiting:
		c.attempt()
	case stateDialing:
		switch {
		case c.hang || w.now >= c.deadline || w.server.deaf && !w.server.up:
			c.hang = false
			c.failed()
		case c.refused > 0 || !w.server.up:
			c.refused = max(0, c.refused-1)
			c.failed()
		default:
			c.open()
		}
	}
}

func (c *client) attempt() {
	w := c.w
	c.state = stateDialing
	c.attempts++
	c.deadline = w.now + c.plan.connectTimeout
	w.stats.Attempts++
	at := w.now + w.within(w.plan.network.minLatency, w.plan.network.maxLatency)
	if c.hang || w.server.deaf && !w.server.up {
		at = c.deadline
	}
	w.sched.set(&c.dial, at)
}

// failed waits for the next attempt.
func (c *client) failed() {
	w := c.w
	n := min(max(0, c.attempts-1), 10)
	d := min(c.plan.backoffMin<<n, c.plan.backoffMax)
	c.state = stateWaiting
	w.sched.set(&c.dial, w.now+time.Duration(w.Float64()*float64(d)))
}

// open sends CONNECT on a new link.
func (c *client) open() {
	w := c.w
	c.state, c.ending, c.reauth = stateOpen, false, false
	c.link = w.newLink(c)
	p := c.plan.connect
	p.CleanStart = p.CleanStart || c.clean
	c.watch.opened(p.CleanStart)
	if err := c.e.Open(c.now(), &p, c.now()+engine.Instant(c.deadline-w.now)); err != nil {
		w.violate(kindModel, "Open: %v", err)
		return
	}
	w.note(c.name, "opens", int(c.link.id))
	c.settle()
}
