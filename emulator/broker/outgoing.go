package broker

import (
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// outgoing is what a copy of a message has of its own.
type outgoing struct {
	ids      []uint32
	expireAt Instant
	id       uint16
	qos      packet.QoS
	dup      bool
	retain   bool
}

// expireAt returns when the message expires, which matters only where it has an expiry interval.
func (p *publication) expireAt() Instant {
	if p.msg != nil {
		return p.msg.expireAt
	}
	e, _ := p.pkt.MessageExpiry.Get()
	return p.b.now.Add(seconds(e))
}

// publish appends a PUBLISH. It reports false where the packet is over the client's maximum packet size.
func (c *conn) publish(m *packet.Publish, o outgoing) bool {
	p := *m
	p.Dup, p.QoS, p.Retain, p.ID, p.SubscriptionIDs = o.dup && !c.b.limits.NoDup, o.qos, o.retain, o.id, o.ids
	if c.v5() {
		if p.MessageExpiry.IsSet() { // [MQTT-3.3.2-6]
			left := max(0, o.expireAt.Sub(c.b.now)+time.Second-1) / time.Second
			p.MessageExpiry = packet.Some(uint32(left))
		}
		if c.maxAliases > 0 {
			return c.publishAliased(&p)
		}
	}
	if c.maxPacket != 0 {
		if n, err := p.Size(c.client.Version); err != nil || n > c.maxPacket { // [MQTT-3.1.2-24]
			c.b.dropped(c.session, m, CauseTooLarge)
			return false
		}
	}
	return c.appendPublish(&p)
}

func (c *conn) appendPublish(p *packet.Publish) bool {
	var err error
	if c.out, err = p.Append(c.out, c.client.Version); err != nil { // subscription identifiers can carry it over the limit
		c.b.dropped(c.session, p, CauseTooLarge)
		return false
	}
	c.b.stats.MessagesOut++
	c.wrote()
	return true
}

// publishAliased uses a topic alias: the first topics of a connection get one each [MQTT-3.1.2-26]. An alias that is new
// in a packet too large to be sent is not bound.
func (c *conn) publishAliased(p *packet.Publish) bool {
	topic := p.Topic
	alias, known := c.aliases[topic]
	switch {
	case known:
		p.Topic, p.TopicAlias = "", alias
	case len(c.aliases) < int(c.maxAliases):
		p.TopicAlias = uint16(len(c.aliases) + 1)
	}
	if c.maxPacket != 0 {
		n, err := p.Size(c.client.Version)
		if n > c.maxPacket && !known && p.TopicAlias != 0 {
			p.TopicAlias = 0
			n, err = p.Size(c.client.Version)
		}
		if err != nil || n > c.maxPacket {
			p.Topic = topic
			c.b.dropped(c.session, p, CauseTooLarge)
			return false
		}
	}
	if !c.appendPublish(p) {
		return false
	}
	if p.TopicAlias != 0 && !known {
		if c.aliases == nil {
			c.aliases = map[string]uint16{}
		}
		c.aliases[topic] = p.TopicAlias
	}
	return true
}
