package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	awsiot "github.com/gneiss-mqtt/gneiss-go/builders/aws"
	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
	"github.com/gneiss-mqtt/gneiss-go/emulator"
)

// messages subscribes with a wildcard, and publishes at each quality of service that there is.
func messages(ctx context.Context, s *story, _ *emulator.Server, d *device) error {
	sub, err := d.client.Subscribe(ctx, mqtt.Filter{Filter: "rooms/+/temperature", QoS: 1})
	if err != nil {
		return err
	}
	s.say("subscribed to %q", sub.Filters()[0])
	for qos := packet.QoS0; qos <= packet.QoS1; qos++ {
		topic, payload := fmt.Sprintf("rooms/%d/temperature", qos), fmt.Sprintf("2%d.5 °C", qos)
		began := time.Now()
		_, err := d.client.Publish(ctx, mqtt.Publish{Topic: topic, Payload: []byte(payload), QoS: qos})
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
	_, err = d.client.Publish(ctx, mqtt.Publish{Topic: "rooms/2/temperature", QoS: packet.QoS2})
	refusal, ok := errors.AsType[*awsiot.Refusal](awsiot.Explain(err))
	if err := s.check(ok && mqtt.NotSent(err), "QoS 2  is refused before it is sent: %s", likely(refusal)); err != nil {
		return err
	}
	return sub.Close(ctx)
}

func likely(r *awsiot.Refusal) string {
	if r == nil {
		return "nobody knows why"
	}
	return r.Likely
}

// next takes one message.
func next(ctx context.Context, sub *mqtt.Subscription) (mqtt.Message, error) {
	for m, err := range sub.Messages(ctx) {
		return m, err
	}
	return mqtt.Message{}, mqtt.ErrClosed
}
