package mqtt

import (
	"fmt"
	"io"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/engine"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// Handler takes a message. The message is the handler's own: it may keep it, payload included, unless the
// subscription borrows payloads. Only User may be shared with other subscriptions: do not write to it.
type Handler func(m Message)

// Message is a message from the broker. It is a value: copy it freely.
type Message struct {
	Topic     string
	Payload   []byte
	QoS       packet.QoS
	Retain    bool // kept by the broker from before the subscription, or published so with RetainAsPublished
	Duplicate bool // the broker may have delivered it before

	// Properties of MQTT 5.
	PayloadFormat packet.PayloadFormat
	Expiry        time.Duration // what is left of it; 0: never expires
	ContentType   string
	ResponseTopic string
	Correlation   []byte
	User          []packet.UserProperty

	client *Client
	token  engine.AckToken
	share  *share
	part   int32 // of share
	rich   bool  // it has properties
}

// String shows the message, of a long payload the beginning.
func (m Message) String() string {
	s := fmt.Sprintf("mqtt.Message{Topic: %q, QoS: %d", m.Topic, m.QoS)
	if m.Retain {
		s += ", Retain"
	}
	if m.Duplicate {
		s += ", Duplicate"
	}
	return s + fmt.Sprintf(", Payload: %d bytes %.64q}", len(m.Payload), m.Payload)
}

// Format is String for every verb.
func (m Message) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, m.String()) }

// share is what the subscriptions that have one message have in common, guarded by the client's mutex.
type share struct {
	link     *link  // on which it came
	left     int    // subscriptions that have not answered
	answered []bool // by which part, with manual acknowledgements
	code     packet.ReasonCode
	reason   string
}

// taken notes the answer of one subscription and reports whether it was the last. A refusal counts for all.
func (s *share) taken(code packet.ReasonCode, reason string) (last bool) {
	if code.Failed() && !s.code.Failed() {
		s.code, s.reason = code, reason
	}
	s.left--
	return s.left == 0
}

// Ack acknowledges the message where [Config.ManualAcks] is set; otherwise the client does when the handler returns,
// and Ack does nothing. It may be called from any goroutine, in any order: acknowledgements leave in the order in which
// the messages came [MQTT-4.6.0-2]. A message that several subscriptions have is acknowledged when all have, and rejected
// when one has.
//
// After the connection has changed the acknowledgement is void and Ack returns [ErrAckVoid]: the broker delivers the
// message again.
func (m Message) Ack() error { return m.acknowledge(packet.Success, "") }

// Reject answers a message with a failing reason code, where [Config.ManualAcks] is set. The broker does not deliver
// it again. In MQTT 3.1.1, and with [Limits.NoRejections], it is the same as Ack.
func (m Message) Reject(code packet.ReasonCode, reason string) error {
	if !code.Failed() || !code.ClientMaySend(packet.PUBACK) {
		return &LimitError{Packet: packet.PUBACK, Code: code, Clause: "MQTT-3.4.2-1", Detail: code.String() + " is not a refusal"}
	}
	if m.client != nil && m.client.cfg.Endpoint.Limits.NoRejections {
		code, reason = packet.Success, ""
	}
	return m.acknowledge(code, reason)
}

func (m Message) acknowledge(code packet.ReasonCode, reason string) error {
	c := m.client
	if c == nil || !c.cfg.ManualAcks || m.token.IsZero() {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if s := m.share; s != nil {
		switch {
		case s.link != c.link:
			return ErrAckVoid
		case s.answered[m.part]:
			return ErrAckTwice
		}
		s.answered[m.part] = true
		if !s.taken(code, reason) {
			return nil // the last subscription's answer is sent
		}
		code, reason = s.code, s.reason
	}
	err := c.engine.Ack(c.now(), m.token, code, reason)
	c.settle()
	return err
}

// fill makes the application's message of the engine's, in memory that may hold an old one. Payload and share are left
// to the caller. In a stream most fields stay as they are, and those that hold pointers are only written when they
// change: each write has a price while the garbage collector is at work.
func (m *Message) fill(c *Client, in *engine.Inbound) {
	if m.Topic != in.Topic {
		m.Topic = in.Topic
	}
	if m.client != c {
		m.client = c
	}
	m.QoS, m.Retain, m.Duplicate, m.token = in.QoS, in.Retain, in.Dup, in.Token
	if m.rich || in.Rich() {
		m.fillProperties(in)
	}
}

func (m *Message) fillProperties(in *engine.Inbound) {
	m.rich = in.Rich()
	m.PayloadFormat, m.ContentType, m.ResponseTopic, m.User = in.PayloadFormat, in.ContentType, in.ResponseTopic, in.UserProperties
	m.Expiry, m.Correlation = 0, nil
	if s, ok := in.MessageExpiry.Get(); ok {
		m.Expiry = time.Duration(s) * time.Second
	}
	if in.CorrelationData != nil {
		m.Correlation = append([]byte{}, in.CorrelationData...)
	}
}
