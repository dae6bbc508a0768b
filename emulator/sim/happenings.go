package sim

import (
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
	"github.com/gneiss-mqtt/gneiss-go/emulator/broker"
)

// event keeps the model in step with the broker, and judges how the broker judges our clients.
func (s *server) event(e *broker.Event) {
	w := s.w
	switch e.Kind {
	case broker.EventConnected:
		s.connected(e)
	case broker.EventSessionEnded:
		if ss := s.sessions[e.Client.ID]; ss != nil {
			s.end(ss)
			delete(s.sessions, e.Client.ID)
		}
	case broker.EventUnsubscribed:
		if ss := s.sessions[e.Client.ID]; ss != nil {
			for _, f := range e.Filters {
				delete(ss.subs, f)
			}
		}
	case broker.EventDropped:
		s.dropped(e)
	case broker.EventRefused, broker.EventDisconnected:
		s.judge(e)
	}
	w.note("broker", eventNames[e.Kind], int(e.Client.Conn))
}

var eventNames = map[broker.EventKind]string{
	broker.EventConnected: "connected", broker.EventRefused: "refused", broker.EventDisconnected: "disconnected",
	broker.EventSubscribed: "subscribed", broker.EventUnsubscribed: "unsubscribed", broker.EventDropped: "dropped",
	broker.EventSessionEnded: "session ended",
}

func (s *server) connected(e *broker.Event) {
	w := s.w
	ss := s.sessions[e.Client.ID]
	if !e.SessionPresent {
		if ss != nil {
			w.violate(kindModel, "a new session for %s, and the old one has not ended", e.Client.ID)
		}
		ss = &session{client: w.byName[e.Client.ID], subs: map[string]grant{}, tallies: map[int]*tally{},
			first: map[flow]int{}}
		s.sessions[e.Client.ID] = ss
	}
	l := s.links[e.Client.Conn]
	if l == nil {
		return
	}
	l.session, l.limits = ss, s.limits
	// A stranger must not leave a session of his own to the client, and neither must a CONNECT of an earlier process that
	// the broker comes to only now: the next process cannot know of it.
	if (l.c == nil || l.of != l.c.process) && !e.SessionPresent {
		w.sched.set(&timer{fire: func() {
			if s.sessions[e.Client.ID] == ss {
				_ = s.b.EndSession(s.now(), ss.client.name)
				s.after()
			}
		}}, w.now)
	}
}

// end notes that the broker has forgotten a session. What was for a group goes to its other members.
func (s *server) end(ss *session) {
	ss.ended = true
	s.w.ends++
}

func (s *server) dropped(e *broker.Event) {
	ss, m := s.sessions[e.Client.ID], s.w.message(e.Message.Payload)
	if m == nil || ss == nil {
		return
	}
	switch e.Cause {
	case broker.CauseQuota, broker.CauseExpired, broker.CauseTooLarge, broker.CauseRefused, broker.CauseLost:
		ss.tally(m).dropped++
	}
	s.w.stats.Dropped++
}

// judge looks at why the broker ended a connection: it must never have been the client's mistake.
func (s *server) judge(e *broker.Event) {
	w, l := s.w, s.links[e.Client.Conn]
	if l == nil || l.c == nil {
		return // a stranger's
	}
	switch e.Cause {
	case broker.CauseProtocol:
		w.violate(kindProtocol, "the broker ends a connection of %s: %s (%s)", e.Client.ID, e.Detail, e.Code)
	case broker.CauseQuota:
		if e.Code != packet.QuotaExceeded || e.Kind == broker.EventDisconnected {
			w.violate(kindProtocol, "the broker ends a connection of %s: %s (%s)", e.Client.ID, e.Detail, e.Code)
		}
	case broker.CauseKeepAlive, broker.CauseStalled, broker.CauseConnectTimeout:
		told := l.c.plan.engine.Version == packet.V5 || s.limits.MaxKeepAlive == 0
		if told && !l.clientGone && l.c.healthy(l) {
			w.violate(kindKeepAlive, "the broker gives up a client that is well: %s %s", e.Client.ID, e.Detail)
		}
	}
}
