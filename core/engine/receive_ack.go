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
	if t.epoch != e.epoch || e.state != stateConnected {
		return ErrAckVoid
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
	id, ok := ring.mark(t.seq, code, reason)
	if !ok {
		return ErrAckTwice
	}
	if t.qos == packet.QoS2 {
		if code.Failed() {
			e.inbound2[id] |= held2Refused
		} else {
			e.inbound2[id] |= held2Owned
			e.noteInbound(id)
		}
	}
	e.flushAcks()
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

// flushAcks encodes the acknowledgements whose turn has come.
func (e *Engine) flushAcks() {
	for a := e.acks1.next(); a != nil && e.state == stateConnected; a = e.acks1.next() {
		e.flushAck(packet.PUBACK, a)
		e.acks1.drop()
	}
	for a := e.acks2.next(); a != nil && e.state == stateConnected; a = e.acks2.next() {
		e.flushAck(packet.PUBREC, a)
		if a.code.Failed() { // the same identifier is a new message from here on [MQTT-4.3.3-9]
			delete(e.inbound2, a.id)
			e.inbound2Now--
		} else {
			e.inbound2[a.id] &^= held2Due
		}
		e.acks2.drop()
	}
}

func (e *Engine) flushAck(t packet.Type, a *owed) {
	if a.reason != "" && e.tooLarge(len(a.reason)+16) {
		a.reason = "" // rather than exceed the broker's packet size [MQTT-3.4.2-2] [MQTT-3.5.2-2]
	}
	e.replyAck(t, packet.Ack{ID: a.id, Code: a.code, ReasonString: a.reason})
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
	h, known := e.inbound2[p.ID]
	switch {
	case !known: // a PUBCOMP of an earlier connection was lost [MQTT-4.3.3-11]
		e.replyAck(packet.PUBCOMP, packet.Ack{ID: p.ID, Code: packet.PacketIdentifierNotFound})
		return
	case h&held2Due != 0:
		e.violation(packet.ProtocolError, "4.3.3", "PUBREL before PUBREC")
		return
	case h&held2Here != 0:
		e.inbound2Now--
	}
	e.dropInbound(p.ID)
	if delete(e.inbound2, p.ID); len(e.inbound2) == 0 && e.inbound2Peak > keepInbound { // [MQTT-4.3.3-12]
		e.inbound2, e.inbound2Peak = nil, 0 // after a burst, the memory goes
	}
	e.replyAck(packet.PUBCOMP, packet.Ack{ID: p.ID})
}

// keepInbound is how many QoS 2 messages an engine keeps room for.
const keepInbound = 1024

// settleInbound forgets, at the end of a connection, which messages were seen on it. One that the application has is
// owned, acknowledged or not, so that it is not delivered again; unless the application refuses it, or acknowledges by
// hand and counts on being given it again.
func (e *Engine) settleInbound() {
	e.inbound2Now = 0
	for id, h := range e.inbound2 {
		if h&held2Owned == 0 && (h&held2Refused != 0 || e.cfg.ManualAcks) {
			delete(e.inbound2, id)
			continue
		}
		if h&held2Owned == 0 {
			e.noteInbound(id)
		}
		e.inbound2[id] = held2Owned
	}
}
