package engine

import "github.com/gneiss-mqtt/gneiss-go/core/packet"

func (e *Engine) receivePuback(f packet.Frame) {
	var p packet.Puback
	if err := p.Decode(f, &e.decoder); err != nil {
		e.malformed(err)
		return
	}
	o := e.publishOf(packet.PUBACK, &p.Ack)
	if o == nil {
		return
	}
	if o.Publish.QoS != packet.QoS1 {
		e.violation(packet.ProtocolError, "2.2.1", "PUBACK in answer to PUBLISH at QoS 2")
		return
	}
	e.settle(o, packet.PUBACK, &p.Ack)
}

func (e *Engine) receivePubrec(f packet.Frame) {
	var p packet.Pubrec
	if err := p.Decode(f, &e.decoder); err != nil {
		e.malformed(err)
		return
	}
	if e.ids.get(p.ID) == nil {
		// The broker has a message we know nothing of: let it go on [MQTT-2.2.1-5].
		if e.forgive(packet.ProtocolError, "MQTT-2.2.1-5", "PUBREC for a packet identifier that is not in use") && !p.Code.Failed() {
			e.reply(packet.PUBREL, p.ID, packet.PacketIdentifierNotFound, "")
		}
		return
	}
	o := e.publishOf(packet.PUBREC, &p.Ack)
	if o == nil {
		return
	}
	switch {
	case o.Publish.QoS != packet.QoS2:
		e.violation(packet.ProtocolError, "2.2.1", "PUBREC in answer to PUBLISH at QoS 1")
	case o.state == opReleased:
		e.reply(packet.PUBREL, o.id, packet.Success, "") // the broker has not seen it yet
	case p.Code.Failed(): // [MQTT-4.4.0-2]
		e.settle(o, packet.PUBREC, &p.Ack)
	default: // never the PUBLISH again from here on [MQTT-4.3.3-6]
		e.unacked.remove(o)
		e.keepAlive.acked(o.sentAt)
		e.pubrecs++
		o.state, o.Code, o.turn = opReleased, p.Code, e.pubrecs
		e.released.pushBack(o)
		e.note(o)
		e.sendPubrel(o)
	}
}

// sendPubrel answers in the order in which PUBREC came [MQTT-4.3.3-4] [MQTT-4.6.0-4].
func (e *Engine) sendPubrel(o *Op) {
	from := len(e.out)
	e.reply(packet.PUBREL, o.id, packet.Success, "")
	o.Sent = true
	e.encoded(o, from)
}

func (e *Engine) receivePubcomp(f packet.Frame) {
	var p packet.Pubcomp
	if err := p.Decode(f, &e.decoder); err != nil {
		e.malformed(err)
		return
	}
	o := e.publishOf(packet.PUBCOMP, &p.Ack)
	if o == nil {
		return
	}
	if o.state != opReleased {
		e.violation(packet.ProtocolError, "4.3.3", "PUBCOMP before PUBREC")
		return
	}
	p.Code = o.Code // 0x92 here says only that an earlier PUBCOMP was lost
	e.settle(o, packet.PUBCOMP, &p.Ack)
}

// publishOf finds the publish that an acknowledgement belongs to, nil where the packet has been dealt with.
func (e *Engine) publishOf(t packet.Type, a *packet.Ack) *Op {
	if e.unwantedReason(t, a.ReasonString, a.UserProperties) {
		return nil
	}
	o := e.ids.get(a.ID)
	if o == nil || !e.underWay(o) {
		e.forgive(packet.ProtocolError, "MQTT-2.2.1-5", t.String()+" for a packet identifier that is not in use")
		return nil
	}
	if o.Kind != OpPublish {
		e.violation(packet.ProtocolError, "2.2.1", t.String()+" in answer to "+o.Kind.String())
		return nil
	}
	return o
}

// underWay reports whether the broker can have seen what the operation sent last. An identifier that waits to be sent
// again, or whose packet the driver has not even taken, is not in use on this connection: no acknowledgement of it can
// be meant.
func (e *Engine) underWay(o *Op) bool {
	return (o.state == opUnacked || o.state == opReleased) && o.end <= e.taken
}

// settle ends a publish with the broker's last word, and frees its identifier and its share of the quota.
func (e *Engine) settle(o *Op, t packet.Type, a *packet.Ack) {
	e.keepAlive.acked(o.sentAt)
	o.list.remove(o)
	if o.internal {
		e.dropGhost(o.id)
	}
	e.ids.free(o)
	e.inUse--
	o.Sent, o.Code, o.ReasonString, o.UserProperties = true, a.Code, a.ReasonString, a.UserProperties
	var err error
	if a.Code.Failed() {
		err = &ReasonError{Packet: t, Code: a.Code, Reason: a.ReasonString, UserProperties: a.UserProperties}
	}
	e.finish(o, err)
	e.pump()
}
