package iothub

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
)

const methodPrefix = "$iothub/methods/POST/"

// Method is a call of a direct method.
type Method struct {
	Name    string
	Payload []byte // JSON, or nothing
}

// maxMethod is the largest payload of an answer.
const maxMethod = 128 << 10

// Methods takes calls of direct methods: handle returns a status, as in HTTP, and a result that is sent as JSON; nil is
// nothing. Calls come one after the other; the caller waits for 5 to 300 s. A handler that panics answers 500.
func (d *Device) Methods(ctx context.Context, handle func(Method) (status int, result any)) (*mqtt.Subscription, error) {
	if handle == nil {
		return nil, errors.New("iothub: methods: no handler")
	}
	return d.client.SubscribeFunc(ctx, func(m mqtt.Message) {
		name, query, _ := strings.Cut(strings.TrimPrefix(m.Topic, methodPrefix), "/?")
		values, err := url.ParseQuery(query)
		rid := values.Get("$rid")
		if err != nil || rid == "" {
			return // to nobody
		}
		status, payload := call(handle, Method{Name: name, Payload: m.Payload})
		topic := fmt.Sprintf("$iothub/methods/res/%d/?$rid=%s", status, url.QueryEscape(rid))
		_ = d.client.PublishAsync(mqtt.Publish{Topic: topic, Payload: payload, QoS: 1}, nil)
	}, mqtt.Filter{Filter: methodPrefix + "#", QoS: 1})
}

// call runs the handler.
func call(handle func(Method) (int, any), m Method) (status int, payload []byte) {
	answered := false
	defer func() {
		if !answered {
			_ = recover()
			status, payload = 500, []byte(`"the method's handler panicked"`)
		}
	}()
	status, result := handle(m)
	if result != nil {
		var err error
		payload, err = json.Marshal(result)
		switch {
		case err != nil:
			status, payload = 500, []byte(`"the result is not JSON"`)
		case len(payload) > maxMethod:
			status, payload = 500, []byte(`"the result is too large"`)
		}
	}
	answered = true
	return status, payload
}
