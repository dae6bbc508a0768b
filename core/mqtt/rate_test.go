package mqtt_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/mqtttest"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// What is above the service's rate leaves when its time has come, without anything else happening; it can be taken back
// until then.
func TestPublishRate(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPeer(t)
		c, conn := connect(t, p, func(c *mqtt.Config) { c.Endpoint.Limits.PublishRate = 10 })
		began := time.Now()
		for range 29 {
			if err := c.PublishAsync(mqtt.Publish{Topic: "t"}, nil); err != nil {
				t.Fatal(err)
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := c.Publish(ctx, mqtt.Publish{Topic: "late"}); !errors.Is(err, context.DeadlineExceeded) || !mqtt.NotSent(err) {
			t.Errorf("a publish that is taken back: %v", err)
		}
		for i := range 29 {
			if in := mqtttest.Expect[packet.Publish](conn); in.Topic != "t" {
				t.Fatalf("%+v", in)
			}
			if i == 8 && time.Since(began) > time.Second { // those that went at once were read after the Publish above
				t.Errorf("the first ones came after %v", time.Since(began))
			}
		}
		if took := time.Since(began); took != 2*time.Second {
			t.Errorf("29 messages at 10 in a second, 9 at once, took %v", took)
		}
	})
}

// A service without QoS 2 is not asked for it, connected or not.
func TestNoQoS2(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPeer(t)
		c, _ := connect(t, p, func(c *mqtt.Config) { c.Endpoint.Limits.NoQoS2 = true })
		_, err := c.Publish(t.Context(), mqtt.Publish{Topic: "t", QoS: 2})
		if e, ok := errors.AsType[*mqtt.LimitError](err); !ok || e.Code != packet.QoSNotSupported || !mqtt.NotSent(err) {
			t.Errorf("publish: %v", err)
		}
		s, err := c.Subscribe(t.Context(), mqtt.Filter{Filter: "t", QoS: 2})
		if e, ok := errors.AsType[*mqtt.LimitError](err); !ok || e.Code != packet.QoSNotSupported || s != nil {
			t.Errorf("subscribe: %v", err)
		}
	})
}
