package interop

import (
	"errors"
	"testing"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// What is published while a client is away waits in its session.
func testResume(t *testing.T, w *world) {
	from := w.start(t, "from")
	away := w.startMortal(t, "away", from, keepSession, w.withoutAliases)
	topics := map[packet.QoS]string{}
	inboxes := map[packet.QoS]*inbox{}
	for _, qos := range []packet.QoS{packet.QoS1, packet.QoS2} {
		topics[qos] = w.topic("resume", itoa(int(qos)))
		inboxes[qos] = away.subscribe(t, qos, topics[qos])
	}
	for round := range 3 {
		away.offline(t)
		away.wire.forget()
		payloads := numbered("round"+itoa(round), 0, 40)
		for qos, topic := range topics {
			from.publishAll(t, qos, topic, payloads...)
		}
		from.roundTrip(t) // mochi-mqtt acknowledges before it looks for subscribers
		away.online()
		if s := away.up(t); !s.SessionPresent {
			t.Fatalf("round %d: the session is lost", round)
		}
		for qos, topic := range topics {
			inboxes[qos].wantIn(t, !w.has(breaksOrder), payloads...)
			inboxes[qos].end(t, from, qos, topic)
		}
		if asked, _ := seen[*packet.Subscribe](away.wire); len(asked) != 0 {
			t.Errorf("round %d: subscribed again although the session was there", round)
		}
	}
}

// withoutAliases is for the brokers that resend with an alias of an earlier connection.
func (w *world) withoutAliases(s *setup) {
	if w.has(resendsAliases) {
		s.TopicAliasMaximum = -1
	}
}

// What a client has not acknowledged when its connection ends comes again, and its acknowledgement of the first time
// is void.
func testRedelivery(t *testing.T, w *world) {
	from := w.start(t, "from")
	to := w.start(t, "to", keepSession, watch, w.withoutAliases, func(s *setup) { s.ManualAcks = true })
	topic := w.topic("again")
	inbox := to.subscribe(t, packet.QoS1, topic)
	from.publish(t, packet.QoS1, topic, "first", "second")
	first, second := inbox.next(t), inbox.next(t)
	must(t, first.Ack())
	eventually(t, "the acknowledgement is sent", func() bool {
		acks, _ := seen[*packet.Puback](to.wire)
		return len(acks) == 1
	})
	to.roundTrip(t)
	to.wire.cut()
	if s := to.up(t); !s.SessionPresent {
		t.Fatal("the session is lost")
	}
	again := inbox.next(t)
	if string(again.Payload) != "second" || !again.Duplicate {
		t.Errorf("got %q, duplicate %t; want \"second\" again", again.Payload, again.Duplicate)
	}
	if err := second.Ack(); !errors.Is(err, mqtt.ErrAckVoid) {
		t.Errorf("to acknowledge the first delivery: %v, want %v", err, mqtt.ErrAckVoid)
	}
	must(t, again.Ack())
	if err := again.Ack(); !errors.Is(err, mqtt.ErrAckTwice) {
		t.Errorf("to acknowledge twice: %v, want %v", err, mqtt.ErrAckTwice)
	}
	inbox.end(t, from, packet.QoS1, topic)
}

// What is published without a connection is sent when there is one, in order, before what comes later.
func testOffline(t *testing.T, w *world) {
	from, to := w.start(t, "from", watch, keepSession), w.start(t, "to")
	topic := w.topic("offline")
	inbox := to.subscribe(t, packet.QoS2, topic)
	from.offline(t)
	payloads := numbered("n", 0, 100)
	done := make(chan error, len(payloads))
	for _, payload := range payloads {
		must(t, from.PublishAsync(mqtt.Publish{Topic: topic, QoS: packet.QoS2, Payload: []byte(payload)},
			func(_ mqtt.PublishResult, err error) { done <- err }))
	}
	if _, err := from.Publish(within(t), mqtt.Publish{Topic: topic}); !errors.Is(err, mqtt.ErrOffline) || !mqtt.NotSent(err) {
		t.Errorf("QoS 0 without a connection: %v, want %v", err, mqtt.ErrOffline)
	}
	from.online()
	from.up(t)
	awaitAll(t, done, len(payloads))
	inbox.want(t, payloads...)
	inbox.end(t, from, packet.QoS2, topic)
}

// lateEnds is how often a broker may resume a session that was ended a moment ago.
const lateEnds = 10

// endSession ends the session of a client, which goes.
func (w *world) endSession(t *testing.T, d *device) {
	t.Helper()
	if w.v5() {
		must(t, d.ShutdownWith(within(t), mqtt.ShutdownOptions{EndSession: true}))
		return
	}
	must(t, d.Shutdown(within(t)))
	clean := w.start(t, "id")
	must(t, clean.Shutdown(within(t)))
}

// A session ends with the connection where that was asked for, and on request.
func testSessionEnds(t *testing.T, w *world) {
	first := w.start(t, "id", keepSession)
	first.subscribe(t, packet.QoS1, w.topic("x"))
	w.endSession(t, first)
	second := w.launch(t, "id", keepSession, func(s *setup) { s.ResumeUnknown = true })
	s := second.up(t)
	for n := 0; n < lateEnds && s.SessionPresent && w.has(endsLate); n++ {
		w.endSession(t, second)
		second = w.launch(t, "id", keepSession, func(s *setup) { s.ResumeUnknown = true })
		s = second.up(t)
	}
	if s.SessionPresent {
		t.Error("the session is still there")
	}
	must(t, second.Shutdown(within(t)))

	third := w.launch(t, "id", keepSession, func(s *setup) { s.ResumeUnknown = true })
	if s := third.up(t); !s.SessionPresent {
		t.Error("the session is lost, though nobody has ended it")
	}
	must(t, third.Shutdown(within(t)))

	// A client that knows nothing of the broker's session does not go on with it [MQTT-3.2.2-4].
	fourth := w.launch(t, "id", keepSession)
	if s := fourth.up(t); s.SessionPresent {
		t.Error("the session of somebody else was resumed")
	}
	if w.v5() {
		must(t, fourth.ShutdownWith(within(t), mqtt.ShutdownOptions{EndSession: true}))
	} else {
		must(t, fourth.Shutdown(within(t)))
		w.start(t, "id") // a clean start removes it
	}
}

// A client without an identifier gets one and keeps it.
func testAssignedID(t *testing.T, w *world) {
	d := w.launch(t, "", watch, func(s *setup) {
		s.ClientID = ""
		if w.v5() {
			keepSession(s)
		}
	})
	session := d.up(t)
	if w.v5() && session.ClientID == "" {
		t.Error("no identifier was assigned")
	}
	inbox := d.subscribe(t, packet.QoS1, w.topic("x"))
	d.wire.cut()
	again := d.up(t)
	if again.ClientID != session.ClientID || w.v5() && !again.SessionPresent {
		t.Errorf("first %+v, then %+v", session.Negotiated, again.Negotiated)
	}
	inbox.end(t, d, packet.QoS1, w.topic("x"))
	if w.v5() {
		must(t, d.ShutdownWith(within(t), mqtt.ShutdownOptions{EndSession: true}))
	}
}

// A second client of the same name takes the session over. In MQTT 5 the first one is told, and gives up; in MQTT 3.1.1
// it cannot know.
func testTakeover(t *testing.T, w *world) {
	old := w.start(t, "name", keepSession, func(s *setup) {
		s.Reconnect = mqtt.Backoff{Min: time.Hour, Max: time.Hour, Jitter: mqtt.NoJitter}
	})
	old.subscribe(t, packet.QoS1, w.topic("x"))
	young := w.start(t, "name", func(s *setup) { keepSession(s); s.ResumeUnknown = true })
	cause := old.down(t)
	if w.v5() && !(w.has(takesOverSilently) && errors.Is(cause, mqtt.ErrConnectionLost)) {
		taken := &mqtt.ReasonError{Packet: packet.DISCONNECT, Code: packet.SessionTakenOver}
		if !errors.Is(cause, taken) {
			t.Errorf("the first was disconnected by %v, want %v", cause, taken)
		}
		old.closed(t)
		if _, err := old.Connected(t.Context()); !errors.Is(err, mqtt.ErrClosed) || !errors.Is(err, taken) {
			t.Errorf("the first is closed by %v", err)
		}
	} else if !errors.Is(cause, mqtt.ErrConnectionLost) && !w.has(disconnects311) {
		t.Errorf("the first was disconnected by %v, want %v", cause, mqtt.ErrConnectionLost)
	}
	young.publish(t, packet.QoS1, w.topic("y"), "still here")
	young.oneConnection(t)
	if w.v5() {
		must(t, young.ShutdownWith(within(t), mqtt.ShutdownOptions{EndSession: true}))
	}
}
