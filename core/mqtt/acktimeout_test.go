package mqtt_test

import (
	"context"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/mqtttest"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// No acknowledgement in time ends the call, not the delivery.
func TestAckTimeout(t *testing.T) {
	both(t, func(t *testing.T, version packet.Version) {
		p := newPeer(t)
		c, conn := connect(t, p, v(version), func(c *mqtt.Config) { c.AckTimeout = 10 * time.Second })
		begun := time.Now()
		over := publish(t.Context(), c, mqtt.Publish{Topic: "t", QoS: 1})
		told := make(chan error, 2)
		err := c.PublishAsync(mqtt.Publish{Topic: "u", QoS: 2}, func(_ mqtt.PublishResult, err error) { told <- err })
		if err != nil {
			t.Fatal(err)
		}
		in := []packet.Packet{conn.Next(), conn.Next()}
		subscribing := async(func() error { _, err := c.Subscribe(t.Context(), mqtt.Filter{Filter: "f"}); return err })
		in = append(in, mqtttest.Expect[packet.Subscribe](conn))
		for _, err := range []error{(<-over).err, <-told, <-subscribing} {
			wantErr(t, err, mqtt.ErrAckTimeout)
			if mqtt.NotSent(err) {
				t.Errorf("%v: it was sent", err)
			}
		}
		if took := time.Since(begun); took != 10*time.Second {
			t.Errorf("after %v", took)
		}
		for _, m := range in { // too late, and harmless
			conn.Send(mqtttest.Answer(conn, m)...)
		}
		conn.Send(mqtttest.Answer(conn, mqtttest.Expect[packet.Pubrel](conn))...)
		conn.Send(mqtttest.Answer(conn, mqtttest.Expect[packet.Unsubscribe](conn))...)
		synctest.Wait()
		if s := c.Stats(); s.Queued != 0 || s.Forgiven != 0 || len(told) != 0 {
			t.Errorf("%+v, %d calls too many", s, len(told))
		}
	})
}

// The time for the acknowledgement starts when the packet is sent, not while it waits for a connection.
func TestAckTimeoutDoesNotRunOffline(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPeer(t)
		begun := time.Now()
		c := start(t, p, func(c *mqtt.Config) {
			c.AckTimeout = time.Second
			c.Endpoint.Dial = func(ctx context.Context) (net.Conn, error) {
				if time.Since(begun) < time.Hour {
					return nil, errDial
				}
				return p.Dial(ctx)
			}
		})
		over := publish(t.Context(), c, mqtt.Publish{Topic: "t", QoS: 1})
		conn, _ := p.Connect(&packet.Connack{})
		conn.Send(mqtttest.Answer(conn, mqtttest.Expect[packet.Publish](conn))...)
		if r := <-over; r.err != nil {
			t.Error(r.err)
		}
	})
}

// Without a limit a call waits as long as its context.
func TestNoAckTimeout(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPeer(t)
		c := start(t, p, func(c *mqtt.Config) { c.AckTimeout = -1 })
		var held *packet.Publish
		p.Serve(func(conn *mqtttest.Conn, in packet.Packet) []packet.Packet {
			if m, ok := in.(*packet.Publish); ok {
				held = m
				return nil
			}
			return mqtttest.Answer(conn, in)
		})
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Hour)
		defer cancel()
		_, err := c.Publish(ctx, mqtt.Publish{Topic: "t", QoS: 1})
		wantErr(t, err, context.DeadlineExceeded)
		if held == nil || c.Stats().Connects != 1 {
			t.Errorf("%+v, %+v", held, c.Stats())
		}
	})
}
