package engine

import (
	"errors"
	"fmt"
	"strings"

	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// What can become of an operation or a connection.
var (
	// ErrOffline: there is no connection and the offline policy keeps no such operation.
	ErrOffline = errors.New("mqtt: not connected")
	// ErrQueueFull: the queue has reached its limit of operations or bytes.
	ErrQueueFull = errors.New("mqtt: queue full")
	// ErrAckTimeout: the broker has not acknowledged in time. A message at QoS 1 or 2 may still be delivered. As the
	// end of a connection: the broker acknowledges nothing, and nothing more can be sent for that reason.
	ErrAckTimeout = errors.New("mqtt: acknowledgement timeout")
	// ErrConnectionLost: the connection ended before the operation did.
	ErrConnectionLost = errors.New("mqtt: connection lost")
	// ErrSessionLost: the broker has lost the session in which the operation was under way.
	ErrSessionLost = errors.New("mqtt: session lost")
	// ErrExpired: the message expired while it waited to be sent, for the first time or in a new session.
	ErrExpired = errors.New("mqtt: message expired while it waited to be sent")
	// ErrInterrupted: the connection ended too often while the operation was under way.
	ErrInterrupted = errors.New("mqtt: operation interrupted too often")
	// ErrClosed: the client was closed or shut down.
	ErrClosed = errors.New("mqtt: client closed")
	// ErrCanceled: the operation was cancelled before it was sent.
	ErrCanceled = errors.New("mqtt: operation canceled")
	// ErrPingTimeout: the broker has not answered a PINGREQ.
	ErrPingTimeout = errors.New("mqtt: ping timeout: the broker does not answer")
	// ErrConnectTimeout: no CONNACK came in time.
	ErrConnectTimeout = errors.New("mqtt: connect timeout: the broker has not accepted the connection in time")
	// ErrNotReading: the broker sends packets that have to be answered and reads no answer.
	ErrNotReading = errors.New("mqtt: the broker sends packets that need an answer and reads none")
	// ErrAckVoid: the connection on which the message arrived is gone; the broker delivers the message again.
	ErrAckVoid = errors.New("mqtt: acknowledgement is void: the connection has changed, the broker will deliver again")
	// ErrAckTwice: the message is acknowledged already.
	ErrAckTwice = errors.New("mqtt: message is acknowledged already")
)

// ReasonError is a refusal by the broker: an acknowledgement, CONNACK or DISCONNECT with a failing reason code.
type ReasonError struct {
	Packet          packet.Type // the packet that carried it
	Code            packet.ReasonCode
	Reason          string // the broker's reason string, may be empty
	ServerReference string // where to connect instead, of CONNACK and DISCONNECT
	UserProperties  []packet.UserProperty
	// Filters are the filters of a SUBSCRIBE or UNSUBSCRIBE, and Codes what each was answered with.
	Filters []string
	Codes   []packet.ReasonCode
}

// Error names the packet, the code and the broker's own words.
func (e *ReasonError) Error() string {
	s := fmt.Sprintf("mqtt: the broker refused with %s: %s", e.Packet, e.Code)
	if e.Packet == packet.DISCONNECT {
		s = fmt.Sprintf("mqtt: the broker ended the connection with DISCONNECT: %s", e.Code)
		if e.Code == packet.NormalDisconnection {
			s = "mqtt: the broker ended the connection with DISCONNECT"
		}
	}
	for i, c := range e.Codes {
		if i < len(e.Filters) && c.Failed() {
			s += fmt.Sprintf("; filter %q: %s", e.Filters[i], c)
		}
	}
	if e.Reason != "" {
		s += fmt.Sprintf(" (%q)", e.Reason)
	}
	return s
}

// Is reports whether target is a [*ReasonError] with the same code and, where target names one, the same packet.
func (e *ReasonError) Is(target error) bool {
	t, ok := target.(*ReasonError)
	return ok && t.Code == e.Code && (t.Packet == 0 || t.Packet == e.Packet)
}

// ProtocolError says that the broker broke the protocol, and with which code the connection was ended for it.
type ProtocolError struct {
	Code   packet.ReasonCode
	Clause string
	Detail string
	Err    error // the *packet.Error where a packet could not be read
}

// Error names the clause.
func (e *ProtocolError) Error() string {
	if e.Err != nil {
		return "mqtt: the broker broke the protocol: " + strings.TrimPrefix(e.Err.Error(), "packet: ")
	}
	return fmt.Sprintf("mqtt: the broker broke the protocol: %s [%s] (%s)", e.Detail, e.Clause, e.Code)
}

// Is reports whether target is a [*ProtocolError] with the same code and, where target names one, the same clause.
func (e *ProtocolError) Is(target error) bool {
	t, ok := target.(*ProtocolError)
	return ok && t.Code == e.Code && (t.Clause == "" || t.Clause == e.Clause)
}

// Unwrap returns the error of the codec, nil where the packet could be read.
func (e *ProtocolError) Unwrap() error { return e.Err }

// LimitError says that an operation cannot be sent because of a limit the broker announced.
type LimitError struct {
	Packet packet.Type
	Code   packet.ReasonCode // what the broker would have answered
	Clause string            // empty where the limit is not the specification's
	Detail string
}

// Error names the limit.
func (e *LimitError) Error() string {
	if e.Clause == "" {
		return fmt.Sprintf("mqtt: %s not sent: %s", e.Packet, e.Detail)
	}
	return fmt.Sprintf("mqtt: %s not sent: %s [%s]", e.Packet, e.Detail, e.Clause)
}
