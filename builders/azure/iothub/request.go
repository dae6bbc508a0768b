package iothub

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
)

const answerPrefix = "$iothub/twin/res/"

// requestTimeout bounds a request whose context has no end.
const requestTimeout = 60 * time.Second

// response is an answer about a twin.
type response struct {
	status  int
	version int64
	payload []byte
}

// request asks something about the twin: topic ends in a slash.
func (d *Device) request(ctx context.Context, op, topic string, payload []byte) (response, error) {
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, requestTimeout)
		defer cancel()
	}
	if err := d.listen(ctx); err != nil {
		return response{}, fmt.Errorf("iothub: %s: %w", op, err)
	}
	d.mu.Lock()
	d.next++
	rid := d.run + strconv.Itoa(d.next)
	ch := make(chan response, 1)
	d.pending[rid] = ch
	d.mu.Unlock()
	defer func() {
		d.mu.Lock()
		delete(d.pending, rid)
		d.mu.Unlock()
	}()
	if _, err := d.client.Publish(ctx, mqtt.Publish{Topic: topic + "?$rid=" + rid, Payload: payload, QoS: 1}); err != nil {
		return response{}, fmt.Errorf("iothub: %s: %w", op, err)
	}
	select {
	case r := <-ch:
		if r.status >= 300 {
			return r, &StatusError{Op: op, Status: r.status, Body: string(r.payload[:min(len(r.payload), 256)])}
		}
		return r, nil
	case <-ctx.Done():
		return response{}, fmt.Errorf("iothub: %s: no answer: %w", op, ctx.Err())
	}
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
