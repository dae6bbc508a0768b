package broker

import (
	"slices"

	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// deliver sends a message to the session's client, or queues it.
func (s *session) deliver(pub *publication, qos packet.QoS, retain bool, ids []uint32, g *group) {
	b, c := s.b, s.conn
	online := c != nil && c.live()
	if hook := b.opts.Hooks.Deliver; hook != nil && !hook(b.now, &s.client, pub.pkt.Topic) {
		b.dropped(s, pub.pkt, CauseNotAuthorized)
		return
	}
	if qos == packet.QoS0 {
		switch {
		case !online: // QoS 0 is for those who are there
		case !c.roomy():
			b.dropped(s, pub.pkt, CauseStalled)
		default:
			c.publish(pub.pkt, outgoing{retain: retain, ids: ids, expireAt: pub.expireAt()})
		}
		return
	}
	d := b.newDelivery()
	d.msg, d.group, d.qos, d.retain = pub.own(), g, qos, retain
	d.ids = slices.Clone(ids)
	if online && s.waiting.n == 0 && s.resend == nil && c.roomy() && s.mayStart(d) {
		s.start(d)
		return
	}
	s.enqueue(d)
}

// deliverRetained sends a retained message in answer to a SUBSCRIBE. At QoS 0 too it waits for room.
func (s *session) deliverRetained(m *message, qos packet.QoS, ids []uint32) {
	b := s.b
	if hook := b.opts.Hooks.Deliver; hook != nil && !hook(b.now, &s.client, m.pkt.Topic) {
		b.dropped(s, &m.pkt, CauseNotAuthorized)
		return
	}
	d := b.newDelivery()
	d.msg, d.qos, d.retain, d.ids = m, qos, true, slices.Clone(ids)
	s.enqueue(d)
}

// enqueue lets a delivery wait. A full queue takes no more, after those that have expired were removed.
func (s *session) enqueue(d *delivery) {
	b, size := s.b, d.msg.size()
	full := func() bool {
		return s.waiting.n >= b.limits.MaxQueued || s.waitingBytes+size > b.limits.MaxQueuedBytes
	}
	if full() && s.expirySeen != 0 && b.now >= s.expirySeen {
		s.dropExpired()
	}
	if full() {
		b.dropped(s, &d.msg.pkt, CauseQuota)
		b.recycle(d)
		return
	}
	if d.msg.pkt.MessageExpiry.IsSet() && (s.expirySeen == 0 || d.msg.expireAt < s.expirySeen) {
		s.expirySeen = d.msg.expireAt
	}
	s.waiting.push(d)
	s.waitingBytes += size
}

// unqueue takes a delivery out of the waiting ones.
func (s *session) unqueue(d *delivery) {
	s.waiting.remove(d)
	s.waitingBytes -= d.msg.size()
}

func (s *session) dropWaiting(cause Cause, match func(*delivery) bool) {
	for d := s.waiting.first; d != nil; {
		next := d.next
		if match(d) {
			s.unqueue(d)
			s.b.dropped(s, &d.msg.pkt, cause)
			s.b.recycle(d)
		}
		d = next
	}
}

// dropExpired removes expired messages [MQTT-3.3.2-5].
func (s *session) dropExpired() {
	s.dropWaiting(CauseExpired, func(d *delivery) bool { return d.msg.expired(s.b.now) })
	s.expirySeen = 0
	for d := s.waiting.first; d != nil; d = d.next {
		if d.msg.pkt.MessageExpiry.IsSet() && (s.expirySeen == 0 || d.msg.expireAt < s.expirySeen) {
			s.expirySeen = d.msg.expireAt
		}
	}
}

// dropWaitingQoS0 removes what is not kept for a client that has gone.
func (s *session) dropWaitingQoS0() {
	s.dropWaiting(CauseLost, func(d *delivery) bool { return d.qos == packet.QoS0 })
}

// pump sends what waits, as far as the client's receive maximum and the output limit allow: first what an earlier
// connection left unfinished, in its order [MQTT-4.6.0-1], then the queue.
func (s *session) pump() {
	c := s.conn
	if c == nil || !c.live() {
		return
	}
	for s.resend != nil && c.live() {
		d := s.resend
		if d.sent == c.id {
			s.resend = d.next
			continue
		}
		if c.quota <= 0 || !c.roomy() || !s.pace.take(s) {
			return
		}
		s.resend = d.next
		c.quota--
		s.transmit(d, true)
	}
	for d := s.waiting.first; d != nil && c.live() && c.roomy(); d = s.waiting.first {
		switch {
		case d.msg.expired(s.b.now):
			s.unqueue(d)
			s.b.dropped(s, &d.msg.pkt, CauseExpired)
			s.b.recycle(d)
			s.pace.skip()
		case d.qos == packet.QoS0:
			s.unqueue(d)
			c.publish(&d.msg.pkt, outgoing{retain: d.retain, ids: d.ids, expireAt: d.msg.expireAt})
			s.b.recycle(d)
		case !s.mayStart(d), !s.pace.take(s):
			return
		default:
			s.unqueue(d)
			s.start(d)
		}
	}
}

// mayStart reports whether one more message may be in flight: by the client's receive maximum and by the memory that
// messages in flight take.
func (s *session) mayStart(d *delivery) bool {
	return s.conn.quota > 0 && (s.flying.n == 0 || s.flyingBytes+d.msg.size() <= s.b.limits.MaxQueuedBytes)
}

// start gives a delivery a packet identifier and sends it for the first time [MQTT-2.2.1-4].
func (s *session) start(d *delivery) {
	for {
		s.lastID++
		if s.lastID != 0 && s.inflight[s.lastID] == nil { // there are fewer in flight than identifiers
			break
		}
	}
	d.id = s.lastID
	s.inflight[d.id] = d
	s.flying.push(d)
	s.flyingBytes += d.msg.size()
	s.conn.quota--
	s.transmit(d, false)
}

// transmit writes the PUBLISH. One that its receiver does not take for its size counts as delivered [MQTT-3.1.2-25].
func (s *session) transmit(d *delivery, dup bool) {
	c := s.conn
	d.sent = c.id
	if !c.publish(&d.msg.pkt, outgoing{dup: dup, qos: d.qos, id: d.id, retain: d.retain, ids: d.ids, expireAt: d.msg.expireAt}) {
		s.forget(d)
		c.quota++
	}
}

// finish ends a delivery that the client has acknowledged for good.
func (s *session) finish(d *delivery, code packet.ReasonCode) {
	b := s.b
	if code.Failed() { // a shared message is not offered to another member either [MQTT-4.8.2-6]
		b.dropped(s, &d.msg.pkt, CauseRefused)
	} else if b.wants(EventDelivered) {
		b.emit(Event{Kind: EventDelivered, Client: s.client, Code: code, Message: clonePublish(&d.msg.pkt)})
	}
	s.conn.quota++
	s.forget(d)
	s.pump()
}

// forget frees the packet identifier.
func (s *session) forget(d *delivery) {
	if s.resend == d {
		s.resend = d.next
	}
	delete(s.inflight, d.id)
	s.flyingBytes -= d.msg.size()
	s.flying.remove(d)
	s.b.recycle(d)
}

// resumeDelivery continues on a new connection what the last one left [MQTT-4.4.0-1]: PUBREL at once, PUBLISH as far as
// the receive maximum, which starts anew, allows.
func (s *session) resumeDelivery() {
	c := s.conn
	for d := s.flying.first; d != nil; d = d.next {
		if d.released {
			d.sent = c.id
			c.quota--
			c.sendPubrel(packet.Ack{ID: d.id})
		}
	}
	s.resend = s.flying.first
	s.pace.begin(s)
	s.pump()
}

// dropped counts and reports a message that a session does not get.
func (b *Broker) dropped(s *session, p *packet.Publish, cause Cause) {
	b.stats.Dropped++
	if b.wants(EventDropped) {
		b.emit(Event{Kind: EventDropped, Client: s.client, Cause: cause, Message: clonePublish(p)})
	}
}
