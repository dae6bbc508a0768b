package mqtt_test

import (
	"testing"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/mqtttest"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

func TestSmoke(t *testing.T) {
	both(t, func(t *testing.T, version packet.Version) {
		p := newPeer(t)
		c, conn := connect(t, p, v(version))
		s := subscribe(t, c, conn, mqtt.SubscribeOptions{}, mqtt.Filter{Filter: "a/+", QoS: 1})
		over := publish(t.Context(), c, mqtt.Publish{Topic: "x", QoS: 1, Payload: []byte("p")})
		m := mqtttest.Expect[packet.Publish](conn)
		conn.Send(&packet.Puback{Ack: packet.Ack{ID: m.ID}})
		if r := <-over; r.err != nil {
			t.Fatal(r.err)
		}
		conn.Send(message("a/b", "hello", 1, 7))
		for m, err := range s.Messages(t.Context()) {
			if err != nil || string(m.Payload) != "hello" {
				t.Fatal(m, err)
			}
			break
		}
		if a := mqtttest.Expect[packet.Puback](conn); a.ID != 7 {
			t.Fatal(a)
		}
		sh := async(func() error { return c.Shutdown(t.Context()) })
		mqtttest.Expect[packet.Disconnect](conn)
		conn.ExpectEnd()
		if err := <-sh; err != nil {
			t.Fatal(err)
		}
	})
}
