package interop

import (
	"strings"
	"testing"

	"github.com/gneiss-mqtt/gneiss-go/builders/direct"
	mqttws "github.com/gneiss-mqtt/gneiss-go/builders/websocket"
	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
	"github.com/gneiss-mqtt/gneiss-go/interop/internal/broker"
)

// socketEndpoint reaches the emulator over ws or wss.
func (w *world) socketEndpoint(t testing.TB) mqtt.Endpoint {
	t.Helper()
	if !w.tls {
		endpoint, err := mqttws.URL("ws://" + w.broker.WS)
		must(t, err)
		return endpoint
	}
	endpoint, err := mqttws.URL("wss://"+w.broker.WSS+"/mqtt", func(o *mqttws.Options) {
		o.Direct = func(d *direct.Options) {
			d.RootCAs, d.OnlyRootCAs = []direct.PEM{direct.File(w.broker.CA)}, true
		}
	})
	must(t, err)
	return endpoint
}

// TestWebSockets: what is true over TCP and TLS is true over ws and wss, while the broker lives and when it is killed.
func TestWebSockets(t *testing.T) {
	t.Parallel()
	for _, v := range []packet.Version{packet.V5, packet.V311} {
		for name, tls := range map[string]bool{"ws": false, "wss": true} {
			t.Run(name+"-"+strings.TrimPrefix(v.String(), "MQTT "), func(t *testing.T) {
				t.Parallel()
				for _, c := range []struct {
					name string
					run  func(t *testing.T, w *world)
					lost bool // with the broker goes all that it knew
				}{
					{"QoS", testQoS, false},
					{"Order", testOrder, false},
					{"LargePayload", testLargePayload, false},
					{"Will", testWill, false},
					{"KeepAlive", testKeepAlive, false},
					{"Kills", testKills, false},
					{"Backlog", testBacklog, false},
					{"UnreadPublish", testUnreadPublish, false},
					{"UnreadPubrel", testUnreadPubrel, false},
					{"UnreadPubrec", testUnreadPubrec, false},
					{"Stops", testStops, false},
					{"SessionLost", testSessionLost, true},
				} {
					t.Run(c.name, func(t *testing.T) {
						t.Parallel()
						w := newWorld(t, broker.Start(t, broker.Emulator, broker.Options{Durable: !c.lost}), tls, v)
						w.socket = true
						c.run(t, w)
					})
				}
			})
		}
	}
}

// Messages at QoS 1 and 2 are published through every kill, at QoS 0 after it: each arrives, at QoS 2 once. Every life has
// topics of its own: at QoS 1 the last messages may come again in the next.
func testKills(t *testing.T, w *world) {
	const kills, each = 3, 40
	from, to := w.start(t, "from", keepSession), w.start(t, "to", keepSession)
	for life := range kills {
		topics, inboxes := make(map[packet.QoS]string), make(map[packet.QoS]*inbox)
		for _, qos := range allQoS {
			topics[qos] = w.topic("life", itoa(life), itoa(int(qos)))
			inboxes[qos] = to.subscribe(t, qos, topics[qos])
		}
		payloads, done := numbered("n", 0, each), make(chan error, 2*each)
		for i, payload := range payloads {
			for _, qos := range []packet.QoS{packet.QoS1, packet.QoS2} {
				must(t, from.PublishAsync(mqtt.Publish{Topic: topics[qos], QoS: qos, Payload: []byte(payload)},
					func(_ mqtt.PublishResult, err error) { done <- err }))
			}
			if i == each/2 { // while half of them are under way
				w.broker.Kill(t)
			}
		}
		w.broker.Restart(t)
		for _, d := range []*device{from, to} {
			_ = d.down(t)
			if s := d.up(t); !s.SessionPresent {
				t.Fatal("the session is lost")
			}
		}
		awaitAll(t, done, 2*each)
		w.stream(t, inboxes[packet.QoS1], packet.QoS1, payloads)
		w.stream(t, inboxes[packet.QoS2], packet.QoS2, payloads)
		inboxes[packet.QoS2].end(t, from, packet.QoS2, topics[packet.QoS2])
		inboxes[packet.QoS0].end(t, from, packet.QoS0, topics[packet.QoS0])
	}
	if s := from.Stats(); s.Connects != kills+1 {
		t.Errorf("%d connections for %d kills", s.Connects, kills)
	}
}
