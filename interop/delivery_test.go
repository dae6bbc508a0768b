package interop

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

var allQoS = []packet.QoS{packet.QoS0, packet.QoS1, packet.QoS2}

// A message arrives once, at the lower QoS of the publish and the subscription.
func testQoS(t *testing.T, w *world) {
	from, to := w.start(t, "from"), w.start(t, "to")
	for _, granted := range allQoS {
		topic := w.topic("granted", itoa(int(granted)))
		inbox := to.subscribe(t, granted, topic)
		for _, sent := range allQoS {
			payload := fmt.Sprintf("from %d to %d", sent, granted)
			from.publish(t, sent, topic, payload)
			m := inbox.next(t)
			if string(m.Payload) != payload || m.Topic != topic || m.QoS != min(sent, granted) || m.Retain || m.Duplicate {
				t.Errorf("sent at QoS %d, granted %d: got %q on %s at QoS %d, retain %t, duplicate %t",
					sent, granted, m.Payload, m.Topic, m.QoS, m.Retain, m.Duplicate)
			}
		}
		inbox.end(t, from, granted, topic)
	}
	from.oneConnection(t)
	to.oneConnection(t)
}

// Publishes one after the other arrive in that order, whatever their number.
func testOrder(t *testing.T, w *world) {
	from, to := w.start(t, "from"), w.start(t, "to")
	for _, qos := range allQoS {
		topic := w.topic("order", itoa(int(qos)))
		inbox := to.subscribe(t, qos, topic)
		payloads := numbered("n", 0, 50)
		for _, payload := range payloads {
			from.publish(t, qos, topic, payload)
		}
		inbox.want(t, payloads...)
		inbox.end(t, from, qos, topic)
	}
}

// Hundreds of publishes under way at a time arrive in the order of their submission, through an iterator as well.
func testAsync(t *testing.T, w *world) {
	from, to := w.start(t, "from"), w.start(t, "to")
	for _, qos := range allQoS {
		topic := w.topic("async", itoa(int(qos)))
		sub, err := to.Subscribe(within(t), mqtt.Filter{Filter: topic, QoS: qos})
		must(t, err)
		payloads := numbered("n", 0, 300)
		from.publishAll(t, qos, topic, payloads...)
		for m, err := range sub.Messages(within(t)) {
			must(t, err)
			if string(m.Payload) != payloads[0] || m.QoS != qos {
				t.Fatalf("got %q at QoS %d, want %q at %d", m.Payload, m.QoS, payloads[0], qos)
			}
			if payloads = payloads[1:]; len(payloads) == 0 {
				break
			}
		}
		if len(payloads) > 0 {
			t.Fatalf("QoS %d: %d messages are missing", qos, len(payloads))
		}
	}
}

// A payload of 1 MiB is many segments, many TLS records and a remaining length of three bytes.
func testLargePayload(t *testing.T, w *world) {
	from, to := w.start(t, "from"), w.start(t, "to")
	topic := w.topic("large")
	inbox := to.subscribe(t, packet.QoS2, topic)
	payload := make([]byte, 1<<20)
	for i := range payload {
		payload[i] = byte(i>>16) ^ byte(i>>8) ^ byte(i)
	}
	for _, qos := range allQoS {
		from.send(t, mqtt.Publish{Topic: topic, QoS: qos, Payload: payload})
		if m := inbox.next(t); !bytes.Equal(m.Payload, payload) || m.QoS != qos {
			t.Errorf("got %d bytes at QoS %d, want %d at %d, and the same", len(m.Payload), m.QoS, len(payload), qos)
		}
	}
	from.publish(t, packet.QoS1, topic, "") // and one of nothing
	if m := inbox.next(t); len(m.Payload) != 0 {
		t.Errorf("got %d bytes, want none", len(m.Payload))
	}
}

// Clients of both versions understand each other; what MQTT 3.1.1 cannot carry is left out.
func testMixedVersions(t *testing.T, w *world) {
	other := *w
	if other.version = packet.V311; !w.v5() {
		other.version = packet.V5
	}
	from, to := w.start(t, "from"), other.start(t, "to")
	for _, qos := range allQoS {
		topic := w.topic("mixed", itoa(int(qos)))
		inbox := to.subscribe(t, qos, topic)
		from.send(t, mqtt.Publish{Topic: topic, QoS: qos, Payload: []byte("hello"), ContentType: "text/plain",
			User: []packet.UserProperty{{Key: "a", Value: "b"}}, Correlation: []byte{1}})
		if m := inbox.next(t); string(m.Payload) != "hello" || m.QoS != qos || m.ContentType != "" || m.User != nil || m.Correlation != nil {
			t.Errorf("QoS %d: got %q at QoS %d with %q, %v, %v", qos, m.Payload, m.QoS, m.ContentType, m.User, m.Correlation)
		}
		inbox.end(t, from, qos, topic)
	}
}

// A client gets what it publishes itself, also out of a handler that waits for the acknowledgement.
func testLoop(t *testing.T, w *world) {
	d := w.start(t, "loop")
	answers := d.subscribe(t, packet.QoS2, w.topic("answer"))
	failed := make(chan error, 100)
	_, err := d.SubscribeFunc(within(t), func(m mqtt.Message) {
		_, err := d.Publish(t.Context(), mqtt.Publish{Topic: w.topic("answer"), QoS: packet.QoS2, Payload: m.Payload})
		failed <- err
	}, mqtt.Filter{Filter: w.topic("question"), QoS: packet.QoS1})
	must(t, err)
	questions := numbered("q", 0, 50)
	d.publishAll(t, packet.QoS1, w.topic("question"), questions...)
	awaitAll(t, failed, len(questions))
	answers.want(t, questions...)
	answers.empty(t)
	d.oneConnection(t)
}
