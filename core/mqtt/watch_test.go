package mqtt_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/mqtttest"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// watch returns what a watcher is told, as text.
func watch(c *mqtt.Client) (told chan string, stop func()) {
	told = make(chan string, 100)
	stop = c.Watch(&mqtt.Trace{
		Connected:            func(s mqtt.Session) { told <- fmt.Sprint("session ", s.Number, " ", s.Restoring) },
		Disconnected:         func(error) { told <- "disconnected" },
		SubscriptionRestored: func(filter string) { told <- "restored " + filter },
		SubscriptionLost:     func(filter string, _ error) { told <- "lost " + filter },
		Closed:               func(error) { told <- "closed" },
	})
	return told, stop
}

func wantTold(t *testing.T, told chan string, want ...string) {
	t.Helper()
	var got []string
	for range want {
		got = append(got, recv(t, told))
	}
	if !slices.Equal(got, want) {
		t.Errorf("told %q, want %q", got, want)
	}
}

func TestWatch(t *testing.T) {
	both(t, func(t *testing.T, version packet.Version) {
		p := newPeer(t)
		block := make(chan struct{})
		defer close(block)
		c, conn := connect(t, p, v(version), func(c *mqtt.Config) {
			c.Trace = &mqtt.Trace{Connected: func(mqtt.Session) { <-block }} // delays no watcher
		})
		told, stop := watch(c)
		wantTold(t, told, "session 1 []")
		subscribe(t, c, conn, mqtt.SubscribeOptions{}, mqtt.Filter{Filter: "a"})
		subscribe(t, c, conn, mqtt.SubscribeOptions{}, mqtt.Filter{Filter: "b"})

		conn.Cut()
		conn, _ = p.Connect(&packet.Connack{SessionPresent: true})
		wantTold(t, told, "disconnected", "session 1 []")

		// A lost session is a new one, and a connection that ends before the filters are granted changes nothing about
		// what is restored.
		conn.Cut()
		conn, _ = p.Connect(&packet.Connack{})
		mqtttest.Expect[packet.Subscribe](conn)
		wantTold(t, told, "disconnected", "session 2 [a b]")
		conn.Cut()
		conn, _ = p.Connect(&packet.Connack{SessionPresent: true})
		wantTold(t, told, "disconnected", "session 2 [a b]")
		for done := 0; done < 2; {
			in := mqtttest.Expect[packet.Subscribe](conn)
			ack := &packet.Suback{ID: in.ID}
			for _, f := range in.Filters {
				code := packet.Success
				if f.Filter == "b" {
					code = packet.UnspecifiedError
				}
				ack.Codes = append(ack.Codes, code)
				done++
			}
			conn.Send(ack)
		}
		wantTold(t, told, "restored a", "lost b")

		late, _ := watch(c)
		stop()
		c.Close()
		wantTold(t, late, "session 2 [a b]", "closed", "disconnected")
		after, _ := watch(c)
		wantTold(t, after, "closed")
		if len(told) > 0 {
			t.Errorf("told %q after stop", <-told)
		}
	})
}

// The result of a publish names the session in which it was acknowledged, also where it was sent in an earlier one.
func TestPublishTellsItsSession(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPeer(t)
		c, conn := connect(t, p)
		over := publish(t.Context(), c, mqtt.Publish{Topic: "a", QoS: 1})
		conn.Send(mqtttest.Answer(conn, mqtttest.Expect[packet.Publish](conn))...)
		if r := recv(t, over); r.err != nil || r.Session != 1 {
			t.Errorf("%+v", r)
		}
		over = publish(t.Context(), c, mqtt.Publish{Topic: "a", QoS: 1})
		mqtttest.Expect[packet.Publish](conn)
		conn.Cut()
		conn, _ = p.Connect(&packet.Connack{})
		conn.Send(mqtttest.Answer(conn, mqtttest.Expect[packet.Publish](conn))...)
		if r := recv(t, over); r.err != nil || r.Session != 2 {
			t.Errorf("%+v", r)
		}
		conn.ExpectSilence(time.Second)
	})
}
