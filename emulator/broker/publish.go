package broker

import (
	"fmt"
	"strings"

	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// onPublish accepts a message, routes it and acknowledges it by its QoS [MQTT-4.3.1-1] [MQTT-4.3.2-4] [MQTT-4.3.3-8].
func (c *conn) onPublish(f packet.Frame) {
	p := &c.b.pub
	if !c.decode(f, p) {
		return
	}
	c.b.stats.MessagesIn++
	if !c.checkPublish(p) || !c.resolveAlias(p) {
		return
	}
	s := c.session
	if p.QoS == packet.QoS2 {
		if last, again := s.received[p.ID]; again { // [MQTT-4.3.3-10]
			// Repeated on the connection it takes no place of its own, on a new one it does.
			if last == c.id || c.takePlace() {
				s.received[p.ID] = c.id
				c.b.stats.Duplicates++
				c.sendPubrec(packet.Ack{ID: p.ID})
			}
			return
		}
	}
	if p.QoS > packet.QoS0 && !c.takePlace() {
		return
	}
	code, reason, alive := c.admit(p)
	if !alive {
		return
	}
	answer := c.b.answer
	c.b.answer = Answer{}
	if answer.Drop {
		c.drop()
		c.b.replies = nil
		return
	}
	c.acknowledge(p, code, reason, answer)
	c.b.sendReplies()
}

// takePlace counts a message against the receive maximum that CONNACK has announced; MQTT 3.1.1 has none.
func (c *conn) takePlace() bool {
	if l := int(c.b.limits.ReceiveMaximum); c.v5() && c.inProgress >= l { // [MQTT-3.3.4-7]
		c.fail(packet.ReceiveMaximumExceeded, CauseQuota, fmt.Sprintf("more than %d messages are in progress [MQTT-3.3.4-7]", l))
		return false
	}
	c.inProgress++
	return true
}

func (c *conn) acknowledge(p *packet.Publish, code packet.ReasonCode, reason string, answer Answer) {
	if p.QoS == packet.QoS0 || c.state >= stateEnding || answer.Omit {
		return
	}
	a := packet.Ack{ID: p.ID}
	if c.v5() { // 3.1.1 acknowledges even what is refused [MQTT-3.3.5-2]
		a.Code = code
		if c.problemInfo && code.Failed() {
			a.ReasonString = reason
		}
	}
	if p.QoS == packet.QoS1 {
		if answer.Delay > 0 {
			c.later(answer.Delay, &packet.Puback{Ack: a})
			return
		}
		c.unsentAcks++
		c.sendPuback(a)
		return
	}
	if a.Code.Failed() { // the exchange is over
		c.unsentAcks++
	} else {
		c.session.received[p.ID] = c.id
	}
	c.sendPubrec(a)
}

// checkPublish applies the rules that need no more than the packet and the limits.
func (c *conn) checkPublish(p *packet.Publish) bool {
	l := &c.b.limits
	switch {
	case len(p.SubscriptionIDs) > 0:
		c.fail(packet.ProtocolError, CauseProtocol, "a subscription identifier in a client's PUBLISH [MQTT-3.3.4-6]")
	case p.QoS > l.maximumQoS():
		c.fail(packet.QoSNotSupported, CauseProtocol, "the QoS is above the server's maximum [MQTT-3.2.2-11]")
	case p.Retain && l.NoRetain:
		c.fail(packet.RetainNotSupported, CauseProtocol, "retained messages are not supported [MQTT-3.2.2-14]")
	default:
		return true
	}
	return false
}

// resolveAlias replaces a topic alias by its topic and remembers new ones [section 3.3.2.3.4].
func (c *conn) resolveAlias(p *packet.Publish) bool {
	alias := p.TopicAlias
	if alias == 0 {
		return true
	}
	p.TopicAlias = 0
	if alias > c.b.limits.TopicAliasIn { // [MQTT-3.3.2-9]
		c.fail(packet.TopicAliasInvalid, CauseProtocol, fmt.Sprintf("topic alias %d is above the maximum [MQTT-3.2.2-17]", alias))
		return false
	}
	if c.topicByAlias == nil {
		c.topicByAlias = make([]string, int(c.b.limits.TopicAliasIn)+1)
	}
	if p.Topic != "" {
		c.topicByAlias[alias] = p.Topic
		return true
	}
	if p.Topic = c.topicByAlias[alias]; p.Topic == "" {
		c.fail(packet.ProtocolError, CauseProtocol, fmt.Sprintf("topic alias %d has no topic yet [3.3.2.3.4]", alias))
		return false
	}
	return true
}

// admit asks whether the message may be published, and distributes it. alive is false where the connection has ended.
func (c *conn) admit(p *packet.Publish) (code packet.ReasonCode, reason string, alive bool) {
	b := c.b
	if e := b.checkTopicLimits(p.Topic); e != nil {
		return packet.TopicNameInvalid, e.Error(), true
	}
	if b.limits.CheckPayloadFormat && !validFormat(p.PayloadFormat, p.Payload) {
		return packet.PayloadFormatInvalid, "the payload is not the UTF-8 it says to be", true
	}
	pub := publication{b: b, pkt: p, from: c.client.ID}
	if hook := b.opts.Hooks.Publish; hook != nil {
		d := hook(b.now, &c.client, p)
		b.answer = d.Answer
		switch {
		case d.Disconnect:
			b.answer = Answer{}
			c.kick(d.Code, d.ReasonString)
			return 0, "", false
		case d.Code.Failed():
			b.stats.RefusedPublishes++
			return d.Code, d.ReasonString, true
		case d.Consume:
			b.reportPublished(&pub, &c.client, true)
			b.replies = d.Replies
			return packet.Success, "", true
		}
		b.replies = d.Replies
	}
	if p.Retain && !b.retained.fits(b, p) {
		b.stats.RefusedPublishes++
		return packet.QuotaExceeded, "too many retained messages", true
	}
	b.reportPublished(&pub, &c.client, false)
	if b.distribute(&pub, c.session) == 0 && !b.limits.PlainSuccess {
		return packet.NoMatchingSubscribers, "", true
	}
	return packet.Success, "", true
}

func (b *Broker) reportPublished(pub *publication, c *Client, consumed bool) {
	if b.wants(EventPublished) {
		b.emit(Event{Kind: EventPublished, Client: *c, Message: clonePublish(pub.pkt), Consumed: consumed})
	}
}

// checkTopicLimits applies the server's own limits to a topic name or filter.
func (b *Broker) checkTopicLimits(topic string) error {
	if len(topic) > b.limits.MaxTopicLength {
		return fmt.Errorf("the topic is longer than %d bytes", b.limits.MaxTopicLength)
	}
	if n := b.limits.MaxTopicLevels; len(topic) >= n && strings.Count(topic, "/") >= n {
		return fmt.Errorf("the topic has more than %d levels", n)
	}
	return nil
}
