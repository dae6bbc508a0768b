package sim

import (
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
	"github.com/gneiss-mqtt/gneiss-go/emulator/broker"
)

// hooks are how the world sees what the broker does, and where the broker says no.
func (s *server) hooks() broker.Hooks {
	return broker.Hooks{Connect: s.onConnect, Publish: s.onPublish, Subscribe: s.onSubscribe, Deliver: s.onDeliver, Auth: s.onAuth}
}

func (s *server) onConnect(_ broker.Instant, c *broker.Client, _ *packet.Connect) broker.ConnectDecision {
	l := s.links[c.Conn]
	if s.refuse > 0 && l != nil && l.c != nil {
		s.refuse--
		return broker.ConnectDecision{Code: pick(s.w.chance, packet.ServerBusy, packet.ServerUnavailable, packet.QuotaExceeded)}
	}
	if s.dither > 0 && l != nil {
		t := &timer{fire: func() {
			if !l.serverGone {
				s.b.ResolveConnect(s.now(), l.id, broker.ConnectDecision{})
				s.after()
			}
		}}
		l.troubled(s.w.now + s.dither)
		s.w.sched.set(t, s.w.now+s.dither)
		s.dither = 0
		return broker.ConnectDecision{Pending: true}
	}
	return broker.ConnectDecision{}
}

func (s *server) onPublish(_ broker.Instant, c *broker.Client, p *packet.Publish) broker.PublishDecision {
	m := s.w.message(p.Payload)
	if m == nil {
		if p.Topic[0] != 'w' && len(p.Payload) > 0 {
			s.w.violate(kindModel, "an unknown message on %s", p.Topic)
		}
		return broker.PublishDecision{}
	}
	if m.topic != p.Topic || m.qos != p.QoS || len(p.Payload) != m.size {
		s.w.violate(kindAlias, "message %d of %s at QoS %d with %d bytes came on %s at QoS %d with %d bytes", m.n, m.topic, m.qos, m.size,
			p.Topic, p.QoS, len(p.Payload))
	}
	s.accepted(m, c)
	switch {
	case m.poison:
		return broker.PublishDecision{Code: packet.ImplementationSpecificError, Disconnect: true}
	case m.refused:
		return broker.PublishDecision{Code: packet.QuotaExceeded, ReasonString: "no"}
	}
	s.current = m
	if p.Retain {
		s.retained[p.Topic] = m
	}
	return broker.PublishDecision{}
}

func (s *server) onSubscribe(_ broker.Instant, c *broker.Client, f packet.Filter) broker.SubscribeDecision {
	ss := s.sessions[c.ID]
	if ss == nil {
		s.w.violate(kindModel, "%s subscribes without a session", c.ID)
		return broker.SubscribeDecision{}
	}
	d := broker.SubscribeDecision{}
	if n := s.w.plan.refuseFilters; n > 0 && !s.w.calm {
		switch {
		case s.w.one(n): // some for good, and some for now
			return broker.SubscribeDecision{Code: pick(s.w.chance, packet.NotAuthorized, packet.QuotaExceeded, packet.PacketIdentifierInUse)}
		case s.w.one(n):
			d.MaxQoS = packet.Some(packet.QoS(s.w.IntN(3)))
		}
	}
	qos := min(f.QoS, s.limits.MaximumQoS.Or(packet.QoS2), d.MaxQoS.Or(packet.QoS2))
	ss.subs[f.Filter] = grant{qos, f.NoLocal}
	return d
}

// onDeliver is called when the broker chooses a session for a message.
func (s *server) onDeliver(_ broker.Instant, c *broker.Client, topic string) bool {
	ss := s.sessions[c.ID]
	m := s.current
	if m == nil {
		m = s.retained[topic]
		if topic[0] == 's' || topic[0] == 'w' { // handed on to another member of the group; a will
			return true
		}
	}
	if m == nil || ss == nil {
		s.w.violate(kindModel, "a message on %s for %s, out of nothing", topic, c.ID)
		return true
	}
	t := ss.tally(m)
	lo, hi := ss.granted(m)
	switch {
	case lo == hi || s.current != nil && !m.shared:
		t.owed[min(m.qos, hi)]++
	default: // a retained message for one of several subscriptions, or one of several groups
		t.any++
	}
	return true
}

// granted returns the lowest and the highest QoS of the subscriptions that match a message.
func (s *session) granted(m *message) (lo, hi packet.QoS) {
	lo = packet.QoS2
	for filter, g := range s.subs {
		if _, inner, shared := packet.SplitShared(filter); shared {
			filter = inner
		}
		if packet.Match(filter, m.topic) && !(g.noLocal && m.from == s.client) {
			lo, hi = min(lo, g.qos), max(hi, g.qos)
		}
	}
	return min(lo, hi), hi
}

// onAuth is an exchange of three steps, which is sometimes refused.
func (s *server) onAuth(_ broker.Instant, c *broker.Client, step broker.AuthStep) broker.AuthDecision {
	w := s.w
	if len(step.Data) < 3 && string(step.Data) != "end" {
		return broker.AuthDecision{Code: packet.ContinueAuthentication, Data: append(step.Data, '+')}
	}
	if !w.calm && w.percent(w.plan.refuseAuth) {
		return broker.AuthDecision{Code: packet.NotAuthorized}
	}
	return broker.AuthDecision{Code: packet.Success, Data: []byte("welcome")}
}
