package engine

import "github.com/gneiss-mqtt/gneiss-go/core/packet"

// A message at QoS 2 that the application has not acknowledged when its connection ends is lent to it: the application
// goes on with it, so the broker's repetition is not delivered, and is answered only when the application is done. To
// answer at once would lose the message to a process that ends before.

// lend notes which token the application holds for a message.
func (e *Engine) lend(id uint16, h held2) {
	if _, known := e.lent[id]; !known {
		if e.lent == nil {
			e.lent = make(map[uint16]uint32)
		}
		e.lent[id] = e.epoch
	}
	e.inbound2.set(id, held2Lent|h&held2Doubted)
}

// ackLent is an acknowledgement of a message of an earlier connection. All but those of lent messages are void.
func (e *Engine) ackLent(t AckToken, code packet.ReasonCode, reason string) error {
	epoch, lent := e.lent[t.id]
	if t.qos != packet.QoS2 || !lent || epoch != t.epoch {
		return ErrAckVoid
	}
	delete(e.lent, t.id)
	h := e.inbound2.get(t.id) &^ held2Lent
	switch {
	case !code.Failed():
		h |= held2Owned
		e.noteInbound(t.id, h)
	case h&held2Due != 0:
		h |= held2Refused
	default: // when it comes again it is a new message
		h = 0
	}
	e.inbound2.set(t.id, h)
	if h&held2Due != 0 {
		e.acks2.markID(t.id, code, reason)
		e.flushPubrecs()
	}
	return nil
}
