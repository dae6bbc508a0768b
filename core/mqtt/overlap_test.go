package mqtt_test

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/mqtttest"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// inbox collects what handlers get.
type inbox struct {
	mu   sync.Mutex
	list []string
}

// handler returns a handler that notes "name:payload".
func (b *inbox) handler(name string) mqtt.Handler {
	return func(m mqtt.Message) {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.list = append(b.list, name+":"+string(m.Payload))
	}
}

// take returns what came since, sorted, once everything has come to rest.
func (b *inbox) take() string {
	synctest.Wait()
	b.mu.Lock()
	defer b.mu.Unlock()
	slices.Sort(b.list)
	s := strings.Join(b.list, " ")
	b.list = nil
	return s
}

func (b *inbox) want(t *testing.T, want string) {
	t.Helper()
	if got := b.take(); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// Overlapping subscriptions get each message once, whether the broker sends one copy, one for all with all identifiers,
// or one for each.
func TestOverlappingSubscriptions(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var got inbox
		p := newPeer(t)
		c, conn := connect(t, p)
		subscribe(t, c, conn, mqtt.SubscribeOptions{Handler: got.handler("A")}, mqtt.Filter{Filter: "a/#", QoS: 1}, mqtt.Filter{Filter: "a/+", QoS: 1})
		subscribe(t, c, conn, mqtt.SubscribeOptions{Handler: got.handler("B")}, mqtt.Filter{Filter: "+/b", QoS: 1})
		conn.Send(message("a/b", "one", 1, 1, 1, 2))
		got.want(t, "A:one B:one")
		conn.Send(message("a/b", "two", 1, 2, 1), message("a/b", "two", 1, 3, 2))
		got.want(t, "A:two B:two")
		conn.Send(message("a/b", "three", 0, 0))
		got.want(t, "A:three B:three")
		for id := range uint16(3) { // acknowledged once each
			if ack := mqtttest.Expect[packet.Puback](conn); ack.ID != id+1 {
				t.Errorf("%+v", ack)
			}
		}
		conn.ExpectSilence(time.Second)
	})
}

// In MQTT 3.1.1 the topic decides.
func TestOverlappingSubscriptions311(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var got inbox
		p := newPeer(t)
		c, conn := connect(t, p, v(packet.V311))
		subscribe(t, c, conn, mqtt.SubscribeOptions{Handler: got.handler("A")}, mqtt.Filter{Filter: "a/#", QoS: 1}, mqtt.Filter{Filter: "a/+", QoS: 1})
		subscribe(t, c, conn, mqtt.SubscribeOptions{Handler: got.handler("B")}, mqtt.Filter{Filter: "+/b", QoS: 1})
		conn.Send(message("a/b", "one", 1, 1), message("a/c", "two", 1, 2), message("$SYS/b", "three", 1, 3))
		got.want(t, "A:one A:two B:one")
		for id := range uint16(3) {
			if ack := mqtttest.Expect[packet.Puback](conn); ack.ID != id+1 {
				t.Errorf("%+v", ack)
			}
		}
		if n := c.Stats().Unclaimed; n != 1 {
			t.Errorf("%d unclaimed messages", n)
		}
	})
}

// A message that two subscriptions have is acknowledged when both have handled it.
func TestSharedMessageIsAcknowledgedWhenAllHaveIt(t *testing.T) {
	both(t, func(t *testing.T, version packet.Version) {
		p := newPeer(t)
		c, conn := connect(t, p, v(version))
		release := make(chan struct{})
		subscribe(t, c, conn, mqtt.SubscribeOptions{Handler: func(mqtt.Message) {}}, mqtt.Filter{Filter: "a", QoS: 1})
		subscribe(t, c, conn, mqtt.SubscribeOptions{Handler: func(mqtt.Message) { <-release }}, mqtt.Filter{Filter: "+", QoS: 1})
		m := message("a", "", 1, 1)
		if version == packet.V5 {
			m.SubscriptionIDs = []uint32{1, 2}
		}
		conn.Send(m)
		conn.ExpectSilence(time.Second)
		close(release)
		mqtttest.Expect[packet.Puback](conn)
	})
}

// The same filter in two subscriptions: both get everything, and the broker is told only when the last one goes.
//
// Conformance: MQTT-3.10.4-4
func TestSameFilterTwice(t *testing.T) {
	both(t, func(t *testing.T, version packet.Version) {
		var got inbox
		p := newPeer(t)
		c, conn := connect(t, p, v(version))
		ids := func(n uint32) []uint32 {
			if version == packet.V311 {
				return nil
			}
			return []uint32{n}
		}
		first := subscribe(t, c, conn, mqtt.SubscribeOptions{Handler: got.handler("A")}, mqtt.Filter{Filter: "a"})
		second := subscribe(t, c, conn, mqtt.SubscribeOptions{Handler: got.handler("B")}, mqtt.Filter{Filter: "a"}, mqtt.Filter{Filter: "b"})
		conn.Send(message("a", "1", 0, 0, ids(2)...))
		got.want(t, "A:1 B:1")
		if err := first.Close(t.Context()); err != nil { // no packet
			t.Error(err)
		}
		conn.Send(message("a", "2", 0, 0, ids(2)...))
		got.want(t, "B:2")
		over := async(func() error { return second.Close(t.Context()) })
		in := mqtttest.Expect[packet.Unsubscribe](conn)
		if strings.Join(in.Filters, " ") != "a b" {
			t.Errorf("UNSUBSCRIBE %q", in.Filters)
		}
		conn.Send(message("a", "3", 0, 0, ids(2)...)) // under way
		got.want(t, "B:3")
		conn.Send(mqtttest.Answer(conn, in)...)
		if err := <-over; err != nil {
			t.Error(err)
		}
		conn.Send(message("a", "4", 0, 0, ids(2)...))
		got.want(t, "")
		if err := second.Close(t.Context()); err != nil { // again, without a packet
			t.Error(err)
		}
		conn.ExpectSilence(time.Second)
	})
}
