package packet

import "encoding/binary"

// Publish carries an application message, in both directions.
type Publish struct {
	Dup    bool
	QoS    QoS
	Retain bool
	ID     uint16 // packet identifier; 0 at QoS 0 [MQTT-2.2.1-2]
	Topic  string // may be empty where TopicAlias is set
	// Payload is the message itself. A decoded payload aliases the frame.
	Payload []byte

	// Properties of MQTT 5.
	PayloadFormat   PayloadFormat
	MessageExpiry   Opt[uint32] // seconds
	TopicAlias      uint16      // 0 for none [MQTT-3.3.2-8]
	ResponseTopic   string
	CorrelationData []byte
	ContentType     string
	// SubscriptionIDs come only from a server [MQTT-3.3.4-6]. Decoding into the same packet again overwrites them.
	SubscriptionIDs []uint32
	UserProperties  []UserProperty
}

const (
	flagDup    = 0x08
	flagRetain = 0x01
)

// keepIDs is for how many subscription identifiers a packet that is decoded into again keeps memory.
const keepIDs = 64

// Type returns PUBLISH.
func (p *Publish) Type() Type { return PUBLISH }

// plain reports whether the packet has no property, the fast path of both directions.
func (p *Publish) plain() bool {
	return p.PayloadFormat == 0 && !p.MessageExpiry.set && p.TopicAlias == 0 && p.ResponseTopic == "" &&
		p.CorrelationData == nil && p.ContentType == "" && len(p.SubscriptionIDs) == 0 && len(p.UserProperties) == 0
}

func (p *Publish) propertiesSize(s *sizer) int {
	start := s.n
	s.when(p.PayloadFormat != 0, 2)
	s.when(p.MessageExpiry.set, 5)
	s.when(p.TopicAlias != 0, 3)
	s.optString(p.ResponseTopic)
	s.optBinary(p.CorrelationData)
	s.optString(p.ContentType)
	for _, id := range p.SubscriptionIDs {
		s.subscriptionID(id)
	}
	s.user(p.UserProperties)
	return s.n - start
}

// size is written for the plain packet: all others go through a sizer.
func (p *Publish) size(v Version) (remaining, props int, err error) {
	n := 2 + len(p.Topic) + len(p.Payload)
	if p.QoS > 0 {
		n += 2
	}
	if v.v5() {
		if p.plain() {
			n++
		} else {
			s := sizer{packet: PUBLISH, n: n}
			props = p.propertiesSize(&s)
			if s.err != nil {
				return 0, 0, s.err
			}
			n = s.n + varintSize(props)
		}
	}
	if len(p.Topic) > maxField || n > maxRemaining {
		return 0, 0, p.tooLong()
	}
	return n, props, nil
}

func (p *Publish) tooLong() *Error {
	if len(p.Topic) > maxField {
		return malformed(PUBLISH, "MQTT-4.7.3-3", "topic name is longer than 65,535 bytes")
	}
	return tooLong(PUBLISH)
}

// Size returns the length of the whole packet in bytes, as Append writes it.
func (p *Publish) Size(v Version) (int, error) {
	n, _, err := p.size(v)
	if err != nil {
		return 0, err
	}
	return 1 + varintSize(n) + n, nil
}

// Append appends the packet.
func (p *Publish) Append(dst []byte, v Version) ([]byte, error) {
	n, props, err := p.size(v)
	if err != nil {
		return dst, err
	}
	first := byte(PUBLISH)<<4 | byte(p.QoS&3)<<1 | b2i(p.Retain)
	if p.Dup {
		first |= flagDup
	}
	if dst = append(grow(dst, n), first); n < 0x80 {
		dst = append(dst, byte(n), byte(len(p.Topic)>>8), byte(len(p.Topic)))
	} else {
		dst = append(appendVarint(dst, n), byte(len(p.Topic)>>8), byte(len(p.Topic)))
	}
	dst = append(dst, p.Topic...) // [MQTT-3.3.2-1]
	if p.QoS > 0 {
		dst = append(dst, byte(p.ID>>8), byte(p.ID))
	}
	if v.v5() {
		if props == 0 {
			dst = append(dst, 0)
		} else {
			dst = p.appendProperties(appendVarint(dst, props))
		}
	}
	return append(dst, p.Payload...), nil
}

func (p *Publish) appendProperties(dst []byte) []byte {
	if p.PayloadFormat != 0 {
		dst = append(dst, byte(propPayloadFormat), byte(p.PayloadFormat))
	}
	dst = appendOptUint32(dst, propMessageExpiry, p.MessageExpiry)
	dst = appendUint16Prop(dst, propTopicAlias, p.TopicAlias)
	dst = appendStringProp(dst, propResponseTopic, p.ResponseTopic)
	dst = appendBinaryProp(dst, propCorrelationData, p.CorrelationData)
	dst = appendStringProp(dst, propContentType, p.ContentType)
	for _, id := range p.SubscriptionIDs {
		dst = appendVarint(append(dst, byte(propSubscriptionID)), int(id))
	}
	return appendUser(dst, p.UserProperties)
}

// Decode sets the packet from a frame. Payload and CorrelationData alias it. After an error the packet is of no use but
// to be decoded into again.
func (p *Publish) Decode(f Frame, d *Decoder) error {
	if !p.plain() { // a packet that is used again keeps the memory for its subscription identifiers, if they are few
		*p = Publish{SubscriptionIDs: p.SubscriptionIDs[:0]}
		if cap(p.SubscriptionIDs) > keepIDs {
			p.SubscriptionIDs = nil
		}
	}
	p.Dup, p.QoS, p.Retain, p.ID = f.First&flagDup != 0, QoS(f.First>>1&3), f.First&flagRetain != 0, 0
	if f.First>>4 != byte(PUBLISH) || p.QoS > QoS2 || p.Dup && p.QoS == QoS0 {
		return p.wrongFirst(f)
	}
	// What nearly every message has is read by hand: the topic of the message before, no properties.
	b := f.Body
	if len(b) < 2 {
		return cut(PUBLISH)
	}
	n := 2 + int(binary.BigEndian.Uint16(b))
	if len(b) < n {
		return cut(PUBLISH)
	}
	if topic := b[2:n]; len(topic) > 0 && string(topic) == d.topics.last {
		if p.Topic != d.topics.last {
			p.Topic = d.topics.last
		}
	} else if p.Topic = ""; len(topic) > 0 || !d.v5() {
		s, err := d.topic(topic)
		if err != nil {
			return err
		}
		p.Topic = s
	}
	b = b[n:]
	if p.QoS > 0 {
		if len(b) < 2 {
			return cut(PUBLISH)
		}
		if p.ID = binary.BigEndian.Uint16(b); p.ID == 0 {
			return zeroID(PUBLISH)
		}
		b = b[2:]
	}
	if d.v5() {
		if len(b) > 0 && b[0] == 0 {
			b = b[1:]
		} else {
			r := reader{b: b, packet: PUBLISH, strict: d.Strict}
			if p.decodeProperties(&r); r.err != nil {
				return r.err
			}
			b = r.b
		}
		if p.Topic == "" && p.TopicAlias == 0 {
			return protocolError(PUBLISH, "MQTT-4.7.3-1", "topic name is empty and there is no alias")
		}
	}
	p.Payload = b
	return nil
}

// wrongFirst is the error for a first byte that no PUBLISH has.
func (p *Publish) wrongFirst(f Frame) *Error {
	switch {
	case f.Type() != PUBLISH:
		return otherType(f, PUBLISH)
	case p.QoS > QoS2:
		return malformed(PUBLISH, "MQTT-3.3.1-4", "both QoS bits are set")
	}
	return malformed(PUBLISH, "MQTT-3.3.1-2", "DUP at QoS 0")
}

func (p *Publish) decodeProperties(r *reader) {
	props := r.properties(PUBLISH)
	for id := props.next(); id != 0; id = props.next() {
		switch id {
		case propPayloadFormat:
			p.PayloadFormat = PayloadFormat(b2i(props.bool()))
		case propMessageExpiry:
			p.MessageExpiry = Some(props.uint32())
		case propTopicAlias:
			p.TopicAlias = props.topicAlias()
		case propResponseTopic:
			p.ResponseTopic = props.responseTopic()
		case propCorrelationData:
			p.CorrelationData = props.binary()
		case propContentType:
			p.ContentType = props.text()
		case propSubscriptionID:
			p.SubscriptionIDs = append(p.SubscriptionIDs, props.subscriptionID())
		case propUserProperty:
			p.UserProperties = props.user(p.UserProperties)
		}
	}
	props.close(r)
}
