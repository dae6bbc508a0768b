package broker

import (
	"bytes"
	"errors"

	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// maxHeld is how many bytes wait for a pending decision before the client is taken for an attacker.
const maxHeld = 256 << 10

// receive cuts the stream into packets and handles them, until the connection is over.
func (c *conn) receive(p []byte) {
	for {
		if c.state == statePending {
			if c.held = append(c.held, p...); len(c.held) > maxHeld {
				c.fail(packet.QuotaExceeded, CauseQuota, "too much was sent before CONNACK")
			}
			return
		}
		f, rest, ok, err := c.framer.Next(p)
		if err != nil {
			c.failDecode(err)
			return
		}
		if !ok {
			return
		}
		c.lastPacket = c.b.now
		c.b.stats.PacketsIn++
		c.packet(f)
		if c.state >= stateEnding {
			return
		}
		p = rest
	}
}

// resume goes on with what came while a decision was pending.
func (c *conn) resume() {
	p := c.held
	c.held = nil
	if len(p) > 0 && c.state < stateEnding {
		c.receive(p)
	}
}

// failDecode ends the connection for bytes that are no packet.
func (c *conn) failDecode(err error) { c.failPacket(fault(err)) }

// fault returns an error of package packet as what it is there.
func fault(err error) *packet.Error {
	if e, ok := errors.AsType[*packet.Error](err); ok {
		return e
	}
	return &packet.Error{Code: packet.MalformedPacket, Detail: err.Error()}
}

// packet handles one packet according to the state.
func (c *conn) packet(f packet.Frame) {
	t := f.Type()
	switch c.state {
	case stateOpen:
		if t != packet.CONNECT { // [MQTT-3.1.0-1]
			c.fail(packet.ProtocolError, CauseProtocol, "the first packet is a "+t.String())
			return
		}
		f.Body = bytes.Clone(f.Body) // the will and the credentials stay
		c.onConnect(f)
		return
	case stateAuth:
		// A client that authenticates sends nothing else before CONNACK [MQTT-3.1.2-30].
		switch t {
		case packet.AUTH:
			c.onAuth(f)
		case packet.DISCONNECT:
			c.end(packet.Success, CauseClient, "disconnected during authentication")
		default:
			c.refuse(packet.ProtocolError, CauseProtocol, "a "+t.String()+" during authentication")
		}
		return
	}
	switch t {
	case packet.PUBLISH:
		c.onPublish(f)
	case packet.PUBACK:
		c.onPuback(f)
	case packet.PUBREC:
		c.onPubrec(f)
	case packet.PUBREL:
		c.onPubrel(f)
	case packet.PUBCOMP:
		c.onPubcomp(f)
	case packet.SUBSCRIBE:
		c.onSubscribe(f)
	case packet.UNSUBSCRIBE:
		c.onUnsubscribe(f)
	case packet.PINGREQ:
		if p := new(packet.Pingreq); c.decode(f, p) {
			c.send(&packet.Pingresp{}) // [MQTT-3.12.4-1]
		}
	case packet.DISCONNECT:
		c.onDisconnect(f)
	case packet.AUTH:
		c.onAuth(f)
	case packet.CONNECT: // [MQTT-3.1.0-2]
		c.fail(packet.ProtocolError, CauseProtocol, "a second CONNECT [MQTT-3.1.0-2]")
	case packet.CONNACK, packet.SUBACK, packet.UNSUBACK, packet.PINGRESP:
		c.fail(packet.ProtocolError, CauseProtocol, "a "+t.String()+" from a client [2.1.2]")
	default:
		c.fail(packet.MalformedPacket, CauseProtocol, "packet type 0 is reserved [2.1.2]")
	}
}

// unwanted ends the connection for user properties where the service takes none.
func (c *conn) unwanted(list []packet.UserProperty) bool {
	if !c.b.limits.NoUserProperties || len(list) == 0 {
		return false
	}
	c.fail(packet.ImplementationSpecificError, CauseProtocol, "user properties outside of PUBLISH")
	return true
}

// decode sets p from the frame, or ends the connection.
func (c *conn) decode(f packet.Frame, p packet.Packet) bool {
	if err := p.Decode(f, &c.decoder); err != nil {
		c.failDecode(err)
		return false
	}
	return true
}
