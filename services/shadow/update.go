package shadow

import (
	"context"
	"encoding/json"
	"errors"
	"reflect"
)

// Update is a change to a shadow. Desired and Reported are anything that becomes a JSON object; in it, null removes a
// key. nil leaves the section as it is, a nil map or pointer too; [Null] removes it.
type Update struct {
	Desired  any
	Reported any
	// Version makes the service refuse with [ErrVersionConflict] where the shadow is at another one. 0: whatever it is.
	Version int64
	// ClientToken tells the answer apart, and comes back in the deltas and documents that follow, 64 bytes at the most.
	// No two requests that are under way may have the same. Empty: a new one is made.
	ClientToken string
}

// Null removes what it stands for.
var Null = json.RawMessage("null")

// isNil reports whether a section says nothing. In JSON a nil map, pointer or raw message would be null, which removes
// everything: too much for a variable that nobody has set.
func isNil(section any) bool {
	switch v := reflect.ValueOf(section); v.Kind() {
	case reflect.Invalid:
		return true
	case reflect.Map, reflect.Pointer, reflect.Slice:
		return v.IsNil()
	}
	return false
}

// Update changes the shadow, and makes it where there is none: UpdateShadow and UpdateNamedShadow of the service. The
// document has what was sent, the version and the time. Errors: [ErrVersionConflict], [ErrInvalid], [ErrTooLarge],
// [ErrThrottled] and others of this package, those of package reqres where no answer came: after a lost session the
// update may have been made.
//
// It publishes to $aws/things/{thing}/shadow[/name/{name}]/update.
func (c *Client) Update(ctx context.Context, u Update) (*Document, error) {
	state := make(map[string]any)
	if !isNil(u.Desired) {
		state["desired"] = u.Desired
	}
	if !isNil(u.Reported) {
		state["reported"] = u.Reported
	}
	if len(u.ClientToken) > 64 {
		return nil, errors.New("shadow: the client token is longer than 64 bytes")
	}
	request := map[string]any{"state": state, "clientToken": u.ClientToken}
	if u.Version != 0 {
		request["version"] = u.Version
	}
	doc := new(Document)
	// update/+ would bring every delta and document along.
	filters := []string{c.prefix + "update/accepted", c.prefix + "update/rejected"}
	if err := c.do(ctx, "update", filters, request, false, doc); err != nil {
		return nil, err
	}
	return doc, nil
}
