package engine

import (
	"strings"
	"unicode/utf8"

	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// Ack says that the application has taken a message, or with a failing code that it refuses it. The acknowledgement
// leaves when those of all earlier messages of its QoS have [MQTT-4.6.0-2] [MQTT-4.6.0-3]. In MQTT 3.1.1 a refusal
// is an acknowledgement like any other. The reason is for the broker's log, and left out where it cannot be sent.
//
// The error is [ErrAckVoid], [ErrAckTwice], or a [*LimitError] for a code that no such acknowledgement may have.
func (e *Engine) Ack(now Instant, t AckToken, code packet.ReasonCode, reason string) error {
	e.at(now)
	if t.IsZero() {
		return nil
	}
	ring, kind := &e.acks1, packet.PUBACK
	if t.qos == packet.QoS2 {
		ring, kind = &e.acks2, packet.PUBREC
	}
	if code != packet.Success && !code.ValidIn(kind) { // [MQTT-3.4.2-1] [MQTT-3.5.2-1]
		return &LimitError{Packet: kind, Code: packet.ProtocolError, Clause: reasonClause(kind),
			Detail: code.String() + " does not belong in this packet"}
	}
	if e.cfg.Version != packet.V5 {
		code = packet.Success
	}
	if !isText(reason) {
		reason = ""
	}
	// While the connection ends nothing is sent any more, but what the application is done with need not come again.
	ending := e.state == stateClosing && t.qos == packet.QoS2 && !e.cfg.ManualAcks
	if t.epoch != e.epoch || e.state != stateConnected && !ending {
		return e.ackLent(t, code, reason)
	}
	id, ok := ring.mark(t.seq, code, reason)
	switch {
	case !ok:
		return ErrAckTwice
	case t.qos == packet.QoS1:
		e.flushPubacks()
		return nil
	case code.Failed():
		e.inbound2.set(id, e.inbound2.get(id)|held2Refused)
	default:
		h := e.inbound2.get(id) | held2Owned
		e.inbound2.set(id, h)
		e.noteInbound(id, h)
	}
	e.flushPubrecs()
	return nil
}

// isText reports whether a string can be sent [MQTT-1.5.4-1] [MQTT-1.5.4-2].
func isText(s string) bool {
	return s == "" || len(s) <= 65535 && utf8.ValidString(s) && strings.IndexByte(s, 0) < 0
}

func reasonClause(t packet.Type) string {
	if t == packet.PUBREC {
		return "MQTT-3.5.2-1"
	}
	return "MQTT-3.4.2-1"
}

// flushPubacks encodes the PUBACKs whose turn has come.
func (e *Engine) flushPubacks() {
	for a := e.acks1.next(); a != nil && e.state == stateConnected; a = e.acks1.next() {
		e.flushAck(packet.PUBACK, a)
		e.acks1.drop()
	}
}

// flushPubrecs encodes the PUBRECs whose turn has come.
func (e *Engine) flushPubrecs() {
	for a := e.acks2.next(); a != nil && e.state == stateConnected; a = e.acks2.next() {
		e.flushAck(packet.PUBREC, a)
		if a.code.Failed() { // the same identifier is a new message from here on [MQTT-4.3.3-9]
			e.inbound2.set(a.id, 0)
			e.inbound2Now--
		} else {
			e.inbound2.set(a.id, e.inbound2.get(a.id)&^held2Due)
		}
		e.acks2.drop()
	}
}

func (e *Engine) flushAck(t packet.Type, a *owed) {
	if a.reason != "" && e.tooLarge(len(a.reason)+16) {
		a.reason = "" // rather than exceed the broker's packet size [MQTT-3.4.2-2] [MQTT-3.5.2-2]
	}
	e.reply(t, a.id, a.code, a.reason)
}

func (e *Engine) receivePubrel(f packet.Frame) {
	var p packet.Pubrel
	if err := p.Decode(f, &e.decoder); err != nil {
		e.malformed(err)
		return
	}
	if e.unwantedReason(packet.PUBREL, p.ReasonString, p.UserProperties) {
		return
	}
	h := e.inbound2.get(p.ID)
	switch {
	case h == 0: // a PUBCOMP of an earlier connection was lost [MQTT-4.3.3-11]
		e.reply(packet.PUBCOMP, p.ID, packet.PacketIdentifierNotFound, "")
		return
	case h&held2Due != 0:
		e.violation(packet.ProtocolError, "4.3.3", "PUBREL before PUBREC")
		return
	case h&held2Here != 0:
		e.inbound2Now--
	}
	e.dropInbound(p.ID)
	delete(e.lent, p.ID)
	e.inbound2.set(p.ID, 0) // [MQTT-4.3.3-12]
	e.reply(packet.PUBCOMP, p.ID, packet.Success, "")
}

// settleInbound forgets, at the end of a connection, which messages were seen on it. One that the application has is
// not delivered again; unless the application refuses it, or acknowledges by hand and counts on being given it again.
func (e *Engine) settleInbound() {
	e.inbound2Now = 0
	for id, h := range e.inbound2.all() {
		switch {
		case h&held2Owned != 0:
			e.inbound2.set(id, held2Owned|h&held2Doubted)
		case h&held2Refused != 0 || e.cfg.ManualAcks:
			delete(e.lent, id)
			e.inbound2.set(id, 0)
		default:
			e.lend(id, h)
		}
	}
}
