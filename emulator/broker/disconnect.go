package broker

import "github.com/gneiss-mqtt/gneiss-go/core/packet"

// onDisconnect ends the connection in the way the client asks for.
func (c *conn) onDisconnect(f packet.Frame) {
	p := new(packet.Disconnect)
	if !c.decode(f, p) {
		return
	}
	if e, ok := p.SessionExpiry.Get(); ok {
		if e != 0 && c.session.expiry == 0 { // [section 3.14.2.2.2]
			c.fail(packet.ProtocolError, CauseProtocol, "DISCONNECT sets a session expiry after CONNECT had none [3.14.2.2.2]")
			return
		}
		c.session.expiry = min(e, c.b.limits.MaxSessionExpiry)
	}
	c.code, c.cause, c.detail = p.Code, CauseClient, p.ReasonString
	c.keepWill = p.Code != packet.NormalDisconnection // [MQTT-3.14.4-3]
	c.end(p.Code, CauseClient, "")
}
