package engine

import (
	"errors"

	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// Disconnect ends the connection in order: DISCONNECT is the last packet [MQTT-3.14.4-1]. Operations that are not over
// stay with the session. p may be nil for a normal disconnection.
func (e *Engine) Disconnect(now Instant, p *packet.Disconnect) error {
	e.at(now)
	if p == nil {
		p = new(packet.Disconnect)
	}
	if err := p.Validate(e.cfg.Version, e.cfg.Strict); err != nil {
		return err
	}
	if p.SessionExpiry.Or(0) != 0 && e.connect != nil && e.connect.SessionExpiry == 0 {
		return &LimitError{Packet: packet.DISCONNECT, Code: packet.ProtocolError, Clause: "3.14.2.2.2",
			Detail: "a session expiry of 0 cannot be raised"}
	}
	if e.state == stateConnecting || e.state == stateConnected {
		e.bye(p)
		e.end(ErrClosed)
	}
	return nil
}

// bye encodes a DISCONNECT, without its words where they do not fit the broker's packet size [MQTT-3.14.2-3].
func (e *Engine) bye(p *packet.Disconnect) {
	start := len(e.out)
	out, err := p.Append(e.out, e.cfg.Version)
	if size := len(out) - start; err != nil || e.tooLarge(size) {
		short := packet.Disconnect{Code: p.Code, SessionExpiry: p.SessionExpiry}
		if out, _ = short.Append(e.out[:start], e.cfg.Version); e.tooLarge(len(out) - start) {
			out = out[:start]
		}
	}
	e.out = out
}

// violation ends the connection because the broker broke the protocol, and says so with the most exact code.
func (e *Engine) violation(code packet.ReasonCode, clause, detail string) {
	e.refuse(&ProtocolError{Code: code, Clause: clause, Detail: detail})
}

func (e *Engine) malformed(err error) {
	pe := &ProtocolError{Code: packet.MalformedPacket, Err: err}
	var p *packet.Error
	if errors.As(err, &p) {
		pe.Code, pe.Clause, pe.Detail = p.Code, p.Clause, p.Detail
	}
	e.refuse(pe)
}

func (e *Engine) refuse(err *ProtocolError) {
	code := err.Code
	if !code.ClientMaySend(packet.DISCONNECT) {
		code = packet.ProtocolError
	}
	e.fail(code, err)
}

// Fail ends the connection for a reason that only the driver knows, which [Engine.Err] then returns. In MQTT 5 the broker
// is told the code.
func (e *Engine) Fail(now Instant, code packet.ReasonCode, err error) {
	e.at(now)
	if !code.ClientMaySend(packet.DISCONNECT) {
		code = packet.UnspecifiedError
	}
	e.fail(code, err)
}

// fail ends the connection with a DISCONNECT. MQTT 3.1.1 has no reason to give: there a DISCONNECT would only stop
// the will, so the connection is just closed.
func (e *Engine) fail(code packet.ReasonCode, err error) {
	if e.state == stateClosed || e.state == stateClosing {
		return
	}
	if e.cfg.Version == packet.V5 {
		e.bye(&packet.Disconnect{Code: code})
	}
	e.end(err)
}

// end stops reading and encoding.
func (e *Engine) end(err error) {
	if e.state == stateClosed || e.state == stateClosing {
		return
	}
	e.state, e.err = stateClosing, err
}

// forgive counts a mistake of the broker that harms nothing; in strict mode there is no such mistake.
func (e *Engine) forgive(code packet.ReasonCode, clause, detail string) (forgiven bool) {
	if e.cfg.Strict {
		e.violation(code, clause, detail)
		return false
	}
	e.stats.Forgiven++
	if e.forgiven++; e.forgiven <= maxForgiven {
		e.events = append(e.events, Event{Kind: EventForgiven, Err: &ProtocolError{Code: code, Clause: clause, Detail: detail}})
	}
	return true
}

// maxForgiven is how many EventForgiven wait at a time; those above are only counted.
const maxForgiven = 16

// Closed tells the engine that the transport has ended, or that the attempt to make one has. Queued
// acknowledgements die with it; messages at QoS 1 and 2 wait for the next CONNACK; the offline policy decides about
// the rest.
func (e *Engine) Closed(now Instant) {
	e.at(now)
	wasOpen := e.state != stateClosed
	e.state = stateClosed
	if !wasOpen {
		return
	}
	e.settleDoubt()
	e.keepAlive.stop()
	e.again.at = Never // the next connection restores whatever is still lost
	e.framer.Reset()
	e.acks1.reset()
	e.acks2.reset()
	e.interrupt()
	// A clean session of MQTT 3.1.1 ends with its connection [v3:MQTT-3.1.2-6].
	if e.dropAtClose || e.cfg.Version == packet.V311 && e.connect.CleanStart {
		e.dropSession()
	}
	e.out = e.out[:0]
	if cap(e.out) > keepOut {
		e.out = nil
	}
	e.taken, e.written = 0, 0
	e.connect = nil // it holds secrets
}

// keepOut is the largest buffer that an engine holds on to.
const keepOut = 256 << 10

// DropSession forgets what would be resumed, as a clean start does: the offline policy decides which of the messages
// that were under way are sent as new ones, the others fail with [ErrSessionLost]. While a connection is open it takes
// effect when that ends.
func (e *Engine) DropSession(now Instant) {
	e.at(now)
	if e.dropAtClose = e.state != stateClosed; !e.dropAtClose {
		e.dropSession()
	}
}

func (e *Engine) dropSession() {
	e.loseSession()
	e.established, e.dropAtClose = false, false
}
