package interop

import (
	"errors"
	"testing"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

func withWill(will mqtt.Will) func(*setup) {
	return func(s *setup) { s.Will = &will }
}

// The will of a client whose connection breaks is published, at its QoS, and kept where it asks for that.
func testWill(t *testing.T, w *world) {
	watcher := w.start(t, "watcher")
	for _, qos := range allQoS {
		topic := w.topic("will", itoa(int(qos)))
		inbox := watcher.subscribe(t, qos, topic)
		watcher.roundTrip(t) // mochi-mqtt looks for retained messages after it has granted the subscription
		mortal := w.start(t, "mortal"+itoa(int(qos)), withWill(mqtt.Will{Topic: topic, Payload: []byte("gone"), QoS: qos, Retain: true}))
		must(t, mortal.Close()) // no DISCONNECT
		if m := inbox.next(t); string(m.Payload) != "gone" || m.QoS != qos || m.Retain {
			t.Errorf("got %q at QoS %d, retain %t", m.Payload, m.QoS, m.Retain)
		}
		later := w.start(t, "later"+itoa(int(qos))).subscribe(t, qos, topic)
		if m := later.next(t); string(m.Payload) != "gone" || !m.Retain {
			t.Errorf("a later subscriber got %q, retain %t; want the retained will", m.Payload, m.Retain)
		}
		watcher.send(t, mqtt.Publish{Topic: topic, QoS: qos, Retain: true})
	}
}

// A client that says goodbye has no will.
func testWillNotSent(t *testing.T, w *world) {
	watcher := w.start(t, "watcher")
	topic := w.topic("will")
	inbox := watcher.subscribe(t, packet.QoS1, topic)
	mortal := w.start(t, "mortal", watch, withWill(mqtt.Will{Topic: topic, Payload: []byte("gone")}))
	mortal.wire.wait()
	must(t, mortal.Shutdown(within(t)))
	inbox.end(t, watcher, packet.QoS1, topic)
}

// In MQTT 5 a client may say goodbye and ask for its will.
func testWillOnRequest(t *testing.T, w *world) {
	watcher := w.start(t, "watcher")
	topic := w.topic("will")
	inbox := watcher.subscribe(t, packet.QoS1, topic)
	mortal := w.start(t, "mortal", withWill(mqtt.Will{Topic: topic, Payload: []byte("gone"), QoS: packet.QoS1}))
	goodbye := mqtt.ShutdownOptions{PublishWill: true}
	if w.has(willNeedsProperties) {
		goodbye.Reason = "for some reason"
	}
	must(t, mortal.ShutdownWith(within(t), goodbye))
	inbox.want(t, "gone")
}

// The properties of a will arrive with it.
func testWillProperties(t *testing.T, w *world) {
	watcher := w.start(t, "watcher")
	topic := w.topic("will")
	inbox := watcher.subscribe(t, packet.QoS1, topic)
	mortal := w.start(t, "mortal", withWill(mqtt.Will{
		Topic: topic, Payload: []byte("gone"), QoS: packet.QoS1, Expiry: time.Hour,
		PayloadFormat: packet.FormatUTF8, ContentType: "text/plain", ResponseTopic: w.topic("condolences"), Correlation: []byte{0, 1},
		User: []packet.UserProperty{{Key: "cause", Value: "unknown"}, {Key: "cause", Value: "natural"}},
	}))
	must(t, mortal.Close())
	m := inbox.next(t)
	if len(m.User) != 2 || m.User[0].Value != "unknown" || m.User[1].Value != "natural" {
		t.Errorf("user properties are %v", m.User)
	}
	if w.has(willPropertiesLost) {
		return
	}
	if m.PayloadFormat != packet.FormatUTF8 || m.ContentType != "text/plain" || m.ResponseTopic != w.topic("condolences") ||
		string(m.Correlation) != "\x00\x01" || m.Expiry <= 59*time.Minute || m.Expiry > time.Hour {
		t.Errorf("got %+v", m)
	}
}

// A will may be delayed. A client that comes back in time takes it back.
func testWillDelay(t *testing.T, w *world) {
	watcher := w.start(t, "watcher")
	topic := w.topic("will")
	inbox := watcher.subscribe(t, packet.QoS1, topic)

	delayed := func(payload string, delay time.Duration) func(*setup) {
		return withWill(mqtt.Will{Topic: topic, Payload: []byte(payload), QoS: packet.QoS1, Delay: delay})
	}
	returns := w.start(t, "returns", keepSession, delayed("taken back", 2*time.Second))
	must(t, returns.Close())
	back := w.start(t, "returns", keepSession, func(s *setup) { s.ResumeUnknown = true })

	began := time.Now()
	leaves := w.start(t, "leaves", keepSession, delayed("late", time.Second))
	must(t, leaves.Close())
	inbox.want(t, "late")
	if took := time.Since(began); took < 900*time.Millisecond {
		t.Errorf("the will came after %v, want at least a second", took)
	}
	elapse(t, time.Second+time.Second/2) // when the first will was due
	inbox.end(t, watcher, packet.QoS1, topic)
	if err := back.ShutdownWith(within(t), mqtt.ShutdownOptions{EndSession: true}); err != nil && !errors.Is(err, mqtt.ErrClosed) {
		t.Error(err)
	}
}
