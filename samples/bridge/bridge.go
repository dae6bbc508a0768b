package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/builders/direct"
	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// bridge moves messages between two clients.
type bridge struct {
	options
	source, destination *mqtt.Client
	failed              chan error // the first error that nobody can mend
	closing             atomic.Bool

	received, moved, repeated atomic.Int64
}

// open connects to both sides and subscribes. It waits for both as long as ctx allows.
func open(ctx context.Context, o options, log io.Writer) (*bridge, error) {
	b := &bridge{options: o, failed: make(chan error, 1)}
	from, to, err := b.configs(log)
	if err != nil {
		return nil, err
	}
	if b.destination, err = mqtt.New(to); err != nil {
		return nil, fmt.Errorf("destination: %w", err)
	}
	if b.source, err = mqtt.New(from); err != nil {
		return nil, fmt.Errorf("source: %w", err)
	}
	if err := b.start(ctx); err != nil {
		return nil, errors.Join(err, b.kill())
	}
	return b, nil
}

// configs are what makes it a bridge that loses nothing.
func (b *bridge) configs(log io.Writer) (from, to mqtt.Config, err error) {
	if from, err = b.config("source", b.from, log); err != nil {
		return from, to, err
	}
	from.ManualAcks = true
	// An earlier process has acknowledged only what was at the destination, so this one may go on with its session.
	from.ResumeUnknown = true
	from.SessionExpiry = 24 * time.Hour
	from.ReceiveMaximum = 100 // as many may come twice when a connection ends
	// What the session brings before the subscription is there.
	from.Handler = b.forward

	if to, err = b.config("destination", b.to, log); err != nil {
		return from, to, err
	}
	to.CleanStart = true // what is under way is sent again, also to a new session
	to.AckTimeout = -1   // the source has the message: there is no hurry
	to.Queue.Count = -1  // what the source sends without acknowledgement bounds it, and the bytes do
	to.Queue.Bytes = 64 << 20
	return from, to, nil
}

func (b *bridge) config(side, url string, log io.Writer) (mqtt.Config, error) {
	endpoint, err := direct.URL(url)
	if err != nil {
		return mqtt.Config{}, fmt.Errorf("%s: %w", side, err)
	}
	trace := &mqtt.Trace{
		Disconnected: func(err error) {
			if !errors.Is(err, mqtt.ErrClosed) {
				fmt.Fprintf(log, "bridge: %s: disconnected: %v\n", side, err)
			}
		},
		ConnectFailed: func(err *mqtt.ConnectError, _ time.Duration) {
			if err.Terminal {
				b.fail(fmt.Errorf("%s: %w", side, err))
			}
		},
		SubscriptionLost: func(_ string, err error) { b.fail(fmt.Errorf("%s: %w", side, err)) },
	}
	return mqtt.Config{
		Endpoint:  endpoint,
		ClientID:  b.id,
		Reconnect: mqtt.Backoff{Min: 100 * time.Millisecond, Max: 5 * time.Second},
		Trace:     trace,
	}, nil
}

func (b *bridge) start(ctx context.Context) error {
	if err := b.destination.Start(); err != nil {
		return err
	}
	if _, err := b.destination.Connected(ctx); err != nil {
		return fmt.Errorf("destination: %w", err)
	}
	if err := b.source.Start(); err != nil {
		return err
	}
	if _, err := b.source.SubscribeFunc(ctx, b.forward, mqtt.Filter{Filter: b.filter, QoS: b.qos, RetainAsPublished: true}); err != nil {
		return fmt.Errorf("source: %w", err)
	}
	return nil
}

// forward publishes a message to the destination without waiting, so that many are under way, and acknowledges it
// when the destination has.
func (b *bridge) forward(m mqtt.Message) {
	b.received.Add(1)
	p := mqtt.Publish{
		Topic: m.Topic, Payload: m.Payload, QoS: max(m.QoS, packet.QoS1), Retain: m.Retain, Static: true, Expiry: m.Expiry,
		PayloadFormat: m.PayloadFormat, ContentType: m.ContentType, ResponseTopic: m.ResponseTopic,
		Correlation: m.Correlation, User: m.User,
	}
	done := func(_ mqtt.PublishResult, err error) { b.arrived(m, err) }
	err := b.destination.PublishAsync(p, done)
	if errors.Is(err, mqtt.ErrQueueFull) { // of bytes: wait for room, and let the source wait meanwhile
		done(b.destination.Publish(context.Background(), p))
	} else if err != nil {
		done(mqtt.PublishResult{}, err)
	}
}

// arrived ends the way of a message.
func (b *bridge) arrived(m mqtt.Message, err error) {
	if err != nil {
		b.fail(fmt.Errorf("%s is still at the source: %w", m.Topic, err))
		return
	}
	b.moved.Add(1)
	switch err := m.Ack(); {
	case errors.Is(err, mqtt.ErrAckVoid):
		b.repeated.Add(1) // the source has lost the connection, and will send it again
	case err != nil:
		b.fail(fmt.Errorf("acknowledge %s: %w", m.Topic, err))
	}
}

func (b *bridge) fail(err error) {
	if b.closing.Load() {
		return // what is not acknowledged is at the source
	}
	select {
	case b.failed <- err:
	default:
	}
}

// wait returns when ctx ends, which is no error, or the bridge cannot go on.
func (b *bridge) wait(ctx context.Context) error {
	select {
	case err := <-b.failed:
		return err
	case <-ctx.Done():
		return nil
	}
}

// close lets what is under way arrive, for a moment, so that little of it is repeated by the next process.
func (b *bridge) close() error {
	b.closing.Store(true)
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return errors.Join(b.destination.Shutdown(ctx), b.source.Shutdown(ctx))
}

// kill ends it as a crash would.
func (b *bridge) kill() error {
	b.closing.Store(true)
	return errors.Join(b.destination.Close(), b.source.Close())
}

func (b *bridge) counts() string {
	return fmt.Sprintf("received %d, moved %d, of which the source will send %d again", b.received.Load(), b.moved.Load(), b.repeated.Load())
}
