package gate

import (
	"maps"
	"slices"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/packet"
	"github.com/gneiss-mqtt/gneiss-go/emulator/broker"
)

// Wake lets services do what is due.
func (g *Gate) Wake(now broker.Instant) {
	wall := g.Wall(now)
	for _, s := range g.services {
		if at, ok := s.NextWake(); ok && !at.After(wall) {
			g.actions.Replies = append(g.actions.Replies, Replies(s.Wake(wall))...)
		}
	}
	if g.due != 0 && now >= g.due {
		g.expire(now)
	}
}

// watch makes sure that the gate looks at its peers at a time.
func (g *Gate) watch(at broker.Instant) {
	if g.due == 0 || at < g.due {
		g.due = at
	}
}

// expire does what is due of peers.
func (g *Gate) expire(now broker.Instant) {
	g.due = 0
	for _, id := range slices.Sorted(maps.Keys(g.peers)) {
		p := g.peers[id]
		switch {
		case p.endAt != 0 && now >= p.endAt:
			g.kick(id, p, packet.Success, p.endReason, "the connection has reached its age")
			p.endAt, p.refreshAt = 0, 0
		case p.refreshAt != 0 && now >= p.refreshAt:
			g.refresh(now, id, p)
		}
		for _, at := range []broker.Instant{p.endAt, p.refreshAt} {
			if at != 0 {
				g.watch(at)
			}
		}
	}
}

// NextWake returns when Wake is due; ok is false where nothing is.
func (g *Gate) NextWake() (at broker.Instant, ok bool) {
	var first time.Time
	for _, s := range g.services {
		if t, ok := s.NextWake(); ok && (first.IsZero() || t.Before(first)) {
			first = t
		}
	}
	if first.IsZero() {
		return g.due, g.due != 0
	}
	if at = g.instant(first); g.due != 0 && g.due < at {
		at = g.due
	}
	return at, true
}

// maxHistory is how many client identifiers are remembered before those that have nothing to be remembered for are looked
// for, at most once a minute.
const maxHistory = 1000

// forget drops client identifiers that have been away for an hour: the service starts their version numbers anew.
func (g *Gate) forget(now broker.Instant) {
	if len(g.history) < maxHistory || now.Sub(g.lastScan) < time.Minute {
		return
	}
	g.lastScan = now
	for id, h := range g.history {
		if h.here == 0 && (h.left == 0 || now.Sub(h.left) >= memory) && h.connects.full(now, g.quotas.Connects) {
			delete(g.history, id)
		}
	}
}

// memory is how long the version number of a client identifier outlives its connection.
const memory = time.Hour
