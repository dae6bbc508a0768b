package shadow

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/gneiss-mqtt/gneiss-go/core/reqres"
	"github.com/gneiss-mqtt/gneiss-go/core/reqres/jsonbody"
)

// Typed is a shadow whose sections are values of D, a type that becomes a JSON object, such as a struct or a map.
type Typed[D any] struct{ c *Client }

// As gives a type to a shadow.
func As[D any](c *Client) *Typed[D] { return &Typed[D]{c} }

// Doc is a [Document] with types. Where a section is absent it is the zero value, and Raw says so.
type Doc[D any] struct {
	Desired, Reported D
	Version           int64
	Raw               *Document
}

// Client returns the client without types.
func (t *Typed[D]) Client() *Client { return t.c }

// Get is [Client.Get]. Where a section does not fit D the error says so.
func (t *Typed[D]) Get(ctx context.Context) (Doc[D], error) { return typed[D](t.c.Get(ctx)) }

// Report writes a value into reported. Keys that it leaves out stay as they are; to have them removed see [Sync].
func (t *Typed[D]) Report(ctx context.Context, d D) (Doc[D], error) {
	return typed[D](t.c.Update(ctx, Update{Reported: d}))
}

// Desire writes a value into desired. Keys that it leaves out stay as they are.
func (t *Typed[D]) Desire(ctx context.Context, d D) (Doc[D], error) {
	return typed[D](t.c.Update(ctx, Update{Desired: d}))
}

// Deltas calls f for each delta, like [Client.Deltas], with the delta written over a copy of what current returns. A
// delta that does not fit D goes to [StreamOptions.Malformed].
func (t *Typed[D]) Deltas(ctx context.Context, current func() D, f func(D, *Delta), optFns ...func(*StreamOptions)) (*reqres.Stream, error) {
	var o StreamOptions
	for _, fn := range optFns {
		fn(&o)
	}
	return t.c.Deltas(ctx, func(d *Delta) {
		v, err := over(current(), d.State)
		if err == nil {
			f(v, d)
		} else if o.Malformed != nil {
			o.Malformed(jsonbody.Malformed(d.State, err))
		}
	}, optFns...)
}

func typed[D any](doc *Document, err error) (Doc[D], error) {
	if err != nil {
		return Doc[D]{}, err
	}
	d := Doc[D]{Version: doc.Version, Raw: doc}
	for _, s := range []struct {
		raw json.RawMessage
		to  *D
	}{{doc.State.Desired, &d.Desired}, {doc.State.Reported, &d.Reported}} {
		if s.raw == nil {
			continue
		}
		if err := json.Unmarshal(s.raw, s.to); err != nil {
			return d, fmt.Errorf("shadow: %w", jsonbody.Malformed(s.raw, err))
		}
	}
	return d, nil
}

// over returns a copy of v with a patch merged into it.
func over[D any](v D, patch json.RawMessage) (D, error) {
	var zero D
	was, err := treeOf(v)
	if err != nil {
		return zero, err
	}
	change, err := tree(patch)
	if err != nil {
		return zero, err
	}
	return fromTree[D](merge(was, change))
}

func fromTree[D any](m map[string]any) (D, error) {
	var d D
	raw, err := json.Marshal(m)
	if err == nil {
		err = json.Unmarshal(raw, &d)
	}
	return d, err
}
