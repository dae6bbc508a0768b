package broker

import "github.com/gneiss-mqtt/gneiss-go/core/packet"

// EventKind is a set of kinds of events; an [Event] has exactly one.
type EventKind uint

// The kinds of events.
const (
	EventConnected    EventKind = 1 << iota // a CONNECT was accepted
	EventRefused                            // a CONNECT was refused, or the connection ended before one
	EventDisconnected                       // an accepted connection ended
	EventSubscribed                         // subscriptions were made: Filters
	EventUnsubscribed                       // subscriptions were ended by the client: Filters
	EventPublished                          // a message was accepted: Message
	EventDelivered                          // a client acknowledged a QoS 1 or 2 message for good: Message
	EventDropped                            // a message for a session was dropped: Message, Cause
	EventSessionEnded                       // a session and its state are gone

	EventAll = EventSessionEnded<<1 - 1
)

// Cause says why a connection ended or a message was dropped.
type Cause int

// The causes.
const (
	CauseNone           Cause = iota
	CauseClient               // the client sent DISCONNECT
	CauseLost                 // the network connection ended without one
	CauseKeepAlive            // nothing came for one and a half keep alives
	CauseTakenOver            // another connection used the client identifier
	CauseProtocol             // the client broke the protocol
	CauseNotAuthorized        // a hook refused
	CauseQuota                // a limit was exceeded
	CauseConnectTimeout       // no CONNECT in time
	CauseStalled              // the client did not read
	CauseServer               // the server ended it
	CauseExpired              // a message expired
	CauseTooLarge             // a message was over the client's maximum packet size
	CauseRefused              // a client answered with a failing reason code
)

var causeNames = [...]string{"none", "client", "lost", "keep alive", "taken over", "protocol", "not authorized", "quota",
	"connect timeout", "stalled", "server", "expired", "too large", "refused"}

// String returns the cause in words.
func (c Cause) String() string {
	if c < 0 || int(c) >= len(causeNames) {
		return "unknown"
	}
	return causeNames[c]
}

// Event is one thing that happened. It owns all it refers to.
type Event struct {
	Kind EventKind
	At   Instant
	// Client is who it happened to; the publisher of a published message, empty where that is the server.
	Client Client
	Code   packet.ReasonCode
	Cause  Cause
	Detail string // in words, where Cause is a failure
	// SessionPresent belongs to EventConnected.
	SessionPresent bool
	Filters        []string
	// Message belongs to EventPublished, EventDelivered and EventDropped.
	Message *packet.Publish
	// Consumed reports a published message that a hook took.
	Consumed bool
}

// wants reports whether events of the kind are asked for.
func (b *Broker) wants(k EventKind) bool { return b.opts.Events&k != 0 }

func (b *Broker) emit(e Event) {
	e.At = b.now
	b.events = append(b.events, e)
}

// TakeEvents appends the events since the last call to dst.
func (b *Broker) TakeEvents(dst []Event) []Event {
	dst = append(dst, b.events...)
	clear(b.events)
	b.events = b.events[:0]
	return dst
}
