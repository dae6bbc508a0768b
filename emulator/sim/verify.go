package sim

import (
	"maps"
	"slices"

	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// verify settles the accounts of a world at rest.
func (w *world) verify() {
	if w.failed() {
		return
	}
	for _, m := range w.messages[1:] {
		w.verifyMessage(m)
	}
	for _, name := range slices.Sorted(maps.Keys(w.server.sessions)) {
		w.verifySession(w.server.sessions[name])
	}
	subs := map[string][]string{}
	for _, i := range w.server.b.Clients() {
		subs[i.ID] = i.Subscriptions
	}
	for _, c := range w.clients {
		c.verify(subs[c.name])
	}
}

// verifyMessage: what was accepted for delivery has reached the broker, or has failed with a reason.
func (w *world) verifyMessage(m *message) {
	if m.qos > packet.QoS0 && m.seen == 0 && !m.gone && !m.failed && m.stored != storedMaybe {
		w.violate(kindLost, "message %d of %s is neither with the broker nor failed", m.n, m.from.name)
	}
	if !m.shared {
		return
	}
	g := &m.group
	if g.got[2] > g.atMost(m, packet.QoS2) {
		w.violate(kindTwice, "shared message %d came %d times at QoS 2: %+v", m.n, g.got[2], *g)
	}
	if m.groupEnds == w.ends && g.got[1]+g.got[2] < g.owed[1]+g.owed[2]-g.dropped {
		w.violate(kindLost, "shared message %d came %d times: %+v", m.n, g.got[1]+g.got[2], *g)
	}
}

// verifySession: what the broker owes to a session that is still there has reached it.
func (w *world) verifySession(s *session) {
	for _, n := range slices.Sorted(maps.Keys(s.tallies)) {
		t := s.tallies[n]
		if t.got[1]+t.got[2] < t.owed[1]+t.owed[2]-t.dropped {
			w.violate(kindLost, "message %d did not reach %s: %+v", n, s.client.name, *t)
		}
		if t.got[2] > t.atMost(w.messages[n], packet.QoS2) {
			w.violate(kindTwice, "message %d reached %s too often: %+v", n, s.client.name, *t)
		}
	}
}

// verify looks at what a client still holds.
func (c *client) verify(subs []string) {
	w := c.w
	s := c.e.Stats()
	if s.Queued != 0 || s.QueuedBytes != 0 || s.Unacked != 0 {
		w.violate(kindLeft, "%s is at rest, and has %+v", c.name, s)
	}
	v := &c.watch
	if v.flying != 0 {
		w.violate(kindLeft, "%s is at rest, and %d messages are under way", c.name, v.flying)
	}
	for _, id := range slices.Sorted(maps.Keys(v.ids)) {
		if x := v.ids[id]; !x.ghost && !x.unsure {
			w.violate(kindLeft, "%s is at rest, and identifier %d is in use", c.name, id)
		}
	}
	for _, filter := range slices.Sorted(maps.Keys(c.app.belief)) {
		if _, ok := slices.BinarySearch(subs, filter); c.app.wants(filter) && !ok {
			w.violate(kindRestore, "%s believes that it is subscribed to %s, the broker has %v", c.name, filter, subs)
		}
	}
}
