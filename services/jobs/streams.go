package jobs

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/reqres"
	"github.com/gneiss-mqtt/gneiss-go/core/reqres/jsonbody"
)

// Changed says which executions are not at an end, after one was added to them or removed. It lists 10 at the most.
type Changed struct {
	Jobs      map[Status][]Summary `json:"jobs"`
	Timestamp time.Time            `json:"-"`
	// Unknown are the members this package does not know.
	Unknown map[string]json.RawMessage `json:"-"`
}

// UnmarshalJSON reads what the service sends.
func (c *Changed) UnmarshalJSON(b []byte) (err error) {
	*c = Changed{}
	c.Unknown, err = jsonbody.Members(b, map[string]any{"jobs": &c.Jobs, "timestamp": (*jsonbody.Seconds)(&c.Timestamp)})
	return err
}

// NextChanged says which execution is next, after it has become another one. Execution is nil where there is none.
type NextChanged struct {
	Execution *Execution
	Timestamp time.Time
	Unknown   map[string]json.RawMessage
}

// UnmarshalJSON reads what the service sends.
func (n *NextChanged) UnmarshalJSON(b []byte) (err error) {
	*n = NextChanged{}
	n.Unknown, err = jsonbody.Members(b, map[string]any{"execution": &n.Execution, "timestamp": (*jsonbody.Seconds)(&n.Timestamp)})
	if n.Execution != nil && n.Execution.JobID == "" { // the service writes {} in places
		n.Execution = nil
	}
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
	s, err := jsonbody.OpenStream(ctx, c.r, c.prefix+topic, f, jsonbody.StreamOptions(o))
	if err != nil {
		return nil, fmt.Errorf("jobs: %s of %s: %w", topic, c.thing, err)
	}
	return s, nil
}
