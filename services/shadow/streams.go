package shadow

import (
	"context"
	"fmt"

	"github.com/gneiss-mqtt/gneiss-go/core/reqres"
	"github.com/gneiss-mqtt/gneiss-go/core/reqres/jsonbody"
)

// StreamOptions are for [Client.Deltas] and [Client.Documents].
type StreamOptions struct {
	// Event is told when the stream is established, lost and halted. After a loss, messages may have been missed: Get
	// says how things stand.
	Event func(reqres.StreamEvent)
	// Malformed is told of messages that cannot be read. nil: they are dropped.
	Malformed func(*MalformedError)
}

// Deltas calls f for each delta, one at a time: the ShadowDeltaUpdated stream of the service. A delta with a lower
// version than one seen before is late and to be ignored, as [Sync] does.
//
// The stream returns when it is established, and lives until it is closed. It subscribes to
// $aws/things/{thing}/shadow[/name/{name}]/update/delta. Errors are those of [reqres.Client.OpenStream].
func (c *Client) Deltas(ctx context.Context, f func(*Delta), optFns ...func(*StreamOptions)) (*reqres.Stream, error) {
	return openStream(ctx, c, "update/delta", f, optFns)
}

// Documents calls f for each change, with the shadow before and after it: the ShadowUpdated stream of the service.
//
// The stream returns when it is established, and lives until it is closed. It subscribes to
// $aws/things/{thing}/shadow[/name/{name}]/update/documents. Errors are those of [reqres.Client.OpenStream].
func (c *Client) Documents(ctx context.Context, f func(*Documents), optFns ...func(*StreamOptions)) (*reqres.Stream, error) {
	return openStream(ctx, c, "update/documents", f, optFns)
}

func openStream[E any](ctx context.Context, c *Client, topic string, f func(*E), optFns []func(*StreamOptions)) (*reqres.Stream, error) {
	var o StreamOptions
	for _, fn := range optFns {
		fn(&o)
	}
	s, err := jsonbody.OpenStream(ctx, c.r, c.prefix+topic, f, jsonbody.StreamOptions(o))
	if err != nil {
		return nil, fmt.Errorf("shadow: %s of %s: %w", topic, c, err)
	}
	return s, nil
}
