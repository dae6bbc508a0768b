package mqtt_test

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// What can never be sent is refused at once, connected or not, and names the rule.
//
// Conformance: MQTT-3.3.2-2, MQTT-3.8.3-1, MQTT-3.8.3-2, MQTT-3.8.3-4, MQTT-3.10.3-1, MQTT-3.10.3-2
func TestInvalidRequests(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPeer(t)
		c := start(t, p)
		check := func(clause string, err error) {
			t.Helper()
			codec, ok := errors.AsType[*packet.Error](err)
			limit, ok2 := errors.AsType[*mqtt.LimitError](err)
			if !mqtt.NotSent(err) || !(ok && codec.Clause == clause || ok2 && limit.Clause == clause) {
				t.Errorf("%v, want %s", err, clause)
			}
		}
		try := func(p mqtt.Publish) error { _, err := c.Publish(t.Context(), p); return err }
		sub := func(f ...mqtt.Filter) error { _, err := c.Subscribe(t.Context(), f...); return err }
		check("MQTT-4.7.3-1", try(mqtt.Publish{}))
		check("MQTT-3.3.2-2", try(mqtt.Publish{Topic: "a/+"}))
		check("MQTT-1.5.4-2", try(mqtt.Publish{Topic: "a\x00b"}))
		check("MQTT-3.3.1-4", try(mqtt.Publish{Topic: "a", QoS: 3}))
		check("MQTT-3.3.2-14", try(mqtt.Publish{Topic: "a", ResponseTopic: "b/#"}))
		check("MQTT-1.5.4-1", try(mqtt.Publish{Topic: "\xff"}))
		check("3.3.2.3.4", try(mqtt.Publish{Topic: "a", TopicAlias: 1}))
		check("MQTT-4.7.1-1", sub(mqtt.Filter{Filter: "a/#/b"}))
		check("MQTT-4.7.1-2", sub(mqtt.Filter{Filter: "a/b+"}))
		check("MQTT-3.8.3-2", sub())
		check("MQTT-3.8.3-4", sub(mqtt.Filter{Filter: "$share/g/a", NoLocal: true}))
		check("MQTT-3.10.3-2", c.Unsubscribe(t.Context()))
		check("MQTT-4.7.1-1", c.Unsubscribe(t.Context(), "#/"))
		if err := c.PublishAsync(mqtt.Publish{Topic: "#"}, nil); !mqtt.NotSent(err) {
			t.Error(err)
		}
		conn, _ := p.Connect(&packet.Connack{})
		conn.ExpectSilence(time.Second)
	})
}

// What the broker's limits forbid costs the operation, not the connection.
//
// Conformance: MQTT-3.2.2-11, MQTT-3.2.2-14, MQTT-3.2.2-15
func TestBrokerLimits(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPeer(t)
		c := start(t, p)
		queued := publish(t.Context(), c, mqtt.Publish{Topic: "t", QoS: 2}) // before the limit is known
		synctest.Wait()
		conn, _ := p.Connect(&packet.Connack{MaximumQoS: packet.Some(packet.QoS1), RetainAvailable: packet.Some(false),
			MaximumPacketSize: 100, SharedAvailable: packet.Some(false), WildcardAvailable: packet.Some(false),
			SubscriptionIDAvailable: packet.Some(false)})
		connected(t, c)
		check := func(clause string, err error) {
			t.Helper()
			limit, ok := errors.AsType[*mqtt.LimitError](err)
			if !ok || limit.Clause != clause || !mqtt.NotSent(err) {
				t.Errorf("%v, want %s", err, clause)
			}
		}
		try := func(p mqtt.Publish) error { _, err := c.Publish(t.Context(), p); return err }
		sub := func(f string) error { _, err := c.Subscribe(t.Context(), mqtt.Filter{Filter: f}); return err }
		check("MQTT-3.2.2-11", (<-queued).err)
		check("MQTT-3.2.2-11", try(mqtt.Publish{Topic: "t", QoS: 2}))
		check("MQTT-3.2.2-14", try(mqtt.Publish{Topic: "t", Retain: true}))
		check("MQTT-3.2.2-15", try(mqtt.Publish{Topic: "t", Payload: make([]byte, 100)}))
		check("3.2.2.3.13", sub("$share/g/a"))
		check("3.2.2.3.11", sub("a/+"))
		check("MQTT-3.2.2-15", sub(strings.Repeat("x", 100)))
		s := subscribe(t, c, conn, mqtt.SubscribeOptions{}, mqtt.Filter{Filter: "plain"}) // without an identifier
		conn.Send(message("plain", "", 0, 0))
		for range s.Messages(t.Context()) {
			break
		}
	})
}

// Messages at QoS 0 are not kept while there is no connection, unless the policy says so.
func TestOffline(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		policy        mqtt.OfflinePolicy
		qos0, qos1, s bool
	}{
		"acknowledged": {mqtt.KeepAcknowledged, false, true, true},
		"all":          {mqtt.KeepAll, true, true, true},
		"publishes":    {mqtt.KeepPublishes, false, true, false},
		"none":         {mqtt.KeepNone, false, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				p := newPeer(t)
				c := start(t, p, func(c *mqtt.Config) { c.Offline = test.policy })
				run := func(kept bool, f func() error) {
					t.Helper()
					over := async(f)
					synctest.Wait()
					select {
					case err := <-over:
						if kept || !errors.Is(err, mqtt.ErrOffline) || !mqtt.NotSent(err) {
							t.Errorf("ended with %v", err)
						}
					default:
						if !kept {
							t.Error("kept")
						}
						t.Cleanup(func() { wantErr(t, <-over, mqtt.ErrClosed) })
					}
				}
				run(test.qos0, func() error { _, err := c.Publish(t.Context(), mqtt.Publish{Topic: "t"}); return err })
				run(test.qos1, func() error { _, err := c.Publish(t.Context(), mqtt.Publish{Topic: "t", QoS: 1}); return err })
				run(test.s, func() error { return c.Unsubscribe(t.Context(), "t") })
				c.Close()
			})
		})
	}
}
