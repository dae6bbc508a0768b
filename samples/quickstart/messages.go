package main

import (
	"context"
	"fmt"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
	"github.com/gneiss-mqtt/gneiss-go/emulator"
)

// messages subscribes with a wildcard, and publishes at each quality of service.
func messages(ctx context.Context, s *story, _ *emulator.Server, device *mqtt.Client) error {
	sub, err := device.Subscribe(ctx, mqtt.Filter{Filter: "rooms/+/temperature", QoS: 2})
	if err != nil {
		return err
	}
	s.say("subscribed to %q", sub.Filters()[0])
	for qos := packet.QoS0; qos <= packet.QoS2; qos++ {
		topic, payload := fmt.Sprintf("rooms/%d/temperature", qos), fmt.Sprintf("2%d.5 °C", qos)
		began := time.Now()
		_, err := device.Publish(ctx, mqtt.Publish{Topic: topic, Payload: []byte(payload), QoS: qos})
		if err != nil {
			return err
		}
		took := time.Since(began)
		m, err := next(ctx, sub)
		if err != nil {
			return err
		}
		same := m.Topic == topic && string(m.Payload) == payload && m.QoS == qos
		if err := s.check(same, "QoS %d  %s  %s  (sent in %v)", qos, m.Topic, m.Payload, took.Round(time.Microsecond)); err != nil {
			return err
		}
	}
	return sub.Close(ctx)
}

// next takes one message.
func next(ctx context.Context, sub *mqtt.Subscription) (mqtt.Message, error) {
	for m, err := range sub.Messages(ctx) {
		return m, err
	}
	return mqtt.Message{}, mqtt.ErrClosed
}
