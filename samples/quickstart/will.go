package main

import (
	"context"

	awsiot "github.com/gneiss-mqtt/gneiss-go/builders/aws"
	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
	"github.com/gneiss-mqtt/gneiss-go/emulator"
)

// will shows the message that speaks for a device that is gone.
func will(ctx context.Context, s *story, cloud *emulator.Server, d *device) error {
	sub, err := d.client.Subscribe(ctx, mqtt.Filter{Filter: "status/#", QoS: 1})
	if err != nil {
		return err
	}
	thing, err := cloud.Device("boiler-1")
	if err != nil {
		return err
	}
	boiler, err := connectMTLS(ctx, cloud, awsiot.PEM(thing.CertPEM, thing.KeyPEM), mqtt.Config{
		ClientID: thing.Thing, Will: &mqtt.Will{Topic: "status/boiler-1", Payload: []byte("offline"), QoS: packet.QoS1},
	})
	if err != nil {
		return err
	}
	s.say("another thing, boiler-1, connects with a will, and is cut off")
	if err := boiler.Close(); err != nil { // without a DISCONNECT, as if its power had failed
		return err
	}
	m, err := next(ctx, sub)
	if err != nil {
		return err
	}
	err = s.check(m.Topic == "status/boiler-1" && string(m.Payload) == "offline", "the broker speaks for it: %s = %s", m.Topic, m.Payload)
	if err != nil {
		return err
	}
	return sub.Close(ctx)
}
