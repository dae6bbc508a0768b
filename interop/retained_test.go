package interop

import (
	"testing"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// The broker keeps the last retained message of a topic for those who subscribe later, and forgets it on request.
func testRetained(t *testing.T, w *world) {
	from := w.start(t, "from")
	for _, qos := range allQoS {
		topic := w.topic("retained", itoa(int(qos)))
		early := w.start(t, "before"+itoa(int(qos)))
		before := early.subscribe(t, qos, topic)
		early.roundTrip(t) // mochi-mqtt looks for retained messages after it has granted the subscription
		for _, payload := range []string{"old", "new"} {
			from.send(t, mqtt.Publish{Topic: topic, QoS: qos, Retain: true, Payload: []byte(payload)})
			if m := before.next(t); string(m.Payload) != payload || m.Retain {
				t.Errorf("QoS %d: an earlier subscriber got %q, retain %t; want %q as a message like any other", qos, m.Payload, m.Retain, payload)
			}
		}
		later := w.start(t, "later"+itoa(int(qos))).subscribe(t, qos, topic)
		if m := later.next(t); string(m.Payload) != "new" || !m.Retain || m.QoS != qos {
			t.Errorf("QoS %d: a later subscriber got %q at QoS %d, retain %t; want the retained \"new\"", qos, m.Payload, m.QoS, m.Retain)
		}
		from.send(t, mqtt.Publish{Topic: topic, QoS: qos, Retain: true}) // forget it
		if m := later.next(t); len(m.Payload) != 0 {
			t.Errorf("QoS %d: got %q, want an empty payload", qos, m.Payload)
		}
		last := w.start(t, "last"+itoa(int(qos))).subscribe(t, qos, topic)
		last.end(t, from, qos, topic)
	}
}

// A subscription may ask to see whether a message was published as a retained one.
func testRetainAsPublished(t *testing.T, w *world) {
	from, to := w.start(t, "from"), w.start(t, "to")
	topic := w.topic("as", "published")
	inbox := to.subscribeWith(t, mqtt.Filter{Filter: topic, QoS: packet.QoS1, RetainAsPublished: true})
	for _, retain := range []bool{true, false} {
		from.send(t, mqtt.Publish{Topic: topic, QoS: packet.QoS1, Retain: retain, Payload: []byte("x")})
		if m := inbox.next(t); m.Retain != retain {
			t.Errorf("published with retain %t, got %t", retain, m.Retain)
		}
	}
	from.send(t, mqtt.Publish{Topic: topic, QoS: packet.QoS1, Retain: true})
}

// A subscription may ask for retained messages always, when it is new, or never.
func testRetainHandling(t *testing.T, w *world) {
	from, to := w.start(t, "from"), w.start(t, "to", watch)
	topic := w.topic("handling")
	keep := func(retain bool, payload string) {
		from.send(t, mqtt.Publish{Topic: topic, QoS: packet.QoS1, Retain: retain, Payload: []byte(payload)})
	}
	keep(true, "kept")
	from.roundTrip(t) // mochi-mqtt acknowledges before it looks for subscribers
	for _, step := range []struct {
		handling packet.RetainHandling
		retained bool
	}{
		{packet.RetainDoNotSend, false}, // the subscription is new
		{packet.RetainSendIfNew, false}, // it exists
		{packet.RetainSend, true},
		{packet.RetainSendIfNew, false},
	} {
		inbox := to.subscribeWith(t, mqtt.Filter{Filter: topic, QoS: packet.QoS1, RetainHandling: step.handling})
		if step.retained {
			inbox.want(t, "kept")
		}
		keep(false, "live")
		inbox.want(t, "live")
		to.settle(t)
	}
	must(t, to.Unsubscribe(within(t), topic))
	inbox := to.subscribeWith(t, mqtt.Filter{Filter: topic, QoS: packet.QoS1, RetainHandling: packet.RetainSendIfNew})
	inbox.want(t, "kept") // it is new again
	keep(true, "")
	inbox.want(t, "")
}
