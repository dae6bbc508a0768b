package broker

import "github.com/gneiss-mqtt/gneiss-go/core/packet"

// onPuback ends a delivery at QoS 1.
func (c *conn) onPuback(f packet.Frame) {
	var p packet.Puback
	if err := p.Decode(f, &c.decoder); err != nil {
		c.failDecode(err)
		return
	}
	if c.unwanted(p.UserProperties) {
		return
	}
	d := c.inflight(p.ID)
	switch {
	case d == nil:
		c.b.stats.StrayAcks++
	case d.qos != packet.QoS1:
		c.fail(packet.ProtocolError, CauseProtocol, "a PUBACK for a message at QoS 2 [4.3.3]")
	default:
		c.session.finish(d, p.Code)
	}
}

// onPubrec is the first half of the end of a delivery at QoS 2.
func (c *conn) onPubrec(f packet.Frame) {
	var p packet.Pubrec
	if err := p.Decode(f, &c.decoder); err != nil {
		c.failDecode(err)
		return
	}
	d := c.inflight(p.ID)
	switch {
	case d == nil:
		// The client still holds an exchange of which nothing is known here: let it end [section 4.3.3].
		c.b.stats.StrayAcks++
		c.sendPubrel(packet.Ack{ID: p.ID, Code: packet.PacketIdentifierNotFound})
	case d.qos != packet.QoS2:
		c.fail(packet.ProtocolError, CauseProtocol, "a PUBREC for a message at QoS 1 [4.3.2]")
	case p.Code.Failed(): // [MQTT-4.3.3-5], the exchange is over without PUBREL
		if !d.released {
			c.session.finish(d, p.Code)
		}
	default:
		d.released = true // from here on the PUBLISH is never sent again [MQTT-4.3.3-6]
		c.sendPubrel(packet.Ack{ID: p.ID})
	}
}

// onPubcomp ends a delivery at QoS 2.
func (c *conn) onPubcomp(f packet.Frame) {
	var p packet.Pubcomp
	if err := p.Decode(f, &c.decoder); err != nil {
		c.failDecode(err)
		return
	}
	d := c.inflight(p.ID)
	switch {
	case d == nil:
		c.b.stats.StrayAcks++
	case !d.released:
		c.fail(packet.ProtocolError, CauseProtocol, "a PUBCOMP before PUBREC [4.3.3]")
	default:
		c.session.finish(d, p.Code)
	}
}

// onPubrel ends the reception of a message at QoS 2 [MQTT-4.3.3-11].
func (c *conn) onPubrel(f packet.Frame) {
	var p packet.Pubrel
	if err := p.Decode(f, &c.decoder); err != nil {
		c.failDecode(err)
		return
	}
	s := c.session
	ack := &c.b.acks.pubcomp
	ack.Ack = packet.Ack{ID: p.ID}
	if _, ok := s.received[p.ID]; ok {
		delete(s.received, p.ID)
	} else {
		ack.Code = packet.PacketIdentifierNotFound
	}
	c.unsentAcks++
	c.send(ack)
}

// inflight returns the delivery that an acknowledgement is for: one sent on this connection. One that only an earlier
// connection has seen is sent again, so an acknowledgement for it is void.
func (c *conn) inflight(id uint16) *delivery {
	if d := c.session.inflight[id]; d != nil && d.sent == c.id {
		return d
	}
	return nil
}

// acks is scratch space: an acknowledgement costs no memory.
type acks struct {
	puback  packet.Puback
	pubrec  packet.Pubrec
	pubrel  packet.Pubrel
	pubcomp packet.Pubcomp
}

func (c *conn) sendPuback(a packet.Ack) {
	p := &c.b.acks.puback
	p.Ack = a
	c.send(p)
}

func (c *conn) sendPubrec(a packet.Ack) {
	p := &c.b.acks.pubrec
	p.Ack = a
	c.send(p)
}

func (c *conn) sendPubrel(a packet.Ack) {
	p := &c.b.acks.pubrel
	p.Ack = a
	c.send(p)
}
