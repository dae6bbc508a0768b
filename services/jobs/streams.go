package jobs

import (
	"context"
	"fmt"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/reqres"
)

// Changed says which executions are not at an end, after one was added to them or removed. It lists 10 at the most.
type Changed struct {
	Jobs      map[Status][]Summary `json:"jobs"`
	Timestamp time.Time            `json:"-"`
}

// UnmarshalJSON reads what the service sends.
func (c *Changed) UnmarshalJSON(b []byte) error {
	type plain Changed
	return takeWith(b, (*plain)(c), map[string]any{"timestamp": (*seconds)(&c.Timestamp)}, nil)
}

// NextChanged says which execution is next, after it has become another one. Execution is nil where there is none.
type NextChanged struct {
	Execution *Execution
	Timestamp time.Time
}

// UnmarshalJSON reads what the service sends.
func (n *NextChanged) UnmarshalJSON(b []byte) error {
	var a answer
	err := a.UnmarshalJSON(b)
	if err == nil {
		var none struct{}
		err = takeWith(b, &none, map[string]any{"timestamp": (*seconds)(&n.Timestamp)}, nil)
	}
	n.Execution = a.Execution
	return err
}

// StreamOptions are for [Client.Changes] and [Client.NextChanges].
type StreamOptions struct {
	// Event is told when the stream is established, lost and halted. After a loss, notifications may have been missed:
	// [Client.Pending] says how things stand.
	Event func(reqres.StreamEvent)
	// Malformed is told of messages that cannot be read. nil: they are dropped.
	Malformed func(*MalformedError)
}

// Changes calls f when an execution is added to those that are not at an end, or removed: the JobExecutionsChanged stream
// of the service. It is not called when one begins.
//
// The stream returns when it is established, and lives until it is closed. It subscribes to
// $aws/things/{thing}/jobs/notify. Errors are those of [reqres.Client.OpenStream].
func (c *Client) Changes(ctx context.Context, f func(*Changed), optFns ...func(*StreamOptions)) (*reqres.Stream, error) {
	return openStream(ctx, c, "notify", f, optFns)
}

// NextChanges calls f when another execution is next: the NextJobExecutionChanged stream of the service.
//
// The stream returns when it is established, and lives until it is closed. It subscribes to
// $aws/things/{thing}/jobs/notify-next. Errors are those of [reqres.Client.OpenStream].
func (c *Client) NextChanges(ctx context.Context, f func(*NextChanged), optFns ...func(*StreamOptions)) (*reqres.Stream, error) {
	return openStream(ctx, c, "notify-next", f, optFns)
}

func openStream[E any](ctx context.Context, c *Client, topic string, f func(*E), optFns []func(*StreamOptions)) (*reqres.Stream, error) {
	var o StreamOptions
	for _, fn := range optFns {
		fn(&o)
	}
	s, err := c.r.OpenStream(ctx, reqres.StreamOptions{Filter: c.prefix + topic, Event: o.Event, Handler: func(m mqtt.Message) {
		e := new(E)
		if err := decode(m.Payload, e); err == nil {
			f(e)
		} else if o.Malformed != nil {
			o.Malformed(err.(*MalformedError))
		}
	}})
	if err != nil {
		return nil, fmt.Errorf("jobs: %s of %s: %w", topic, c.thing, err)
	}
	return s, nil
}
