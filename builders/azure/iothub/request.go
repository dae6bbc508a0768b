package iothub

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
)

const answerPrefix = "$iothub/twin/res/"

// requestTimeout bounds a request whose context has no end, and how long an answer may take, as in Microsoft's SDKs.
const requestTimeout = 60 * time.Second

// ErrNoAnswer says that the hub has a change of the reported properties and has not answered within 60 s. It may have been
// made.
var ErrNoAnswer = errors.New("no answer in time; the change may have been made")

// response is an answer about a twin.
type response struct {
	status  int
	version int64
	payload []byte
}

// askAgain is how long an answer may take before a question is asked once more: it, or the answer, may have gone with a
// connection.
const askAgain = 20 * time.Second

// request asks something about the twin: topic ends in a slash. What only asks is asked again where no answer comes; what
// changes something is not, because another change may have come after it.
func (d *Device) request(ctx context.Context, op, topic string, payload []byte) (response, error) {
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, requestTimeout)
		defer cancel()
	}
	if err := d.listen(ctx); err != nil {
		return response{}, fmt.Errorf("iothub: %s: %w", op, err)
	}
	ch := make(chan response, 1)
	for {
		rid := d.await(ch)
		defer d.forget(rid) // an answer to an earlier one is as good
		if _, err := d.client.Publish(ctx, mqtt.Publish{Topic: topic + "?$rid=" + rid, Payload: payload, QoS: 1}); err != nil {
			return response{}, fmt.Errorf("iothub: %s: %w", op, err)
		}
		wait := requestTimeout
		if payload == nil {
			wait = askAgain
		}
		late := time.NewTimer(wait)
		defer late.Stop()
		select {
		case r := <-ch:
			if r.status >= 300 {
				return r, &StatusError{Op: op, Status: r.status, Body: string(r.payload[:min(len(r.payload), 256)])}
			}
			return r, nil
		case <-late.C:
			if payload != nil {
				return response{}, fmt.Errorf("iothub: %s: %w", op, ErrNoAnswer)
			}
		case <-d.client.Done():
			return response{}, fmt.Errorf("iothub: %s: no answer: %w", op, d.client.Err())
		case <-ctx.Done():
			return response{}, fmt.Errorf("iothub: %s: no answer: %w", op, ctx.Err())
		}
	}
}

// await returns the identifier of a request whose answer goes to ch.
func (d *Device) await(ch chan response) (rid string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.next++
	rid = d.run + strconv.Itoa(d.next)
	d.pending[rid] = ch
	return rid
}

func (d *Device) forget(rid string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.pending, rid)
}

// listen subscribes to answers, once.
func (d *Device) listen(ctx context.Context) error {
	for {
		d.mu.Lock()
		if d.answers != nil {
			d.mu.Unlock()
			return nil
		}
		asking := d.asking
		if asking == nil {
			d.asking = make(chan struct{})
			d.mu.Unlock()
			break
		}
		d.mu.Unlock()
		select {
		case <-asking:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	s, err := d.client.SubscribeFunc(ctx, d.answered, mqtt.Filter{Filter: answerPrefix + "#", QoS: 1})
	d.mu.Lock()
	defer d.mu.Unlock()
	if err == nil {
		d.answers = s
	}
	close(d.asking)
	d.asking = nil
	return err
}

// answered takes {status}/?$rid={rid}[&$version={version}].
func (d *Device) answered(m mqtt.Message) {
	text, query, _ := strings.Cut(strings.TrimPrefix(m.Topic, answerPrefix), "/?")
	status, err := strconv.Atoi(text)
	values, bad := url.ParseQuery(query)
	if err != nil || bad != nil {
		return // of nobody
	}
	version, _ := strconv.ParseInt(values.Get("$version"), 10, 64)
	d.mu.Lock()
	defer d.mu.Unlock()
	if ch := d.pending[values.Get("$rid")]; ch != nil {
		select {
		case ch <- response{status, version, m.Payload}:
		default: // the second answer to one request
		}
	}
}
