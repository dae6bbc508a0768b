package interop

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// Properties of a message reach the receiver unaltered, user properties in order and with their repetitions.
func testProperties(t *testing.T, w *world) {
	from, to := w.start(t, "from"), w.start(t, "to")
	user := []packet.UserProperty{{Key: "b", Value: "1"}, {Key: "a", Value: ""}, {Key: "b", Value: "1"}, {Key: "", Value: "ü€😀"}}
	for _, qos := range allQoS {
		topic := w.topic("properties", itoa(int(qos)))
		inbox := to.subscribe(t, qos, topic)
		from.send(t, mqtt.Publish{
			Topic: topic, QoS: qos, Payload: []byte("21.5 °C"), Expiry: time.Hour, PayloadFormat: packet.FormatUTF8,
			ContentType: "text/plain; charset=utf-8", ResponseTopic: w.topic("answer"), Correlation: []byte{0, 0xFF, 1}, User: user,
		})
		m := inbox.next(t)
		if m.PayloadFormat != packet.FormatUTF8 || m.ContentType != "text/plain; charset=utf-8" || m.ResponseTopic != w.topic("answer") ||
			string(m.Correlation) != "\x00\xFF\x01" || !reflect.DeepEqual(m.User, user) {
			t.Errorf("QoS %d: got %+v", qos, m)
		}
		if m.Expiry < 59*time.Minute || m.Expiry > time.Hour {
			t.Errorf("QoS %d: %v are left of an hour", qos, m.Expiry)
		}
	}
}

// A message that expires while nobody is there is not delivered; another tells what is left of its time.
func testExpiry(t *testing.T, w *world) {
	from := w.start(t, "from")
	topic := w.topic("expiry")
	absent := w.startMortal(t, "absent", from, keepSession, w.withoutAliases)
	inbox := absent.subscribe(t, packet.QoS1, topic)
	absent.offline(t)

	from.send(t, mqtt.Publish{Topic: topic, QoS: packet.QoS1, Payload: []byte("short"), Expiry: time.Second})
	from.send(t, mqtt.Publish{Topic: topic, QoS: packet.QoS1, Payload: []byte("long"), Expiry: time.Minute})
	from.send(t, mqtt.Publish{Topic: topic, QoS: packet.QoS1, Payload: []byte("forever")})
	elapse(t, w.expiryTakes())

	absent.online()
	if s := absent.up(t); !s.SessionPresent {
		t.Fatal("the session is lost")
	}
	long, forever := inbox.next(t), inbox.next(t)
	if w.has(breaksOrder) && string(long.Payload) == "forever" {
		long, forever = forever, long
	}
	if string(long.Payload) != "long" || string(forever.Payload) != "forever" {
		t.Fatalf("got %q and %q, want only what has not expired", long.Payload, forever.Payload)
	}
	if long.Expiry > time.Minute-time.Second || long.Expiry < time.Minute/2 {
		t.Errorf("%v are left of a minute after %v", long.Expiry, w.expiryTakes())
	}
	if forever.Expiry != 0 && !w.has(expiryAdded) {
		t.Errorf("%v are left of no limit", forever.Expiry)
	}
	inbox.end(t, from, packet.QoS1, topic)
}

// The broker does not send what is above the client's maximum packet size, and goes on with the rest.
func testMaximumPacketSize(t *testing.T, w *world) {
	from := w.start(t, "from")
	to := w.start(t, "to", func(s *setup) { s.MaximumPacketSize = 1000 })
	topic := w.topic("size")
	inbox := to.subscribe(t, packet.QoS1, topic)
	from.publish(t, packet.QoS1, topic, "small")
	inbox.want(t, "small")
	from.publish(t, packet.QoS1, topic, strings.Repeat("x", 2000))
	inbox.end(t, from, packet.QoS1, topic)
	to.oneConnection(t)
}
