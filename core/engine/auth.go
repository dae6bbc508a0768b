package engine

import (
	"bytes"

	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// authState is the enhanced authentication of one connection (section 4.12).
type authState struct {
	method string // of the CONNECT; empty for none
	again  bool   // a re-authentication is under way
	asked  bool   // the broker waits for our next step
}

func (a *authState) open(method string) { *a = authState{method: method} }

// Authenticate sends an AUTH packet: the next step of an exchange the broker has asked for with [EventAuth], or, with
// [packet.ReAuthenticate] on an accepted connection, the first of a new one. Its method is filled in. A re-authentication
// may be begun anew where the next step of the last one is ours: some brokers say "not now" with a challenge.
func (e *Engine) Authenticate(now Instant, p *packet.Auth) error {
	e.at(now)
	fail := func(clause, detail string) error {
		return &LimitError{Packet: packet.AUTH, Code: packet.ProtocolError, Clause: clause, Detail: detail}
	}
	switch {
	case e.state != stateConnecting && e.state != stateConnected:
		return ErrOffline
	case e.auth.method == "":
		return fail("MQTT-4.12.0-7", "the CONNECT had no authentication method")
	case p.Code == packet.ReAuthenticate && e.state != stateConnected:
		return fail("MQTT-4.12.1-1", "the connection is not accepted yet")
	case p.Code == packet.ReAuthenticate && e.auth.again && !e.auth.asked:
		return fail("MQTT-4.12.1-1", "a re-authentication is under way")
	case p.Code == packet.ContinueAuthentication && !e.auth.asked:
		return fail("MQTT-4.12.0-3", "the broker has not asked for a next step")
	case p.Code != packet.ContinueAuthentication && p.Code != packet.ReAuthenticate:
		return fail("MQTT-3.15.2-1", "a client sends only the codes 0x18 and 0x19")
	}
	p.Method = e.auth.method
	if err := p.Validate(e.cfg.Version, e.cfg.Strict); err != nil {
		return err
	}
	from := len(e.out)
	out, err := p.Append(e.out, e.cfg.Version)
	if err == nil && e.tooLarge(len(out)-from) { // without its words [MQTT-3.15.2-2] [MQTT-3.15.2-3]
		short := packet.Auth{Code: p.Code, Method: p.Method, Data: p.Data}
		out, err = short.Append(e.out, e.cfg.Version)
	}
	if err != nil {
		return err
	}
	if e.tooLarge(len(out) - from) {
		return fail("MQTT-3.2.2-15", "it is above the broker's maximum packet size")
	}
	e.out, e.spoke = out, e.now
	e.auth.asked = false
	e.auth.again = e.auth.again || p.Code == packet.ReAuthenticate
	return nil
}

func (e *Engine) receiveAuth(f packet.Frame) {
	p := new(packet.Auth)
	if err := p.Decode(f, &e.decoder); err != nil {
		e.malformed(err)
		return
	}
	switch {
	case e.auth.method == "":
		e.violation(packet.ProtocolError, "MQTT-4.12.0-6", "AUTH without an authentication method in CONNECT")
	case p.Code == packet.ReAuthenticate:
		e.violation(packet.ProtocolError, "MQTT-3.15.2-1", "only a client asks to re-authenticate")
	case p.Method != e.auth.method && !(p.Method == "" && p.Code == packet.Success):
		e.violation(packet.ProtocolError, "MQTT-4.12.0-5", "the authentication method is not the one of the CONNECT")
	case e.state == stateConnecting && p.Code != packet.ContinueAuthentication:
		e.violation(packet.ProtocolError, "MQTT-4.12.0-2", "AUTH before CONNACK without code 0x18")
	case e.state == stateConnected && !e.auth.again:
		e.violation(packet.ProtocolError, "4.12.1", "AUTH while no authentication is under way")
	case e.auth.asked: // steps alternate, so there is never more than one to hold
		e.violation(packet.ProtocolError, "4.12", "AUTH before the last one was answered")
	case e.unwantedReason(packet.AUTH, p.ReasonString, p.UserProperties):
	default:
		if p.Code == packet.Success {
			e.auth.again = false
		} else {
			e.auth.asked = true
		}
		p.Data = bytes.Clone(p.Data) // it aliases the bytes received
		e.events = append(e.events, Event{Kind: EventAuth, Auth: p})
	}
}
