package broker

import "github.com/gneiss-mqtt/gneiss-go/core/packet"

// session is what the broker keeps for a client identifier [section 4.1], with or without a connection.
type session struct {
	b      *Broker
	id     string
	conn   *conn  // nil while there is none
	client Client // as it last connected
	subs   map[string]*subscription

	expiry      uint32 // seconds after the connection; Forever
	expiryTimer timer
	will        *will
	willTimer   timer

	waiting      deliveryList
	waitingBytes int
	expirySeen   Instant // no waiting message expires earlier; 0: none expires at all
	flying       deliveryList
	flyingBytes  int
	inflight     map[uint16]*delivery
	resend       *delivery // the next of flying that this connection has not seen yet
	lastID       uint16
	pace         pace

	received map[uint16]ConnID // QoS 2 messages from the client not yet released, and who sent them last

	mark   uint64 // the routing that last met this session,
	target int    // and where in its targets
}

func (b *Broker) newSession(id string) *session {
	s := &session{
		b:        b,
		id:       id,
		subs:     map[string]*subscription{},
		inflight: map[uint16]*delivery{},
		received: map[uint16]ConnID{},
	}
	b.sessions[id] = s
	return s
}

// takeover ends the connection that a session has, for another one [MQTT-3.1.4-3].
func (b *Broker) takeover(s *session) {
	if s.conn == nil {
		return
	}
	s.conn.fail(packet.SessionTakenOver, CauseTakenOver, "another connection uses the client identifier")
	b.settle()
}

// detach separates an ended connection from its session.
func (b *Broker) detach(c *conn) {
	c.state = stateClosed
	b.timers.stop(&c.timer)
	c.aliases, c.topicByAlias, c.held, c.connect = nil, nil, nil, nil
	c.framer.Reset()
	if c.gone {
		delete(b.conns, c.id)
	} else {
		b.markReady(c)
	}
	s := c.session
	if s == nil {
		return
	}
	s.conn, s.resend = nil, nil
	b.timers.stop(&s.pace.timer)
	b.stats.Connected--
	if b.wants(EventDisconnected) {
		b.emit(Event{Kind: EventDisconnected, Client: c.client, Code: c.code, Cause: c.cause, Detail: c.detail})
	}
	s.dropWaitingQoS0()
	b.releaseWill(s, c.keepWill)
	switch s.expiry {
	case 0: // [MQTT-4.1.0-2]
		b.endSession(s)
	case Forever:
	default:
		b.timers.set(&s.expiryTimer, b.now.Add(seconds(s.expiry)), s)
	}
}

// expired is called for the will's delay and the session's expiry.
func (s *session) expired(b *Broker, t *timer) {
	switch t {
	case &s.willTimer:
		b.publishWill(s)
	case &s.pace.timer:
		s.pump()
	default:
		b.endSession(s)
	}
}

// endSession forgets a session. A will that was still delayed is sent now [MQTT-3.1.2-8].
func (b *Broker) endSession(s *session) {
	b.timers.stop(&s.expiryTimer)
	b.timers.stop(&s.pace.timer)
	b.publishWill(s)
	b.unsubscribeAll(s)
	delete(b.sessions, s.id)
	b.redistribute(s)
	if b.wants(EventSessionEnded) {
		b.emit(Event{Kind: EventSessionEnded, Client: s.client})
	}
}
