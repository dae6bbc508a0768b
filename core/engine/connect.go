package engine

import (
	"bytes"

	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// Open tells the engine that a transport is up, and encodes CONNECT, the first packet [MQTT-3.1.0-1]. The engine keeps
// c until the connection ends. Without a CONNACK before deadline the connection ends with [ErrConnectTimeout].
// An error says that c cannot be sent; the engine stays closed.
func (e *Engine) Open(now Instant, c *packet.Connect, deadline Instant) error {
	e.at(now)
	if e.state != stateClosed {
		return &LimitError{Packet: packet.CONNECT, Clause: "MQTT-3.1.0-2", Detail: "a connection is open already"}
	}
	if c.ClientID == "" && e.assignedID != "" && !c.CleanStart {
		c.ClientID = e.assignedID // the session goes by the name it was given [MQTT-3.1.3-2]
	}
	if err := c.Validate(e.cfg.Version, e.cfg.Strict); err != nil {
		return err
	}
	out, err := c.Append(e.out[:0], e.cfg.Version)
	if err != nil {
		return err
	}
	// A clean start ends the session on both sides [MQTT-3.1.2-4], and a session belongs to one client identifier
	// [MQTT-3.1.3-2]. The broker may have read the CONNECT even where its CONNACK never comes.
	if c.CleanStart || e.established && c.ClientID != e.limits.ClientID {
		e.dropSession()
	}
	e.connecting()
	e.spoke = e.now
	e.out = out
	e.connect, e.deadline, e.state, e.err = c, deadline, stateConnecting, nil
	e.epoch++
	e.taken, e.written = 0, 0
	e.framer.Reset()
	e.framer.Limit = c.MaximumPacketSize
	e.noProblem = e.cfg.Version == packet.V5 && !c.RequestProblemInformation.Or(true)
	e.inboundMax = maxIDs
	if c.ReceiveMaximum != 0 && e.cfg.Version == packet.V5 {
		e.inboundMax = int(c.ReceiveMaximum)
	}
	e.acks1.reset()
	e.acks2.reset()
	e.auth.open(c.AuthMethod)
	e.hold = false
	// Aliases never outlive their connection [MQTT-3.3.2-7].
	e.aliasIn = nil
	e.aliasOut.reset(e.cfg, 0)
	return nil
}

func (e *Engine) receiveConnack(f packet.Frame) {
	if e.state != stateConnecting { // [MQTT-3.2.0-2]
		e.violation(packet.ProtocolError, "MQTT-3.2.0-2", "a second CONNACK")
		return
	}
	p := new(packet.Connack)
	if err := p.Decode(f, &e.decoder); err != nil {
		e.malformed(err)
		return
	}
	if p.Code.Failed() { // the server closes too; nothing more is sent [MQTT-3.2.2-7]
		e.doubt.answered = true
		e.end(&ReasonError{Packet: packet.CONNACK, Code: p.Code, Reason: p.ReasonString,
			ServerReference: p.ServerReference, UserProperties: p.UserProperties})
		return
	}
	if !e.checkConnack(p) {
		return
	}
	p.AuthData = bytes.Clone(p.AuthData) // it aliases the bytes received
	if !e.connect.RequestResponseInformation {
		p.ResponseInformation = "" // nobody asked [MQTT-3.1.2-28]
	}
	e.negotiate(p)
	e.state = stateConnected
	e.events = append(e.events, Event{Kind: EventConnected, Connack: p})
	e.doubt.answered = true
	if p.SessionPresent && e.established {
		e.resumed()
		e.resumeSession()
	} else { // a new one, or one of which nothing is known here
		e.loseSession()
		e.subs.lost()
	}
	e.restore()
	e.noteSession()
	e.established = true
	e.keepAlive.start(e.spoke, e.limits.KeepAlive, e.cfg.PingTimeout)
	e.pump()
}

// checkConnack judges an acceptance against what we asked for.
func (e *Engine) checkConnack(p *packet.Connack) bool {
	c := e.connect
	switch {
	case p.SessionPresent && c.CleanStart:
		e.violation(packet.ProtocolError, "MQTT-3.2.2-2", "session present after a clean start")
	case p.SessionPresent && !e.established && !e.cfg.ResumeUnknown:
		e.violation(packet.ProtocolError, "MQTT-3.2.2-4", "the broker has a session of which this client has no state")
	case e.cfg.Version != packet.V5:
		return true
	case c.ClientID == "" && p.AssignedClientID == "":
		e.violation(packet.ProtocolError, "MQTT-3.2.2-16", "no client identifier was assigned")
	case p.AuthMethod != c.AuthMethod && (c.AuthMethod == "" || p.AuthMethod != ""):
		e.violation(packet.ProtocolError, "MQTT-4.12.0-5", "the authentication method is not the one of the CONNECT")
	case p.AuthMethod == "" && c.AuthMethod != "":
		// The exchange itself tells whether the broker is who it has to be.
		return e.forgive(packet.ProtocolError, "MQTT-4.12.0-5", "no authentication method in CONNACK")
	case e.cfg.Strict && c.ClientID != "" && p.AssignedClientID != "":
		e.violation(packet.ProtocolError, "3.2.2.3.7", "a client identifier was assigned although we have one")
	case e.cfg.Strict && p.ResponseInformation != "" && !c.RequestResponseInformation:
		e.violation(packet.ProtocolError, "MQTT-3.1.2-28", "response information that was not asked for")
	default:
		return true
	}
	return false
}

// negotiate forgets every limit of the last connection: what CONNACK leaves out has its default again.
func (e *Engine) negotiate(p *packet.Connack) {
	c := e.connect
	id := c.ClientID
	if id == "" {
		id = p.AssignedClientID
		e.assignedID = id
	}
	receiveMaximum := int(p.ReceiveMaximum)
	if receiveMaximum == 0 {
		receiveMaximum = maxIDs
	}
	if e.cfg.MaxInflight > 0 {
		receiveMaximum = min(receiveMaximum, e.cfg.MaxInflight)
	}
	e.limits = Negotiated{
		ClientID:                id,
		SessionPresent:          p.SessionPresent,
		KeepAlive:               Duration(p.ServerKeepAlive.Or(c.KeepAlive)) * Second, // [MQTT-3.1.2-21]
		SessionExpiry:           p.SessionExpiry.Or(c.SessionExpiry),
		ReceiveMaximum:          receiveMaximum,
		MaximumQoS:              min(p.MaximumQoS.Or(packet.QoS2), e.cfg.maximumQoS()),
		RetainAvailable:         p.RetainAvailable.Or(true),
		MaximumPacketSize:       p.MaximumPacketSize,
		TopicAliasMaximum:       p.TopicAliasMaximum, // absent is 0 on every connection [MQTT-3.2.2-18]
		WildcardAvailable:       p.WildcardAvailable.Or(true),
		SubscriptionIDAvailable: p.SubscriptionIDAvailable.Or(true),
		SharedAvailable:         p.SharedAvailable.Or(true),
	}
	if e.cfg.Version == packet.V5 {
		e.aliasOut.reset(e.cfg, p.TopicAliasMaximum)
	}
}
