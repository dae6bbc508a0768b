package iotcore

import (
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// Occasion is when a [ConnectionFault] happens.
type Occasion int

// The occasions.
const (
	// OnPublish is a PUBLISH of a client.
	OnPublish Occasion = iota
	// OnSubscribe is a filter of a SUBSCRIBE.
	OnSubscribe
	// OnConnect is a CONNECT, after the client has shown who it is.
	OnConnect
	// OnDeliver is a message to a client.
	OnDeliver
	// OnUpgrade is the HTTP request of a WebSocket, when there is no client identifier yet.
	OnUpgrade
)

// ConnectionFault is a failure of connections to be provoked. The first that matches counts.
type ConnectionFault struct {
	On Occasion
	// Client is the client identifier that it befalls; empty means everyone.
	Client string
	// Topic is a filter for the topics that it befalls, or the filter of a SUBSCRIBE itself; empty means all.
	Topic string
	// Skip is how many times nothing happens before, Times how many times it happens then; 0 means for ever.
	Skip, Times int

	// Code refuses: with 0x97 for instance, as if a quota were exceeded, or 0x87. Success does not.
	Code packet.ReasonCode
	// Status refuses an upgrade: 403, as for a bad signature, or 429 or 503.
	Status int
	// OmitAck does what is asked for and never says so. Of a CONNECT it does not even do it.
	OmitAck bool
	// DelayAck says so later. It is for OnPublish and OnSubscribe.
	DelayAck time.Duration
	// Drop closes the connection without a word: after a PUBLISH or SUBSCRIBE has been carried out and instead of its
	// acknowledgement; of OnDeliver it loses the message alone.
	Drop bool
	// LoseSession forgets the session of a CONNECT, as if it had expired.
	LoseSession bool
}
