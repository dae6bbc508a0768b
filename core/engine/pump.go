package engine

import "github.com/gneiss-mqtt/gneiss-go/core/packet"

// TakeOut returns the bytes to write, in order, and takes spare as the memory for those that follow. What waited for
// room is encoded then. When it returns none there are none left: what only time allows is encoded by Tick.
func (e *Engine) TakeOut(now Instant, spare []byte) []byte {
	e.at(now)
	p := e.out
	e.out = spare[:0]
	e.taken += uint64(len(p))
	e.replies = 0
	if len(p) > 0 {
		e.pump()
	}
	return p
}

// Pending reports whether TakeOut has bytes.
func (e *Engine) Pending() bool { return len(e.out) > 0 }

// Wrote tells the engine that n more of the bytes taken have left.
func (e *Engine) Wrote(now Instant, n int) {
	e.at(now)
	if n <= 0 || e.state == stateClosed {
		return
	}
	e.written = min(e.written+uint64(n), e.taken)
	e.keepAlive.wrote(e.now, e.written)
	for o := e.writing.head; o != nil && o.end <= e.written; o = e.writing.head {
		e.writing.remove(o)
		o.Sent = true
		e.finish(o, nil)
	}
}

// pump encodes what waits, in the order of submission, while there is room.
func (e *Engine) pump() {
	e.nextSend = Never
	for e.state == stateConnected && len(e.out) < e.cfg.OutLimit {
		o := e.next()
		if o == nil {
			return
		}
		o.list.remove(o)
		e.send(o)
	}
}

// next chooses what is sent next: restored subscriptions, then unacknowledged messages of the last connection in
// their order [MQTT-4.6.0-1], then what was submitted first. Only PUBLISH waits for its rate, and only at QoS 1 and 2
// for quota [MQTT-3.3.4-8].
func (e *Engine) next() *Op {
	if e.first.head != nil && !e.ids.full() {
		return e.first.head
	}
	resend, publish, qos0, control := e.resend.head, e.waitPublish.head, e.waitQoS0.head, e.waitControl.head
	if resend != nil && (e.hold || !e.quota() || !e.unhurried()) {
		resend = nil
	}
	if publish != nil && !e.mayPublish() {
		publish = nil
	}
	if control != nil && (e.ids.full() || !e.unhurried()) {
		if qos0 != nil && qos0.seq > control.seq {
			qos0 = nil
		}
		control = nil
	}
	if (resend != nil || publish != nil || qos0 != nil) && e.paced() {
		e.pace()
		return control
	}
	if resend != nil {
		return resend
	}
	return earlier(publish, earlier(qos0, control))
}

// earlier returns which of two operations was submitted first. Both may be nil.
func earlier(a, b *Op) *Op {
	if b == nil || a != nil && a.seq < b.seq {
		return a
	}
	return b
}

func (e *Engine) quota() bool { return e.inUse < e.limits.ReceiveMaximum }

// mayPublish reports whether a new PUBLISH at QoS 1 or 2 may go.
func (e *Engine) mayPublish() bool {
	return e.resend.n == 0 && !e.hold && e.quota() && !e.ids.full() && e.unhurried()
}

// unhurried is false while slow start has one acknowledged operation under way. One whose acknowledgement is overdue
// holds nobody up.
func (e *Engine) unhurried() bool {
	if e.slow == 0 {
		return true
	}
	for _, l := range e.sent() {
		for o := l.tail; o != nil; o = o.prev {
			if !o.abandoned {
				return false
			}
		}
	}
	return true
}

// sendable reports whether a new operation can skip the queue.
func (e *Engine) sendable(o *Op) bool {
	if e.state != stateConnected || len(e.out) >= e.cfg.OutLimit || e.first.n > 0 {
		return false
	}
	switch {
	case o.Kind != OpPublish:
		return e.waitControl.n == 0 && (e.waitQoS0.n == 0 || e.nextSend != Never) && !e.ids.full() && e.unhurried()
	case e.nextSend != Never || e.paced(): // what the rate held back goes first
		return false
	case o.Publish.QoS > 0:
		return e.waitPublish.n == 0 && e.mayPublish()
	}
	return e.waitQoS0.n == 0 && e.waitControl.n == 0
}

// send encodes an operation that is on no list, or ends it where the broker's limits forbid it: that costs the
// operation, never the connection.
func (e *Engine) send(o *Op) {
	var err error
	switch {
	case o.expires <= e.now && !o.Sent: // a message of which nothing was sent [MQTT-4.3.3-7]
		e.stats.Expired++
		err = ErrExpired
	case o.Kind == OpPublish:
		err = e.sendPublish(o)
	default:
		err = e.sendControl(o)
	}
	if err == nil {
		return
	}
	if o.id != 0 {
		e.giveUp(o)
	}
	e.finish(o, err)
}

// tooLarge reports whether the broker refuses packets of this size [MQTT-3.2.2-15].
func (e *Engine) tooLarge(size int) bool {
	limit := e.limits.MaximumPacketSize
	return e.state == stateConnected && limit != 0 && size > int(limit)
}

// encoded notes where in the stream the packet of o is.
func (e *Engine) encoded(o *Op, from int) {
	o.start, o.end = e.taken+uint64(from), e.taken+uint64(len(e.out))
	o.sentAt = e.now
	if o.acknowledged() && e.cfg.AckTimeout > 0 {
		e.nextAck = min(e.nextAck, e.now.add(e.cfg.AckTimeout))
	}
}

// maybeSent reports whether a byte of the operation's packet may have left.
func (e *Engine) maybeSent(o *Op) bool { return o.Sent || o.end > 0 && e.taken > o.start }

// reply encodes an acknowledgement. A broker that provokes them without reading them is cut off.
func (e *Engine) reply(t packet.Type, id uint16, code packet.ReasonCode, reason string) {
	from := len(e.out)
	if code == packet.Success && reason == "" { // the shortest form is nearly always enough
		first := byte(t) << 4
		if t == packet.PUBREL {
			first |= 2 // [MQTT-3.6.1-1]
		}
		e.out = append(e.out, first, 2, byte(id>>8), byte(id))
	} else {
		e.replyReason(t, packet.Ack{ID: id, Code: code, ReasonString: reason})
	}
	if e.replies += len(e.out) - from; e.replies > maxReplies {
		e.end(ErrNotReading)
	}
}

func (e *Engine) replyReason(t packet.Type, a packet.Ack) {
	switch t { // by type, so that none is put on the heap
	case packet.PUBACK:
		p := packet.Puback{Ack: a}
		e.out, _ = p.Append(e.out, e.cfg.Version)
	case packet.PUBREC:
		p := packet.Pubrec{Ack: a}
		e.out, _ = p.Append(e.out, e.cfg.Version)
	case packet.PUBREL:
		p := packet.Pubrel{Ack: a}
		e.out, _ = p.Append(e.out, e.cfg.Version)
	default:
		p := packet.Pubcomp{Ack: a}
		e.out, _ = p.Append(e.out, e.cfg.Version)
	}
}

// maxReplies is more than two acknowledgements for every packet identifier take.
const maxReplies = 1 << 20
