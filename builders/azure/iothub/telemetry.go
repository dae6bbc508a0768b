package iothub

import (
	"context"
	"fmt"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
)

// maxTelemetry is the largest message to the cloud, properties included.
const maxTelemetry = 256<<10 - 1

// Telemetry is a message to the cloud. Empty fields are left out.
type Telemetry struct {
	Payload    []byte
	Properties []Property
	// MessageID and CorrelationID are the application's own.
	MessageID, CorrelationID string
	// ContentType and ContentEncoding let the hub route by what is in the payload: application/json and utf-8.
	ContentType, ContentEncoding string
	// Component is the part of a Plug and Play device that sends.
	Component string
	// Created is when the reading was taken. Zero: not told.
	Created time.Time
}

// Publish returns the message for [mqtt.Client.Publish], [mqtt.Client.PublishAsync] or [mqtt.Client.Enqueue], at QoS 1.
func (d *Device) Publish(t Telemetry) mqtt.Publish {
	created := ""
	if !t.Created.IsZero() {
		created = t.Created.UTC().Format("2006-01-02T15:04:05.000Z")
	}
	bag := encode([][2]string{{"mid", t.MessageID}, {"cid", t.CorrelationID}, {"ct", t.ContentType}, {"ce", t.ContentEncoding},
		{"sub", t.Component}, {"ctime", created}}, t.Properties)
	return mqtt.Publish{Topic: d.events + bag, Payload: t.Payload, QoS: 1}
}

// Send sends a message to the cloud and waits until the hub has it. One above 256 KiB, which would end the connection, is
// refused.
func (d *Device) Send(ctx context.Context, t Telemetry) error {
	p := d.Publish(t)
	if n := len(p.Payload) + len(p.Topic) - len(d.events); n > maxTelemetry {
		return fmt.Errorf("iothub: send: the message has %d bytes, the hub takes %d", n, maxTelemetry)
	}
	_, err := d.client.Publish(ctx, p)
	return err
}
