package broker

import (
	"slices"
	"unicode/utf8"

	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// message is an application message that the broker keeps. It is shared between sessions and never changed.
type message struct {
	pkt      packet.Publish // without Dup, ID, TopicAlias and SubscriptionIDs; owns its memory
	expireAt Instant        // where pkt.MessageExpiry is set
	from     string         // the publisher's client identifier
	order    uint64         // of retained messages: when it was stored
}

// expired reports whether the message has outlived its expiry interval [MQTT-3.3.2-5].
func (m *message) expired(now Instant) bool { return m.pkt.MessageExpiry.IsSet() && now >= m.expireAt }

// messageOverhead is what a kept message costs beside its bytes, roughly.
const messageOverhead = 300

// size returns the memory that the message takes, for the limits.
func (m *message) size() int { return publishSize(&m.pkt) }

func publishSize(p *packet.Publish) int {
	n := messageOverhead + len(p.Topic) + len(p.Payload) + len(p.CorrelationData) + len(p.ResponseTopic) + len(p.ContentType)
	for _, u := range p.UserProperties {
		n += 32 + len(u.Key) + len(u.Value)
	}
	return n
}

// publication is a message on its way through the broker. Its payload may belong to the input buffer; it becomes a
// message of its own only when somebody has to keep it.
type publication struct {
	b    *Broker
	pkt  *packet.Publish
	from string
	msg  *message
}

// own returns the message as one that can be kept.
func (p *publication) own() *message {
	if p.msg != nil {
		return p.msg
	}
	m := &message{pkt: *p.pkt, from: p.from}
	m.pkt.Dup, m.pkt.ID, m.pkt.TopicAlias, m.pkt.SubscriptionIDs = false, 0, 0, nil
	buf := make([]byte, 0, len(p.pkt.Payload)+len(p.pkt.CorrelationData))
	buf = append(buf, p.pkt.Payload...)
	m.pkt.Payload = slices.Clip(buf)
	if p.pkt.CorrelationData != nil {
		buf = append(buf, p.pkt.CorrelationData...)
		m.pkt.CorrelationData = buf[len(p.pkt.Payload):]
	}
	if e, ok := m.pkt.MessageExpiry.Get(); ok {
		m.expireAt = p.b.now.Add(seconds(e))
	}
	p.msg = m
	return m
}

// clonePublish returns a copy for an event, which owns its memory.
func clonePublish(p *packet.Publish) *packet.Publish {
	q := *p
	q.Payload = slices.Clone(p.Payload)
	q.CorrelationData = slices.Clone(p.CorrelationData)
	q.UserProperties = slices.Clone(p.UserProperties)
	q.SubscriptionIDs = slices.Clone(p.SubscriptionIDs)
	return &q
}

// validFormat checks a payload against its payload format indicator.
func validFormat(f packet.PayloadFormat, payload []byte) bool {
	return f != packet.FormatUTF8 || utf8.Valid(payload)
}
