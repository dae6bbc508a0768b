package gate

import (
	"time"

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
	g.forget(now)
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
		return 0, false
	}
	return g.instant(first), true
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
		if h.left != 0 && now.Sub(h.left) >= memory {
			delete(g.history, id)
		}
	}
}

// memory is how long the version number of a client identifier outlives its connection.
const memory = time.Hour
