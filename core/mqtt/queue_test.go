package mqtt_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/mqtttest"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// F09: a full queue makes a call wait, for as long as its context allows.
func TestFullQueueWaits(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPeer(t)
		c := start(t, p, func(c *mqtt.Config) { c.Queue.Count = 2 })
		first := publish(t.Context(), c, mqtt.Publish{Topic: "1", QoS: 1})
		synctest.Wait()
		second := publish(t.Context(), c, mqtt.Publish{Topic: "2", QoS: 1})
		synctest.Wait()

		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := c.Publish(ctx, mqtt.Publish{Topic: "3", QoS: 1})
		wantErr(t, err, context.DeadlineExceeded)
		if !mqtt.NotSent(err) {
			t.Errorf("%v: may have been sent", err)
		}
		err = c.PublishAsync(mqtt.Publish{Topic: "4", QoS: 1}, func(mqtt.PublishResult, error) { t.Error("called") })
		wantErr(t, err, mqtt.ErrQueueFull) // it has no context to wait with

		third := publish(t.Context(), c, mqtt.Publish{Topic: "5", QoS: 1})
		synctest.Wait()
		conn, _ := p.Connect(&packet.Connack{})
		for _, want := range []string{"1", "2", "5"} {
			m := mqtttest.Expect[packet.Publish](conn)
			if m.Topic != want {
				t.Errorf("%q, want %q", m.Topic, want)
			}
			conn.Send(mqtttest.Answer(conn, m)...)
		}
		for _, over := range []<-chan result{first, second, third} {
			if r := <-over; r.err != nil {
				t.Error(r.err)
			}
		}
	})
}

func TestFullQueueFails(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := start(t, newPeer(t), func(c *mqtt.Config) { c.Queue = mqtt.QueueLimit{Bytes: 2000, Fail: true} })
		if err := c.PublishAsync(mqtt.Publish{Topic: "1", QoS: 1, Payload: make([]byte, 1000)}, nil); err != nil {
			t.Fatal(err)
		}
		_, err := c.Publish(t.Context(), mqtt.Publish{Topic: "2", QoS: 1, Payload: make([]byte, 1000)})
		wantErr(t, err, mqtt.ErrQueueFull)
		if !mqtt.NotSent(err) {
			t.Errorf("%v: may have been sent", err)
		}
	})
}

// Who waits for room is told at once when there will be none.
func TestShutdownEndsWaitingForRoom(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPeer(t)
		c, conn := connect(t, p, func(c *mqtt.Config) { c.Queue.Count = 1 })
		first := publish(t.Context(), c, mqtt.Publish{Topic: "1", QoS: 1})
		m := mqtttest.Expect[packet.Publish](conn)
		second := publish(t.Context(), c, mqtt.Publish{Topic: "2", QoS: 1})
		synctest.Wait()
		down := async(func() error { return c.Shutdown(t.Context()) })
		wantErr(t, (<-second).err, mqtt.ErrClosed)
		conn.Send(mqtttest.Answer(conn, m)...)
		if err := errors.Join((<-first).err, <-down); err != nil {
			t.Error(err)
		}
	})
}
