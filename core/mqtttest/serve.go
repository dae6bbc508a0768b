package mqtttest

import (
	"io"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// Serve reads packets until the connection ends, and sends what answer says to each; nil means [Answer]. It returns nil
// after a DISCONNECT or when the client closes the connection.
func (c *Conn) Serve(answer func(c *Conn, in packet.Packet) []packet.Packet) error {
	if answer == nil {
		answer = Answer
	}
	defer c.Close()
	for {
		in, err := c.read(time.Time{})
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if err := c.send(answer(c, in)); err != nil {
			return err
		}
		if in.Type() == packet.DISCONNECT {
			return nil
		}
	}
}

// Answer is what a broker says that accepts everything, and has no other client: acknowledgements, and never a message.
func Answer(_ *Conn, in packet.Packet) []packet.Packet {
	var p packet.Packet
	switch in := in.(type) {
	case *packet.Connect:
		ack := new(packet.Connack)
		if in.ClientID == "" {
			ack.AssignedClientID = "assigned"
		}
		p = ack
	case *packet.Publish:
		switch in.QoS {
		case packet.QoS1:
			p = &packet.Puback{Ack: packet.Ack{ID: in.ID}}
		case packet.QoS2:
			p = &packet.Pubrec{Ack: packet.Ack{ID: in.ID}}
		default:
			return nil
		}
	case *packet.Pubrec:
		p = &packet.Pubrel{Ack: packet.Ack{ID: in.ID}}
	case *packet.Pubrel:
		p = &packet.Pubcomp{Ack: packet.Ack{ID: in.ID}}
	case *packet.Subscribe:
		ack := &packet.Suback{ID: in.ID}
		for _, f := range in.Filters {
			ack.Codes = append(ack.Codes, packet.ReasonCode(f.QoS))
		}
		p = ack
	case *packet.Unsubscribe:
		p = &packet.Unsuback{ID: in.ID, Codes: make([]packet.ReasonCode, len(in.Filters))}
	case *packet.Pingreq:
		p = new(packet.Pingresp)
	default:
		return nil
	}
	return []packet.Packet{p}
}

// Echo is [Answer], and sends every message back at QoS 0, subscribed to or not.
func Echo(c *Conn, in packet.Packet) []packet.Packet {
	out := Answer(c, in)
	if m, ok := in.(*packet.Publish); ok {
		out = append(out, &packet.Publish{Topic: m.Topic, Payload: m.Payload, PayloadFormat: m.PayloadFormat,
			MessageExpiry: m.MessageExpiry, ResponseTopic: m.ResponseTopic, CorrelationData: m.CorrelationData,
			ContentType: m.ContentType, UserProperties: m.UserProperties})
	}
	return out
}
