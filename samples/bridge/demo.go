package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/builders/direct"
	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
	"github.com/gneiss-mqtt/gneiss-go/emulator"
	"github.com/gneiss-mqtt/gneiss-go/emulator/broker"
)

const messages = 3000

// demo bridges two brokers in this process and kills each of them once. It takes a few seconds, and never more than 15.
func demo(ctx context.Context, out io.Writer) (err error) {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	began := time.Now()
	s := &story{out: out}

	s.title("Two brokers in this process, and a bridge between them")
	// They take few messages at a time, so that there is something to interrupt.
	few := emulator.Options{Profile: emulator.Generic, Limits: broker.Limits{ReceiveMaximum: 20}}
	source, err := emulator.Start(few)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, source.Close()) }()
	destination, err := emulator.Start(few)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, destination.Close()) }()
	sink, err := receive(ctx, destination.URL())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, sink.client.Close()) }()
	b, err := open(ctx, options{from: source.URL(), to: destination.URL(), filter: "#", qos: packet.QoS1, id: "bridge"}, io.Discard)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.close()) }()
	s.say("from %s to %s", source.URL(), destination.URL())

	s.title("%d messages at QoS 1 are published to the source", messages)
	acknowledged := make(chan error, 1)
	producer, err := connect(source.URL(), "producer")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, producer.Close()) }()
	go func() { acknowledged <- produce(ctx, producer, messages) }()

	for _, kill := range []struct {
		name   string
		server *emulator.Server
		at     int
	}{{"source", source, messages / 4}, {"destination", destination, messages / 2}} {
		if err := sink.await(ctx, b, kill.at); err != nil {
			return err
		}
		if err := errors.Join(kill.server.Kill(), kill.server.Restart(emulator.KeepSessions)); err != nil {
			return err
		}
		s.say("after %d of them the %s is killed, and comes back", kill.at, kill.name)
	}
	if err := <-acknowledged; err != nil {
		return fmt.Errorf("publish to the source: %w", err)
	}

	s.title("What has arrived at the destination")
	if err := sink.await(ctx, b, messages); err != nil {
		return err
	}
	if err := b.idle(ctx); err != nil {
		return err
	}
	different, repeated := sink.counts()
	if err := s.check(different == messages, "all %d messages, none lost", different); err != nil {
		return err
	}
	s.say("%d of them came twice, as QoS 1 allows", repeated)
	s.say("the bridge: %s", b.counts())
	s.title("Done in %.1f s", time.Since(began).Seconds())
	return nil
}

// idle waits until everything the bridge has received is moved.
func (b *bridge) idle(ctx context.Context) error {
	for b.moved.Load() < b.received.Load() {
		select {
		case <-time.After(10 * time.Millisecond):
		case err := <-b.failed:
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// connect starts a client whose session survives its connection.
func connect(url, id string) (*mqtt.Client, error) {
	endpoint, err := direct.URL(url)
	if err != nil {
		return nil, err
	}
	client, err := mqtt.New(mqtt.Config{
		Endpoint: endpoint, ClientID: id, SessionExpiry: time.Hour, ReceiveMaximum: 100,
		Reconnect: mqtt.Backoff{Min: 50 * time.Millisecond, Max: 500 * time.Millisecond},
	})
	if err != nil {
		return nil, err
	}
	return client, client.Start()
}

// produce publishes numbered messages and waits until the broker has them.
func produce(ctx context.Context, client *mqtt.Client, n int) error {
	outcomes := make(chan error, n)
	for i := range n {
		p := mqtt.Publish{Topic: fmt.Sprintf("rooms/%d", i%10), Payload: fmt.Append(nil, i), QoS: packet.QoS1}
		if err := client.PublishAsync(p, func(_ mqtt.PublishResult, err error) { outcomes <- err }); err != nil {
			return err
		}
	}
	for range n {
		select {
		case err := <-outcomes:
			if err != nil {
				return err
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}
