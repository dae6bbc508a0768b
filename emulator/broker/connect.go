package broker

import (
	"bytes"
	"fmt"

	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// onConnect handles the first packet. The frame's bytes are the connection's own.
func (c *conn) onConnect(f packet.Frame) {
	p := new(packet.Connect)
	if err := p.Decode(f, &c.decoder); err != nil {
		c.refuseMalformed(f, p, err)
		return
	}
	c.connect = p
	c.decoder.Version = p.Version
	c.client.Version, c.client.ID, c.client.Username = p.Version, p.ClientID, p.Username
	c.maxPacket = int(min(p.MaximumPacketSize, largestPacket))
	c.problemInfo = p.RequestProblemInformation.Or(true)
	if code, detail := c.checkConnect(p); code != packet.Success {
		c.refuse(code, CauseProtocol, detail)
		return
	}
	if c.client.ID == "" {
		if c.client.ID = c.b.assignID(); c.client.ID == "" {
			c.refuse(packet.ServerBusy, CauseQuota, "no client identifier is free")
			return
		}
	}
	if p.AuthMethod != "" {
		c.beginAuth(p)
		return
	}
	c.authorize(nil)
}

// refuseMalformed answers a CONNECT that cannot be decoded as far as the client can understand the answer.
func (c *conn) refuseMalformed(f packet.Frame, p *packet.Connect, err error) {
	e := fault(err)
	switch {
	case e.Code == packet.UnsupportedProtocolVersion:
		// [MQTT-3.1.2-2]: an old client gets the old form of the answer, a newer one that of MQTT 5.
		if len(f.Body) > 6 && string(f.Body[:6]) == "\x00\x04MQTT" && f.Body[6] > 5 {
			c.client.Version = packet.V5
		} else if bytes.HasPrefix(f.Body, []byte("\x00\x04MQTT")) || bytes.HasPrefix(f.Body, []byte("\x00\x06MQIsdp")) {
			c.client.Version = packet.V311
		} else {
			c.end(e.Code, CauseProtocol, e.Detail)
			return
		}
	case p.Version == packet.V5:
		c.client.Version = packet.V5
	default: // 3.1.1 has no code for it and closes [MQTT-3.1.4-1]
		c.end(e.Code, CauseProtocol, e.Detail+" ["+e.Clause+"]")
		return
	}
	c.problemInfo = true
	c.refuse(e.Code, CauseProtocol, e.Detail+" ["+e.Clause+"]")
}

// checkConnect applies what the specification and the limits say without regard to who the client is.
func (c *conn) checkConnect(p *packet.Connect) (packet.ReasonCode, string) {
	l := &c.b.limits
	switch {
	case len(p.ClientID) > l.MaxClientID:
		return packet.ClientIdentifierNotValid, fmt.Sprintf("the client identifier is longer than %d bytes", l.MaxClientID)
	case p.ClientID == "" && p.Version == packet.V311 && !p.CleanStart: // 3.1.1 [MQTT-3.1.3-8]
		return packet.ClientIdentifierNotValid, "a session without a client identifier"
	case p.ClientID == "" && l.RefuseEmptyClientID:
		return packet.ClientIdentifierNotValid, "the client identifier is empty"
	case p.AuthMethod != "" && c.b.opts.Hooks.Auth == nil:
		return packet.BadAuthenticationMethod, "enhanced authentication is not supported"
	}
	w := p.Will
	if w == nil {
		return packet.Success, ""
	}
	switch {
	case w.QoS > l.maximumQoS(): // [MQTT-3.2.2-12]
		return packet.QoSNotSupported, "the will's QoS is not supported"
	case w.Retain && l.NoRetain: // [MQTT-3.2.2-13]
		return packet.RetainNotSupported, "retained messages are not supported"
	case c.b.checkTopicLimits(w.Topic) != nil:
		return packet.TopicNameInvalid, "the will's topic is too long"
	case l.CheckPayloadFormat && !validFormat(w.PayloadFormat, w.Payload):
		return packet.PayloadFormatInvalid, "the will is not the UTF-8 it says to be"
	}
	return packet.Success, ""
}

// assignID makes up a client identifier [MQTT-3.1.3-6] [MQTT-3.2.2-16].
func (b *Broker) assignID() string {
	assign := b.opts.AssignID
	if assign == nil {
		assign = func() string { return fmt.Sprintf("auto-%016x", b.random.Uint64()) }
	}
	for range 16 {
		id := assign()
		if b.sessions[id] == nil {
			return id
		}
	}
	return ""
}

// refuse answers a CONNECT with a failure and closes [MQTT-3.2.2-7].
func (c *conn) refuse(code packet.ReasonCode, cause Cause, detail string) {
	c.refuseWith(&packet.Connack{Code: code}, cause, detail)
}

func (c *conn) refuseWith(ack *packet.Connack, cause Cause, detail string) {
	if c.problemInfo {
		ack.ReasonString = detail
	}
	c.send(ack)
	c.end(ack.Code, cause, detail)
}
