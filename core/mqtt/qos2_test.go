package mqtt_test

import (
	"testing"
	"testing/synctest"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/mqtttest"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// QoS 2 is handed over once, however often the broker repeats it, across connections too.
//
// Conformance: MQTT-4.3.3-10, MQTT-4.3.3-11, MQTT-4.3.3-12
func TestQoS2Once(t *testing.T) {
	both(t, func(t *testing.T, version packet.Version) {
		p := newPeer(t)
		c, conn := connect(t, p, v(version))
		got := collect(t, c, conn, mqtt.Filter{Filter: "t", QoS: 2})
		m := message("t", "once", 2, 7)
		for i := range 3 {
			m.Dup = i > 0
			conn.Send(m)
			mqtttest.Expect[packet.Pubrec](conn)
		}
		for range 3 {
			conn.Cut()
			conn, _ = p.Connect(&packet.Connack{SessionPresent: true})
			conn.Send(m)
			mqtttest.Expect[packet.Pubrec](conn)
		}
		conn.Send(&packet.Pubrel{Ack: packet.Ack{ID: 7}})
		mqtttest.Expect[packet.Pubcomp](conn)
		conn.Send(&packet.Pubrel{Ack: packet.Ack{ID: 7}}) // the PUBCOMP was lost
		mqtttest.Expect[packet.Pubcomp](conn)
		synctest.Wait()
		if len(got) != 1 {
			t.Errorf("delivered %d times", len(got))
		}
		conn.Send(message("t", "a new one", 2, 7))
		synctest.Wait()
		if len(got) != 2 {
			t.Errorf("delivered %d messages", len(got))
		}
	})
}
