package mqtt_test

import (
	"errors"
	"testing"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/mqtttest"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// F66: a broker accepts and drops the connection at once, again and again. Whoever publishes on hearing of the connection
// gets an error that tells whether to try again at QoS 0, and is served at QoS 1 as soon as the broker can, once.
func TestPublishOnAConnectionThatIsDropped(t *testing.T) {
	both(t, func(t *testing.T, version packet.Version) {
		const drops = 10
		p := newPeer(t)
		up := make(chan struct{}, drops+1)
		c := start(t, p, v(version), func(c *mqtt.Config) {
			c.MaxInterrupted = -1
			c.Trace = &mqtt.Trace{Connected: func(mqtt.Session) { up <- struct{}{} }}
		})
		var kept <-chan result
		for i := range drops {
			conn := p.Accept()
			mqtttest.Expect[packet.Connect](conn)
			conn.Send(&packet.Connack{SessionPresent: i > 0})
			conn.Close()
			recv(t, up)
			if i == 0 {
				kept = publish(t.Context(), c, mqtt.Publish{Topic: "kept", QoS: 1})
			}
			_, err := c.Publish(t.Context(), mqtt.Publish{Topic: "tried", QoS: 0})
			if err != nil && !errors.Is(err, mqtt.ErrOffline) && !errors.Is(err, mqtt.ErrConnectionLost) {
				t.Errorf("%v", err)
			}
			if errors.Is(err, mqtt.ErrOffline) && !mqtt.NotSent(err) {
				t.Errorf("%v: may be tried again", err)
			}
		}
		conn, _ := p.Connect(&packet.Connack{SessionPresent: true})
		m := mqtttest.Expect[packet.Publish](conn)
		conn.Send(mqtttest.Answer(conn, m)...)
		if r := recv(t, kept); r.err != nil || m.Topic != "kept" {
			t.Errorf("%v, %+v", r.err, m)
		}
		conn.ExpectSilence(10 * time.Second)
	})
}
