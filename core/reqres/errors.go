package reqres

import (
	"errors"
	"fmt"
	"strings"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// What can become of a request or a stream beside the errors of package mqtt. Test with errors.Is.
var (
	ErrClosed   = errors.New("reqres: client is closed")
	ErrBudget   = errors.New("reqres: more filters are needed than the budget has")
	ErrNobody   = errors.New("reqres: nobody has subscribed to the request's topic")
	ErrNoJSON   = errors.New("reqres: not a JSON object")
	errReleased = errors.New("reqres: stream is closed")
)

// Stage is how far a request got.
type Stage string

// The stages of a request.
const (
	StageQueue     Stage = "queue"     // it waits for another request, or for room in the budget
	StageSubscribe Stage = "subscribe" // it waits for the subscription to where the answer comes
	StagePublish   Stage = "publish"   // it waits for the broker to take it
	StageAnswer    Stage = "answer"    // it waits for the answer
)

// Error is the failure of a request or of opening a stream. The cause may be the end of the context, an error of
// package mqtt such as [mqtt.ErrSessionLost] or a [*mqtt.ReasonError], or one of this package.
//
// [mqtt.ErrSessionLost]: https://pkg.go.dev/github.com/gneiss-mqtt/gneiss-go/core/mqtt#ErrSessionLost
// [*mqtt.ReasonError]: https://pkg.go.dev/github.com/gneiss-mqtt/gneiss-go/core/mqtt#ReasonError
type Error struct {
	Topic string // of the request, or the filter of the stream
	Stage Stage
	Sent  bool // the request may have reached whom it was for
	Err   error
}

// Error says how far the request got, and whether it may have been executed.
func (e *Error) Error() string {
	sent := "not sent"
	if e.Sent {
		sent = "may have been executed"
	}
	cause := strings.TrimPrefix(strings.TrimPrefix(e.Err.Error(), "reqres: "), "mqtt: ")
	return fmt.Sprintf("reqres: request %q: %s: %s (%s)", e.Topic, e.Stage, cause, sent)
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// NotSent reports whether the request that failed cannot have reached anybody, so that to make it again cannot
// execute it twice.
func NotSent(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && !e.Sent
}

// TooLong reports whether a request is larger than the broker takes, so that only another one can succeed.
func TooLong(err error) bool {
	limit, ok := errors.AsType[*mqtt.LimitError](err)
	return ok && limit.Code == packet.PacketTooLarge && limit.Packet == packet.PUBLISH
}
