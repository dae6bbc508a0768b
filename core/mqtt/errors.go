package mqtt

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/gneiss-mqtt/gneiss-go/core/engine"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// What can become of an operation or a connection. Test with errors.Is.
var (
	ErrOffline        = engine.ErrOffline        // no connection, and the offline policy does not wait for one
	ErrQueueFull      = engine.ErrQueueFull      // the queue has reached its limit
	ErrAckTimeout     = engine.ErrAckTimeout     // no acknowledgement in time; the message may still be delivered
	ErrConnectionLost = engine.ErrConnectionLost // the connection ended before the operation did
	ErrSessionLost    = engine.ErrSessionLost    // the broker lost the session in which the operation was under way
	ErrExpired        = engine.ErrExpired        // the message expired before it was sent
	ErrInterrupted    = engine.ErrInterrupted    // the connection ended too often under the operation
	ErrClosed         = engine.ErrClosed         // the client was closed or shut down
	ErrPingTimeout    = engine.ErrPingTimeout    // the broker does not answer
	ErrConnectTimeout = engine.ErrConnectTimeout // no CONNACK in time
	ErrAckVoid        = engine.ErrAckVoid        // the connection of the message is gone; it is delivered again
	ErrAckTwice       = engine.ErrAckTwice       // the message is acknowledged already
	ErrReplaced       = errors.New("mqtt: the connection was replaced by a new one, as planned")
	ErrAuthLater      = errors.New("mqtt: the broker does not re-authenticate now, try later")
	ErrAuthTimeout    = errors.New("mqtt: authentication timeout: the exchange was not over in time")
	ErrNoAuth         = errors.New("mqtt: the endpoint has no authenticator")
	ErrStarted        = errors.New("mqtt: client is started already")
	ErrNotStarted     = errors.New("mqtt: client is not started")
)

// The typed errors of the engine. Find them with errors.As or errors.AsType.
type (
	// ReasonError is a refusal by the broker: an acknowledgement, CONNACK or DISCONNECT with a failing reason code.
	ReasonError = engine.ReasonError
	// ProtocolError says that the broker broke the protocol.
	ProtocolError = engine.ProtocolError
	// LimitError says that an operation is above a limit the broker announced.
	LimitError = engine.LimitError
)

// OpError is the failure of a publish, subscribe or unsubscribe.
type OpError struct {
	Op    string // "publish", "subscribe" or "unsubscribe"
	Topic string // the topic, or the filters
	Sent  bool   // a byte of the packet may have reached the broker
	Err   error
}

// Error says what failed, why, and whether the packet can have been sent.
func (e *OpError) Error() string {
	sent := "not sent"
	if e.Sent {
		sent = "may have been sent"
	}
	return fmt.Sprintf("mqtt: %s %q: %s (%s)", e.Op, e.Topic, strings.TrimPrefix(e.Err.Error(), "mqtt: "), sent)
}

// Unwrap returns the cause.
func (e *OpError) Unwrap() error { return e.Err }

// NotSent reports whether no byte of the failed operation can have reached the broker, so that trying again cannot
// duplicate it.
func NotSent(err error) bool {
	e, ok := errors.AsType[*OpError](err)
	return ok && !e.Sent
}

// ConnectError is the failure of an attempt to connect.
type ConnectError struct {
	Endpoint string // [Endpoint.Name]
	Attempt  int    // counted from 1 since the last stable connection
	Stage    string // "store", "authenticate", "dial", "prepare" or "connect"
	Terminal bool   // there will be no other attempt
	Err      error
}

// Error says what failed and where.
func (e *ConnectError) Error() string {
	return fmt.Sprintf("mqtt: connect to %s, attempt %d: %s: %s", e.Endpoint, e.Attempt, e.Stage,
		strings.TrimPrefix(e.Err.Error(), "mqtt: "))
}

// Unwrap returns the cause.
func (e *ConnectError) Unwrap() error { return e.Err }

// ShutdownError says what [Client.Shutdown] could not deliver in time.
type ShutdownError struct {
	Unfinished int // operations that were not over; with [Config.Session], messages at QoS 1 and 2 are left to the next process
	// Left describes them, the first 100 of them: what they were for, and whether a byte can have reached the broker.
	Left []*OpError
	Err  error
}

// Error gives the number, and the first of them.
func (e *ShutdownError) Error() string {
	s := fmt.Sprintf("mqtt: shutdown: %d operations were not finished: %v", e.Unfinished, e.Err)
	for i, left := range e.Left {
		if i == 3 {
			return s + ", ..."
		}
		s += fmt.Sprintf("%s %s %q", [...]string{":", ",", ","}[i], left.Op, left.Topic)
	}
	return s
}

// Unwrap returns the cause, such as context.DeadlineExceeded.
func (e *ShutdownError) Unwrap() error { return e.Err }

// IsTerminal reports whether trying to connect again cannot help: the broker refuses the version, the client
// identifier, the CONNECT itself or the client for good, or another client has taken the session over. It is the
// default of [Endpoint.Terminal].
func IsTerminal(err error) bool {
	if errors.Is(err, context.Canceled) {
		return false
	}
	if e, ok := errors.AsType[*packet.Error](err); ok && e.Packet == packet.CONNECT {
		return true // our own CONNECT cannot be sent
	}
	e, ok := errors.AsType[*ReasonError](err)
	if !ok {
		return false
	}
	switch e.Code {
	case packet.SessionTakenOver:
		return e.Packet == packet.DISCONNECT // never fight over a session
	case packet.MalformedPacket, packet.ProtocolError, packet.UnsupportedProtocolVersion,
		packet.ClientIdentifierNotValid, packet.Banned, packet.BadAuthenticationMethod, packet.TopicNameInvalid,
		packet.PacketTooLarge, packet.PayloadFormatInvalid, packet.RetainNotSupported, packet.QoSNotSupported:
		return e.Packet == packet.CONNACK
	}
	return false
}
