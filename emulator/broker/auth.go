package broker

import (
	"bytes"

	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// authState is an enhanced authentication: at connect, and again later on [section 4.12].
type authState struct {
	method   string
	running  bool // an exchange is going on
	again    bool // it is a re-authentication
	deciding bool // the pending decision is one of the exchange, not that of the Connect hook
	wasUp    bool // the state to go back to when the decision comes
	final    []byte
}

// beginAuth starts the exchange that a CONNECT with an authentication method asks for.
func (c *conn) beginAuth(p *packet.Connect) {
	c.state = stateAuth
	c.auth = authState{method: p.AuthMethod, running: true}
	c.authStep(p.AuthData)
}

// onAuth continues an exchange or starts a re-authentication.
func (c *conn) onAuth(f packet.Frame) {
	p := new(packet.Auth)
	if c.state == stateUp && c.client.Version != packet.V5 {
		c.fail(packet.ProtocolError, CauseProtocol, "an AUTH in MQTT 3.1.1 [3.15]")
		return
	}
	if err := p.Decode(f, &c.decoder); err != nil {
		c.failAuthDecode(err)
		return
	}
	if c.state == stateUp && c.unwanted(p.UserProperties) {
		return
	}
	fault := ""
	switch {
	case c.auth.method == "": // [MQTT-4.12.0-7]
		fault = "an AUTH without an authentication method in CONNECT"
	case p.Method != c.auth.method: // [MQTT-4.12.0-5] [MQTT-4.12.1-1]
		fault = "the authentication method changed"
	case c.state == stateUp && !c.auth.running && p.Code != packet.ReAuthenticate,
		c.auth.running && p.Code != packet.ContinueAuthentication: // [MQTT-4.12.0-3]
		fault = "an AUTH with " + p.Code.String() + " at this point"
	}
	if fault != "" {
		c.authFailed(packet.ProtocolError, CauseProtocol, fault)
		return
	}
	if !c.auth.running {
		c.auth.running, c.auth.again = true, true
	}
	c.authStep(bytes.Clone(p.Data))
}

func (c *conn) failAuthDecode(err error) {
	if c.state == stateUp {
		c.failDecode(err)
		return
	}
	e := fault(err)
	c.refuse(e.Code, CauseProtocol, e.Detail+" ["+e.Clause+"]")
}

func (c *conn) authStep(data []byte) {
	d := c.b.opts.Hooks.Auth(c.b.now, &c.client, AuthStep{Method: c.auth.method, Data: data, Again: c.auth.again})
	if d.Pending {
		c.auth.deciding, c.auth.wasUp = true, c.state == stateUp
		if c.state = statePending; c.auth.wasUp {
			c.deadline = c.b.now.Add(c.b.limits.ConnectTimeout)
			c.watch(c.deadline)
		}
		return
	}
	c.authDecided(d)
}

// ResolveAuth brings the decision that the Auth hook postponed. It is ignored where none is awaited.
func (b *Broker) ResolveAuth(now Instant, id ConnID, d AuthDecision) {
	b.tick(now)
	if c := b.conns[id]; c != nil && c.state == statePending && c.auth.deciding && !d.Pending {
		c.auth.deciding = false
		if c.state = stateAuth; c.auth.wasUp {
			c.state = stateUp
		}
		c.authDecided(d)
		c.resume()
	}
	b.settle()
}

func (c *conn) authDecided(d AuthDecision) {
	if d.Identity != nil {
		c.client.Identity = d.Identity
		if c.session != nil {
			c.session.client.Identity = d.Identity
		}
	}
	switch {
	case d.Later && c.auth.again:
		c.auth.running, c.auth.again = false, false
		d.Code = packet.ContinueAuthentication
		c.sendAuth(d)
	case d.Code == packet.ContinueAuthentication: // [MQTT-4.12.0-2]
		c.sendAuth(d)
	case d.Code != packet.Success: // [MQTT-4.12.0-4]
		c.authFailed(d.Code, CauseNotAuthorized, d.ReasonString)
	case c.auth.again:
		c.auth.running, c.auth.again = false, false
		c.sendAuth(d)
	default:
		c.auth.running = false
		c.authorize(d.Data)
	}
}

func (c *conn) sendAuth(d AuthDecision) {
	p := packet.Auth{Code: d.Code, Method: c.auth.method, Data: d.Data}
	if c.problemInfo {
		p.ReasonString = d.ReasonString
	}
	c.send(&p)
}

// authFailed ends the connection in the way that its state asks for.
func (c *conn) authFailed(code packet.ReasonCode, cause Cause, detail string) {
	if c.state == stateUp {
		c.fail(code, cause, detail)
		return
	}
	if !code.ValidIn(packet.CONNACK) {
		code = packet.NotAuthorized
	}
	c.refuse(code, cause, detail)
}
