package main

import (
	"context"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
	"github.com/gneiss-mqtt/gneiss-go/emulator"
)

// retained publishes a message that the broker keeps for those who subscribe later; at AWS IoT Core, without a wildcard.
func retained(ctx context.Context, s *story, _ *emulator.Server, d *device) error {
	_, err := d.client.Publish(ctx, mqtt.Publish{Topic: "rooms/7/mode", Payload: []byte("heating"), QoS: packet.QoS1, Retain: true})
	if err != nil {
		return err
	}
	s.say("published with the retain flag, subscribed afterwards")
	sub, err := d.client.Subscribe(ctx, mqtt.Filter{Filter: "rooms/7/mode", QoS: 1})
	if err != nil {
		return err
	}
	m, err := next(ctx, sub)
	if err != nil {
		return err
	}
	if err := s.check(m.Retain && string(m.Payload) == "heating", "the broker kept it: %s = %s", m.Topic, m.Payload); err != nil {
		return err
	}
	return sub.Close(ctx)
}
