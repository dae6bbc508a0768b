package engine

import "github.com/gneiss-mqtt/gneiss-go/core/packet"

// EventKind says what happened.
type EventKind uint8

// The kinds of event.
const (
	// EventConnected: CONNACK accepted the connection. Event.Connack is what it said.
	EventConnected EventKind = iota
	// EventTimedOut: Event.Op has not been acknowledged in time. It is not done: at QoS 1 and 2 the message may
	// still be delivered, and the identifier stays in use until it is.
	EventTimedOut
	// EventSubscriptionLost: a subscription could not be restored after a lost session. Event.Filter and Event.Err.
	EventSubscriptionLost
	// EventSubscriptionRestored: a subscription that was lost is granted again. Event.Filter.
	EventSubscriptionRestored
	// EventSubscriptionDelayed: the broker did not restore a subscription for a reason that passes. Event.Filter and
	// Event.Err; it is asked again after Event.Wait.
	EventSubscriptionDelayed
	// EventAuth: the broker goes on with the authentication. Event.Auth; answer with [Engine.Authenticate].
	EventAuth
	// EventForgiven: the broker broke the protocol in a way that harms nothing. Event.Err says how.
	EventForgiven
)

// Event is something the driver may want to know.
type Event struct {
	Kind    EventKind
	Op      *Op
	Connack *packet.Connack
	Auth    *packet.Auth
	Filter  string
	Wait    Duration
	Err     error
}

// Inbound is a message from the broker. Its byte slices alias the bytes given to [Engine.Receive]: copy them before
// the next call.
type Inbound struct {
	packet.Publish
	Token AckToken
}

// Rich reports whether the message has properties that an application sees.
func (m *Inbound) Rich() bool {
	return m.PayloadFormat != 0 || m.MessageExpiry.IsSet() || m.ContentType != "" || m.ResponseTopic != "" ||
		m.CorrelationData != nil || len(m.UserProperties) > 0
}

// AckToken names an inbound message on one connection. The zero token, of QoS 0, needs no acknowledgement.
type AckToken struct {
	seq   uint64 // counts the messages of one QoS on one connection, from 1
	epoch uint32 // the connection
	id    uint16 // at QoS 2
	qos   packet.QoS
}

// IsZero reports whether there is nothing to acknowledge.
func (t AckToken) IsZero() bool { return t.seq == 0 }

// Negotiated is what CONNECT and CONNACK agreed on.
type Negotiated struct {
	ClientID                string
	SessionPresent          bool
	KeepAlive               Duration
	SessionExpiry           uint32 // seconds
	ReceiveMaximum          int    // QoS 1 and 2 messages that may be unacknowledged towards the broker, our own limit included
	MaximumQoS              packet.QoS
	RetainAvailable         bool
	MaximumPacketSize       uint32 // bytes towards the broker; 0 for no limit
	TopicAliasMaximum       uint16 // aliases towards the broker
	WildcardAvailable       bool
	SubscriptionIDAvailable bool
	SharedAvailable         bool
}
