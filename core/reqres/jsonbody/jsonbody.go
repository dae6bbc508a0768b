// Package jsonbody reads the JSON of a service's answers and events: the members that a client knows, those that it does
// not know yet, and what is no JSON at all. The clients of services on top of package reqres are made with it.
package jsonbody

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/reqres"
)

// MalformedError says that a service sent what its client cannot read.
type MalformedError struct {
	Payload []byte // the beginning, 256 bytes at the most
	Err     error
}

// Malformed makes a [*MalformedError] with the beginning of a payload.
func Malformed(payload []byte, err error) *MalformedError {
	return &MalformedError{Payload: bytes.Clone(payload[:min(len(payload), 256)]), Err: err}
}

// Error shows the beginning of the message.
func (e *MalformedError) Error() string {
	return fmt.Sprintf("the service sent something unreadable: %v: %q", e.Err, e.Payload)
}

// Unwrap returns what is wrong with it.
func (e *MalformedError) Unwrap() error { return e.Err }

// Decode decodes a payload into what out points to. An error is a [*MalformedError].
func Decode(payload []byte, out any) error {
	if err := json.Unmarshal(payload, out); err != nil {
		return Malformed(payload, err)
	}
	return nil
}

var errNoObject = errors.New("not a JSON object")

// Members takes a JSON object apart, for methods UnmarshalJSON. A member whose name is in known is decoded into what known
// points to, which is left alone where there is no such member; names are compared letter by letter. The others are
// returned, nil where there are none.
func Members(object []byte, known map[string]any) (others map[string]json.RawMessage, err error) {
	if err := json.Unmarshal(object, &others); err != nil || others == nil {
		return nil, errNoObject
	}
	for name, to := range known {
		raw, ok := others[name]
		if !ok {
			continue
		}
		delete(others, name)
		if err := json.Unmarshal(raw, to); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	if len(others) == 0 {
		return nil, nil
	}
	return others, nil
}

// Seconds is a time written as a number of seconds since 1970, whose fraction is cut off. Null leaves the time as it is.
type Seconds time.Time

// UnmarshalJSON reads the number.
func (s *Seconds) UnmarshalJSON(b []byte) error {
	var n *float64
	if err := json.Unmarshal(b, &n); err != nil || n == nil {
		return err
	}
	if *n < 0 || *n > 1<<40 {
		return fmt.Errorf("%s is no time", b)
	}
	*s = Seconds(time.Unix(int64(*n), 0))
	return nil
}

// StreamOptions are for [OpenStream].
type StreamOptions struct {
	// Event is told when the stream is established, lost and halted. nil: nobody is told.
	Event func(reqres.StreamEvent)
	// Malformed is told of messages that cannot be read. nil: they are dropped.
	Malformed func(*MalformedError)
}

// OpenStream opens a stream of JSON messages, and calls f with each that can be decoded into an E, one at a time. It
// returns and fails as [reqres.Client.OpenStream] does.
//
// [reqres.Client.OpenStream]: https://pkg.go.dev/github.com/gneiss-mqtt/gneiss-go/core/reqres#Client.OpenStream
func OpenStream[E any](ctx context.Context, c *reqres.Client, filter string, f func(*E), o StreamOptions) (*reqres.Stream, error) {
	return c.OpenStream(ctx, reqres.StreamOptions{Filter: filter, Event: o.Event, Handler: func(m mqtt.Message) {
		e := new(E)
		if err := json.Unmarshal(m.Payload, e); err == nil {
			f(e)
		} else if o.Malformed != nil {
			o.Malformed(Malformed(m.Payload, err))
		}
	}})
}
