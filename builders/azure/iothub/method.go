package iothub

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"

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

// maxCalls is how many calls may wait for the handler. Their callers wait as well, for five minutes at most.
const maxCalls = 64

// Methods takes calls of direct methods: handle returns a status, as in HTTP, and a result that is sent as JSON; nil is
// nothing, json.RawMessage is sent as it is. The caller waits for 5 to 300 s. Calls come one after the other, and nothing
// else waits for a handler that takes its time: when 64 calls wait for it, further ones are answered 429. A handler that
// panics answers 500, as does a result that is no JSON or larger than 128 KiB.
func (d *Device) Methods(ctx context.Context, handle func(Method) (status int, result any)) (*mqtt.Subscription, error) {
	if handle == nil {
		return nil, errors.New("iothub: methods: no handler")
	}
	c := &calls{d: d, handle: handle}
	return d.client.SubscribeFunc(ctx, c.take, mqtt.Filter{Filter: methodPrefix + "#", QoS: 1})
}

// calls are those of one handler.
type calls struct {
	d      *Device
	handle func(Method) (int, any)

	mu      sync.Mutex
	waiting []pendingCall
	running bool
}

type pendingCall struct {
	Method
	rid string
}

// take takes POST/{name}/?$rid={rid}. The handler runs elsewhere: acknowledgements leave in the order of arrival, so those of
// all messages behind the call would wait for it.
func (c *calls) take(m mqtt.Message) {
	name, query, _ := strings.Cut(strings.TrimPrefix(m.Topic, methodPrefix), "/?")
	values, err := url.ParseQuery(query)
	rid := values.Get("$rid")
	if err != nil || rid == "" {
		return // to nobody
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.waiting) == maxCalls {
		c.answer(rid, 429, []byte(`"too many calls wait"`))
		return
	}
	c.waiting = append(c.waiting, pendingCall{Method{Name: name, Payload: m.Payload}, rid})
	if !c.running {
		c.running = true
		go c.run()
	}
}

// run answers calls as long as there are any.
func (c *calls) run() {
	over := false
	defer func() {
		if !over { // the handler has ended its goroutine, as a test's FailNow does
			go c.run()
		}
	}()
	for {
		c.mu.Lock()
		if len(c.waiting) == 0 {
			c.running, over = false, true
			c.mu.Unlock()
			return
		}
		next := c.waiting[0]
		c.waiting = slices.Delete(c.waiting, 0, 1)
		c.mu.Unlock()
		c.call(next)
	}
}

func (c *calls) answer(rid string, status int, payload []byte) {
	topic := fmt.Sprintf("$iothub/methods/res/%d/?$rid=%s", status, url.QueryEscape(rid))
	_ = c.d.client.PublishAsync(mqtt.Publish{Topic: topic, Payload: payload, QoS: 1}, nil)
}

// call runs the handler and answers whatever comes of that.
func (c *calls) call(p pendingCall) {
	status, payload := 500, []byte(`"the method's handler panicked"`)
	defer func() {
		_ = recover()
		c.answer(p.rid, status, payload)
	}()
	status, payload = encoded(c.handle(p.Method))
}

func encoded(status int, result any) (int, []byte) {
	if result == nil {
		return status, nil
	}
	payload, err := json.Marshal(result)
	switch {
	case err != nil:
		return 500, []byte(`"the result is not JSON"`)
	case len(payload) > maxMethod:
		return 500, []byte(`"the result is too large"`)
	}
	return status, payload
}
