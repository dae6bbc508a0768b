package sim

import (
	"errors"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/engine"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// end closes the transport once everything is written, or soon.
func (c *client) end() {
	w := c.w
	if !c.ending {
		c.ending = true
		w.sched.set(&c.last, w.now+time.Second)
	}
	if len(c.out) == 0 && !c.storing() && !c.e.Pending() && !c.link.up.closed {
		c.link.up.close()
	}
}

func (c *client) lastWords() {
	if c.link != nil && !c.asleep(&c.last) {
		c.linkEnded(c.link)
	}
}

// linkEnded ends the use of a transport, and decides about the next attempt.
func (c *client) linkEnded(l *link) {
	if c.link != l || c.e == nil {
		return
	}
	if w := c.w; w.now < c.frozen {
		w.sched.set(&l.toClient, c.frozen)
		return
	}
	w := c.w
	w.sched.stop(&c.last)
	cause := c.e.Err()
	c.detach(!l.up.closed, true)
	w.note(c.name, "connection ends", int(l.id))
	if w.trace.on() && cause != nil {
		w.trace.line(w.now, c.name, "cause: "+cause.Error())
	}
	c.closedAt = w.now
	c.e.Closed(c.now())
	c.watch.closed()
	if c.dropping {
		c.dropping = false
		c.watch.forget()
	}
	c.judge(l, cause)
	if w.now-c.since >= 30*time.Second {
		c.attempts = 0
	}
	c.failed()
	if r := (*engine.ReasonError)(nil); errors.As(cause, &r) && r.Code == packet.SessionTakenOver {
		w.sched.set(&c.dial, w.now+w.within(5*time.Second, 30*time.Second)) // whoever took it over is let have it for a while
	}
	c.settle()
	c.app.judgeKept()
}

// detach leaves the link alone.
func (c *client) detach(abort, tell bool) {
	l := c.link
	c.link, c.out, c.stuck, c.paused = nil, nil, false, false
	l.clientCloses(abort, tell)
}

// judge looks at why a connection ended: a broker that does nothing wrong must not be accused, and a link that works
// must not be given up.
func (c *client) judge(l *link, cause error) {
	w := c.w
	var pe *engine.ProtocolError
	switch {
	case errors.As(cause, &pe):
		if pe.Clause == "MQTT-3.2.2-4" && c.watch.strange {
			c.clean = true
			return
		}
		w.violate(kindProtocol, "%s accuses the broker: %v", c.name, cause)
	case errors.Is(cause, engine.ErrPingTimeout), errors.Is(cause, engine.ErrConnectTimeout),
		errors.Is(cause, engine.ErrAckTimeout), errors.Is(cause, engine.ErrNotReading):
		if c.healthy(l) {
			w.violate(kindKeepAlive, "%s gives up a link that is well: %v", c.name, cause)
		}
	}
}

// healthy reports whether nothing was wrong for a while with a link, the broker at its end, and the client's own time.
func (c *client) healthy(l *link) bool {
	grace := 70*time.Second + c.plan.connectTimeout + 2*max(0, time.Duration(c.plan.engine.AckTimeout)) + 2*c.watch.keepAlive
	bad := max(l.trouble, c.trouble, c.w.server.trouble())
	return bad != forever && bad+grace < c.w.now
}
