package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
	"github.com/gneiss-mqtt/gneiss-go/emulator"
)

const readings = 3000

// restart publishes while a broker is killed and restarted, and counts what arrives. AWS IoT Core has no QoS 2: this is a
// broker that has all of MQTT.
func restart(ctx context.Context, s *story, _ *emulator.Server, _ *device) (err error) {
	broker, err := emulator.Start(emulator.Options{Profile: emulator.Generic})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, broker.Close()) }()
	device, err := connectPlain(ctx, broker, mqtt.Config{ClientID: "thermostat-7", SessionExpiry: time.Hour})
	if err != nil {
		return err
	}
	defer device.Close()
	listener, err := connectPlain(ctx, broker, mqtt.Config{ClientID: "dashboard", SessionExpiry: time.Hour})
	if err != nil {
		return err
	}
	defer listener.Close()
	sub, err := listener.Subscribe(ctx, mqtt.Filter{Filter: "readings", QoS: 2})
	if err != nil {
		return err
	}

	outcomes := make(chan error, readings)
	s.say("publishing %d readings at QoS 2; after a third of them the broker is killed", readings)
	for n := range readings {
		if n == readings/3 {
			if err := broker.Kill(); err != nil {
				return err
			}
		}
		m := mqtt.Publish{Topic: "readings", Payload: fmt.Appendf(nil, "%d", n), QoS: packet.QoS2}
		if err := device.PublishAsync(m, func(_ mqtt.PublishResult, err error) { outcomes <- err }); err != nil {
			return err
		}
	}
	if err := broker.Restart(emulator.KeepSessions); err != nil {
		return err
	}
	s.say("the broker is back, with the sessions it had")
	if err := acknowledged(ctx, outcomes); err != nil {
		return err
	}
	if err := s.check(true, "all %d were acknowledged; the client connected %d times", readings, device.Stats().Connects); err != nil {
		return err
	}
	received, inOrder, err := count(ctx, sub)
	if err != nil {
		return err
	}
	return s.check(received == readings && inOrder, "received: %d, each once, in the order of publishing", received)
}

func acknowledged(ctx context.Context, outcomes <-chan error) error {
	for range readings {
		select {
		case err := <-outcomes:
			if err != nil {
				return err
			}
		case <-ctx.Done():
			return fmt.Errorf("not every message was acknowledged: %w", ctx.Err())
		}
	}
	return nil
}

// count takes messages until nothing comes for a moment, so that it would see duplicates too.
func count(ctx context.Context, sub *mqtt.Subscription) (received int, inOrder bool, err error) {
	inOrder = true
	for {
		quiet, cancel := context.WithTimeout(ctx, 300*time.Millisecond)
		m, err := next(quiet, sub)
		cancel()
		switch {
		case errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil:
			return received, inOrder, nil
		case err != nil:
			return received, inOrder, err
		}
		inOrder = inOrder && string(m.Payload) == fmt.Sprint(received)
		received++
	}
}
