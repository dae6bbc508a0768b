package sim

import (
	"math"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/packet"
	"github.com/gneiss-mqtt/gneiss-go/emulator/broker"
)

// link is one transport between a client and the broker.
type link struct {
	w    *world
	c    *client // nil: a stranger's
	of   int     // the client's process
	id   broker.ConnID
	up   pipe // towards the broker
	down pipe // towards the client

	framer     packet.Framer // at the broker's end, to hand over one packet at a time
	pending    []byte        // of the broker, does not fit into down
	closing    bool          // the broker is done with it, after pending
	serverGone bool
	clientGone bool
	toClient   timer // tells the client that the link is broken
	toServer   timer

	session *session      // at the broker, once it has accepted
	limits  broker.Limits // of the broker then
	trouble time.Duration // until when something was wrong with the link; forever while it is
}

// forever is later than any time of a world.
const forever time.Duration = math.MaxInt64

// newLink connects a client, or with nil a stranger, with the broker.
func (w *world) newLink(c *client) *link {
	n := &w.plan.network
	l := &link{w: w, c: c}
	if c != nil {
		l.of = c.process
	}
	latency := w.within(n.minLatency, n.maxLatency)
	for _, p := range []*pipe{&l.up, &l.down} {
		*p = pipe{w: w, window: n.window, latency: latency, cut: -1, style: style(w.weigh(n.styles[:]))}
		p.timer.fire = p.arrive
		p.onCut = l.snap
	}
	s := w.server
	l.up.deliver = func(p []byte) { s.receive(l, p) }
	l.up.ended = func() { s.closed(l) }
	l.up.drained = func() {
		if c != nil {
			c.writable(l)
		}
	}
	l.up.ready = func() bool { return s.readable(l) }
	l.down.deliver = func(p []byte) {
		if c != nil {
			c.received(l, p)
		}
	}
	l.down.ended = func() { l.tellClient() }
	l.down.drained = func() { s.pump(l); s.after() }
	l.toClient.fire = l.tellClient
	l.toServer.fire = func() { s.closed(l) }
	s.accept(l)
	return l
}

func (l *link) tellClient() {
	if l.c != nil && !l.clientGone {
		l.c.linkEnded(l)
	}
}

// snap breaks the link in a way that is left to chance.
func (l *link) snap() {
	w := l.w
	var c, s time.Duration
	switch w.IntN(4) {
	case 0: // a reset, seen by both
	case 1:
		c = -1
	case 2:
		s = -1
	default:
		c, s = w.within(0, 5*time.Second), w.within(0, 5*time.Second)
	}
	l.sever(c, s)
}

// sever breaks the link. Either side is told after a time, or with a negative one never: that side has to find out
// by itself.
func (l *link) sever(tellClient, tellServer time.Duration) {
	w := l.w
	if w.one(2) {
		l.down.spill()
	}
	if w.one(2) {
		l.up.spill()
	}
	l.black()
	if tellClient >= 0 && !l.clientGone {
		w.sched.set(&l.toClient, w.now+tellClient)
	}
	if tellServer >= 0 && !l.serverGone {
		w.sched.set(&l.toServer, w.now+tellServer)
	}
}

// black turns the link into a hole for both sides.
func (l *link) black() {
	l.up.hole, l.down.hole = true, true
	l.trouble = forever
	l.w.sched.stop(&l.up.timer)
	l.w.sched.stop(&l.down.timer)
}

// stall keeps back what is sent, in one direction or both.
func (l *link) stall(up, down bool, until time.Duration) {
	if up {
		l.up.stall(until)
	}
	if down {
		l.down.stall(until)
	}
	l.troubled(until)
}

func (l *link) troubled(until time.Duration) { l.trouble = max(l.trouble, until) }

// clientCloses ends the client's side after what is written; with abort nothing more arrives, and the broker is told
// only if the link still works and somebody resets it.
func (l *link) clientCloses(abort, tell bool) {
	l.clientGone = true
	l.w.sched.stop(&l.toClient)
	l.down.kill()
	switch {
	case l.up.hole, l.serverGone:
	case !abort:
		l.up.close()
	case tell:
		if l.w.one(2) {
			l.up.spill()
		}
		l.up.kill()
		l.w.sched.set(&l.toServer, l.w.now+l.up.latency)
	default:
		l.black()
	}
	l.forget()
}

// serverCloses ends the broker's side after what it has written.
func (l *link) serverCloses(reset bool) {
	l.serverGone = true
	l.w.sched.stop(&l.toServer)
	l.up.kill()
	switch {
	case l.down.hole, l.clientGone:
	case reset:
		l.down.spill()
		l.down.kill()
		l.w.sched.set(&l.toClient, l.w.now+l.down.latency)
	default:
		l.down.close()
	}
	l.forget()
}

// forget takes the link off the world's list when both sides are gone.
func (l *link) forget() {
	if l.clientGone && l.serverGone {
		l.w.sched.stop(&l.toClient)
		l.w.sched.stop(&l.toServer)
	}
}

// quiet reports whether nothing is under way.
func (l *link) quiet() bool { return l.up.empty() && l.down.empty() && len(l.pending) == 0 }
