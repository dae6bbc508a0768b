package engine

import "github.com/gneiss-mqtt/gneiss-go/core/packet"

// Receive takes bytes from the broker. It stops at each message for the application and returns it with the bytes
// that are left; call it again with those until it returns none. The message is valid until the next call to the
// engine's Receive and as long as p is. When the connection has to end, Receive swallows what is left.
func (e *Engine) Receive(now Instant, p []byte) (rest []byte, m *Inbound) {
	e.at(now)
	if len(p) > 0 {
		e.keepAlive.heard(e.now)
	}
	for e.state == stateConnecting || e.state == stateConnected {
		f, rest, ok, err := e.framer.Next(p)
		if err != nil {
			e.malformed(err)
			return nil, nil
		}
		if !ok {
			if m := e.message; m != nil { // it may be large; the memory for identifiers is not
				m.Publish = packet.Publish{SubscriptionIDs: m.SubscriptionIDs[:0]}
			}
			return nil, nil
		}
		if p = rest; f.Type() == packet.PUBLISH && e.state == stateConnected {
			if e.receivePublish(f) {
				return p, e.message
			}
			continue
		}
		e.receive(f)
	}
	return nil, nil
}

// receive handles every packet but PUBLISH.
func (e *Engine) receive(f packet.Frame) {
	t := f.Type()
	if e.state == stateConnecting && t != packet.CONNACK && t != packet.AUTH {
		// Not even a DISCONNECT may come before CONNACK [MQTT-3.2.0-1] [MQTT-3.14.0-1].
		e.violation(packet.ProtocolError, "MQTT-3.2.0-1", t.String()+" before CONNACK")
		return
	}
	switch t {
	case packet.CONNACK:
		e.receiveConnack(f)
	case packet.PUBACK:
		e.receivePuback(f)
	case packet.PUBREC:
		e.receivePubrec(f)
	case packet.PUBREL:
		e.receivePubrel(f)
	case packet.PUBCOMP:
		e.receivePubcomp(f)
	case packet.SUBACK:
		e.receiveSuback(f)
	case packet.UNSUBACK:
		e.receiveUnsuback(f)
	case packet.PINGRESP:
		e.receivePingresp(f)
	case packet.DISCONNECT:
		e.receiveDisconnect(f)
	case packet.AUTH:
		e.receiveAuth(f)
	case packet.CONNECT, packet.SUBSCRIBE, packet.UNSUBSCRIBE, packet.PINGREQ:
		e.violation(packet.ProtocolError, "2.1.2", "the broker sent "+t.String()) // [MQTT-3.8.1-1]
	default:
		e.violation(packet.MalformedPacket, "2.1.2", "a packet of the reserved type 0")
	}
}

// unwantedReason refuses reason strings and user properties where we asked for none [MQTT-3.1.2-29].
func (e *Engine) unwantedReason(t packet.Type, reason string, user []packet.UserProperty) bool {
	if !e.noProblem || reason == "" && len(user) == 0 {
		return false
	}
	e.violation(packet.ProtocolError, "MQTT-3.1.2-29", t.String()+" has a reason string or user property we asked not to get")
	return true
}

func (e *Engine) receiveDisconnect(f packet.Frame) {
	if e.cfg.Version != packet.V5 {
		e.violation(packet.ProtocolError, "3.14", "the broker sent a DISCONNECT, which MQTT 3.1.1 does not have")
		return
	}
	var p packet.Disconnect
	if err := p.Decode(f, &e.decoder); err != nil {
		e.malformed(err)
		return
	}
	if p.SessionExpiry.IsSet() {
		e.violation(packet.ProtocolError, "MQTT-3.14.2-2", "the broker's DISCONNECT has a session expiry interval")
		return
	}
	e.end(&ReasonError{Packet: packet.DISCONNECT, Code: p.Code, Reason: p.ReasonString,
		ServerReference: p.ServerReference, UserProperties: p.UserProperties})
}
