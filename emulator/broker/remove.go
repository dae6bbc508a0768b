package broker

import "github.com/gneiss-mqtt/gneiss-go/core/packet"

// End ends a connection with a DISCONNECT, which MQTT 3.1.1 does not have, and closes it: without a word where the code is
// not a failure. It is ignored where there is no such connection.
func (b *Broker) End(now Instant, id ConnID, code packet.ReasonCode, reason string) {
	b.tick(now)
	switch c := b.conns[id]; {
	case c == nil:
	case code.Failed():
		c.fail(code, CauseServer, reason)
	default:
		c.silent = true
		c.end(packet.UnspecifiedError, CauseServer, reason)
	}
	b.settle()
}

// Remove ends a client's connection with reason code 0x98, and its session too where clean is true. A will is published
// where will is true, else it is gone. It reports whether there was a connection or, with clean, a session.
func (b *Broker) Remove(now Instant, clientID string, clean, will bool) bool {
	b.tick(now)
	s := b.sessions[clientID]
	if s == nil || s.conn == nil && !clean {
		return false
	}
	if !will {
		s.will = nil
		b.timers.stop(&s.willTimer)
	}
	if clean {
		s.expiry = 0
	}
	if s.conn != nil {
		s.conn.fail(packet.AdministrativeAction, CauseServer, "the connection was ended by request")
	} else {
		b.endSession(s)
	}
	b.settle()
	return true
}
