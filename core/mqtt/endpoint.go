package mqtt

import (
	"context"
	"net"

	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// An Endpoint says how to reach a broker and what it expects. Builders return one; its fields may be changed before
// the client is made.
//
// Its functions run on goroutines of their own. One that panics, or does not return before its context ends, fails the
// attempt: [Trace.HandlerPanic] tells, and the client goes on. One that never returns keeps all later attempts from
// connecting.
type Endpoint struct {
	// Dial makes a connection, at every attempt. It must honour ctx, whose deadline is [Config.ConnectTimeout] after
	// the start of the attempt. An error is retryable unless [Endpoint.Terminal] says otherwise.
	Dial func(ctx context.Context) (net.Conn, error)
	// Prepare may change the CONNECT of an attempt, as for fresh credentials; it is called after Dial. nil: nothing
	// to change. An error ends the attempt, and is retryable.
	Prepare func(ctx context.Context, c *packet.Connect) error
	// Auth takes part in enhanced authentication. MQTT 5 only; nil: none.
	Auth Authenticator
	// Renew waits until the credentials of the connection should be replaced; the client calls it again and again while
	// a connection lasts. When it returns nil the client re-authenticates in place where there is an Auth, and connects
	// anew as [Client.Reconnect] does where there is none. last is what became of the previous renewal on this connection.
	// ctx ends with the connection; other errors are reported and come back as last. Renewals are at least
	// [Backoff.Min] apart. nil: credentials last.
	Renew func(ctx context.Context, last error) error
	// Terminal decides whether an error of an attempt or a connection ends the client. nil: [IsTerminal], which also
	// decides where it panics or takes longer than [Config.ConnectTimeout].
	Terminal func(err error) bool
	// Explain may replace an error of an attempt or a connection by one that says more; it should wrap it. nil: as is.
	Explain func(err error) error
	// Limits are what the service allows beyond what CONNACK announces.
	Limits Limits
	// Name is the address for logs and errors, without secrets.
	Name string
}

// Limits are what a service allows beyond what CONNACK announces. A zero field is no limit.
//
// The rates are token buckets, which hold nine tenths of a second's worth: packets that leave evenly may arrive less so.
// They cover PUBLISH at every QoS, and again where it is sent again. Everything else goes on. A message that waits for its
// rate can still be taken back, and may expire; its acknowledgement timeout begins when it is sent.
type Limits struct {
	FiltersPerSubscribe int  // filters in one SUBSCRIBE or UNSUBSCRIBE; larger requests are split
	NoSubscriptionIDs   bool // the service does not take subscription identifiers although it may say so
	NoQoS2              bool // the service has no QoS 2: publishing and subscribing at it is refused at once, with a [*LimitError]
	NoUserProperties    bool // the service takes user properties in PUBLISH alone: elsewhere they are refused at once
	NoRejections        bool // the service ends the connection for a failing PUBACK: [Message.Reject] acknowledges instead
	MaxPayload          int  // bytes of a payload; larger ones are refused at once, with a [*LimitError]
	PublishRate         int  // messages sent in a second; those above it wait
	PublishBytes        int  // bytes sent in a second, of whole PUBLISH packets; those above it wait
}
