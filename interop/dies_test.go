package interop

import (
	"errors"
	"slices"
	"testing"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
	"github.com/gneiss-mqtt/gneiss-go/interop/internal/broker"
)

// TestBrokerDies kills brokers that have stored what they know, and brings them back. A kill is SIGKILL for Mosquitto,
// and a reset of all connections for the others.
func TestBrokerDies(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		run     func(t *testing.T, w *world)
		durable bool
		unless  quirk // with which a broker cannot pass, whatever the client does
	}{
		{"Backlog", testBacklog, true, ""},
		{"UnreadPublish", testUnreadPublish, true, ""},
		{"UnreadPubrel", testUnreadPubrel, true, ""},
		{"UnreadPubrec", testUnreadPubrec, true, ""},
		{"Stops", testStops, true, losesOnReturn},
		{"SessionLost", testSessionLost, false, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			each(t, func(t *testing.T, kind broker.Kind, v packet.Version) {
				if slices.Contains(quirks[kind], c.unless) {
					return
				}
				transports(t, func(t *testing.T, tls bool) {
					b := broker.Start(t, kind, broker.Options{Durable: c.durable})
					c.run(t, newWorld(t, b, tls, v))
				})
			})
		})
	}
}

// What waits in a session, and what was published while the broker was dead, all arrives once and in order.
func testBacklog(t *testing.T, w *world) {
	from := w.start(t, "from", watch, keepSession)
	to := w.startMortal(t, "to", from, keepSession, w.withoutAliases)
	inbox := to.subscribe(t, packet.QoS2, w.topic("backlog"))
	to.offline(t)
	before := numbered("before", 0, 50)
	from.publishAll(t, packet.QoS2, w.topic("backlog"), before...)
	from.settle(t)
	w.broker.AwaitSaved(t, before[len(before)-1])
	w.broker.Kill(t)

	from.down(t)
	to.online()
	after := numbered("after", 0, 50)
	done := make(chan error, len(after))
	for _, payload := range after {
		must(t, from.PublishAsync(mqtt.Publish{Topic: w.topic("backlog"), QoS: packet.QoS2, Payload: []byte(payload)},
			func(_ mqtt.PublishResult, err error) { done <- err }))
	}
	from.wire.block(w.has(losesOnReturn))
	w.broker.Restart(t)
	if s := to.up(t); !s.SessionPresent {
		t.Fatal("the session is lost")
	}
	from.wire.block(false)
	awaitAll(t, done, len(after))
	if s := from.up(t); !s.SessionPresent {
		t.Fatal("the session of the publisher is lost")
	}
	inbox.wantIn(t, !w.has(breaksOrder), append(before, after...)...)
	inbox.end(t, from, packet.QoS2, w.topic("backlog"))
}

// What the broker never read is sent again, as a duplicate under the same identifier, and arrives once.
func testUnreadPublish(t *testing.T, w *world) {
	from, to := w.start(t, "from", watch, keepSession), w.start(t, "to", keepSession, watch, w.withoutAliases)
	inbox := to.subscribe(t, packet.QoS2, w.topic("unread"))
	from.publish(t, packet.QoS2, w.topic("unread"), "read")
	inbox.want(t, "read")
	to.settle(t)
	from.settle(t)
	w.broker.AwaitSaved(t, w.topic("unread")) // the subscription
	from.wire.forget()
	from.wire.swallow()

	payloads := numbered("unread", 0, 20)
	done := make(chan error, len(payloads))
	for i, payload := range payloads {
		must(t, from.PublishAsync(mqtt.Publish{Topic: w.topic("unread"), QoS: packet.QoS(1 + i%2), Payload: []byte(payload)},
			func(_ mqtt.PublishResult, err error) { done <- err }))
	}
	eventually(t, "everything is sent", func() bool {
		sent, _ := seen[*packet.Publish](from.wire)
		return len(sent) == len(payloads)
	})
	from.wire.block(w.has(losesOnReturn))
	w.broker.Kill(t)
	w.broker.Restart(t)
	to.up(t)
	from.wire.block(false)
	from.up(t)
	awaitAll(t, done, len(payloads))
	got := inbox.take(t, len(payloads))
	for _, payload := range payloads {
		if got[payload] != 1 {
			t.Errorf("%s came %d times", payload, got[payload])
		}
	}
	inbox.end(t, from, packet.QoS2, w.topic("unread"))

	sent, _ := seen[*packet.Publish](from.wire)
	for i := range payloads { // twice each, in the same order
		first, again := sent[i], sent[len(payloads)+i]
		if first.Dup || !again.Dup || first.ID != again.ID || string(again.Payload) != payloads[i] {
			t.Errorf("message %d was sent as %d, duplicate %t, then as %d, duplicate %t", i, first.ID, first.Dup, again.ID, again.Dup)
		}
	}
}

// At QoS 2, what the broker has taken but was not released is released after its death, not sent again.
func testUnreadPubrel(t *testing.T, w *world) {
	from, to := w.start(t, "from", watch, keepSession), w.start(t, "to", keepSession, watch, w.withoutAliases)
	inbox := to.subscribe(t, packet.QoS2, w.topic("pubrel"))
	to.roundTrip(t)
	from.wire.when(func(p packet.Packet) bool { return p.Type() == packet.PUBREL }, nil)
	done := make(chan error, 1)
	must(t, from.PublishAsync(mqtt.Publish{Topic: w.topic("pubrel"), QoS: packet.QoS2, Payload: []byte("taken")},
		func(_ mqtt.PublishResult, err error) { done <- err }))
	eventually(t, "the PUBREL gets lost", func() bool {
		sent, _ := seen[*packet.Pubrel](from.wire)
		return len(sent) == 1
	})
	w.broker.AwaitSaved(t, "taken")
	if w.has(losesOnReturn) {
		inbox.holds(t, 1) // it does not wait for the PUBREL
	}
	from.wire.when(nil, nil)
	w.broker.Kill(t)
	w.broker.Restart(t)
	if s := from.up(t); !s.SessionPresent {
		t.Fatal("the session is lost")
	}
	awaitAll(t, done, 1)
	to.up(t)
	inbox.want(t, "taken")
	inbox.end(t, from, packet.QoS2, w.topic("pubrel"))
	released, _ := seen[*packet.Pubrel](from.wire)
	sent, _ := seen[*packet.Publish](from.wire)
	again := slices.ContainsFunc(sent[1:], func(p *packet.Publish) bool { return string(p.Payload) == "taken" })
	if again || len(released) < 2 || released[0].ID != released[1].ID {
		t.Errorf("PUBLISH again: %t, PUBREL %d times; want the PUBREL alone to be sent again", again, len(released))
	}
}

// At QoS 2, what the client has taken is not handled again, though the broker sends it again after its death.
func testUnreadPubrec(t *testing.T, w *world) {
	from, to := w.start(t, "from"), w.start(t, "to", keepSession, watch, w.withoutAliases)
	inbox := to.subscribe(t, packet.QoS2, w.topic("pubrec"))
	to.roundTrip(t)
	to.wire.when(func(p packet.Packet) bool { return p.Type() == packet.PUBREC }, nil)
	from.publish(t, packet.QoS2, w.topic("pubrec"), "handled")
	inbox.want(t, "handled")
	eventually(t, "the PUBREC gets lost", func() bool {
		sent, _ := seen[*packet.Pubrec](to.wire)
		return len(sent) == 1
	})
	w.broker.AwaitSaved(t, "handled")
	to.wire.when(nil, nil)
	to.wire.forget()
	w.broker.Kill(t)
	w.broker.Restart(t)
	if s := to.up(t); !s.SessionPresent {
		t.Fatal("the session is lost")
	}
	from.up(t)
	inbox.end(t, from, packet.QoS2, w.topic("pubrec"))
	_, got := seen[*packet.Publish](to.wire)
	if len(got) != 2 || !got[0].Dup || string(got[0].Payload) != "handled" || to.Stats().Duplicates != 1 {
		t.Errorf("%d messages came, and %d were suppressed; want the first one again", len(got), to.Stats().Duplicates)
	}
}

// A broker that is stopped and started in order, again and again, loses nothing of a steady stream, repeats nothing at
// QoS 2.
func testStops(t *testing.T, w *world) {
	const each, stops = 60, 3
	from := w.start(t, "from", keepSession)
	to := w.start(t, "to", keepSession, w.withoutAliases)
	for _, qos := range []packet.QoS{packet.QoS1, packet.QoS2} {
		topic := w.topic("stream", itoa(int(qos)))
		inbox := to.subscribe(t, qos, topic)
		payloads := numbered("n", 0, each*(stops+1))
		done := make(chan error, len(payloads))
		for i, payload := range payloads {
			must(t, from.PublishAsync(mqtt.Publish{Topic: topic, QoS: qos, Payload: []byte(payload)},
				func(_ mqtt.PublishResult, err error) { done <- err }))
			if i%each == each-1 && i+1 < len(payloads) {
				w.broker.Stop(t)
				w.broker.Restart(t)
				to.up(t)
			}
		}
		awaitAll(t, done, len(payloads))
		w.stream(t, inbox, qos, payloads)
	}
}

// stream waits for all payloads in order. At QoS 1 they may be repeated, without the mark where it was the publisher that
// repeated them to the broker.
func (w *world) stream(t testing.TB, inbox *inbox, qos packet.QoS, payloads []string) {
	t.Helper()
	arrived := make(map[string]bool)
	for len(arrived) < len(payloads) {
		m := inbox.next(t)
		payload := string(m.Payload)
		switch again := arrived[payload]; {
		case again && qos == packet.QoS2 && !(m.Duplicate && w.has(publishesReleased)):
			t.Fatalf("%s came twice, duplicate: %t", payload, m.Duplicate)
		case !again && payload != payloads[len(arrived)]:
			t.Fatalf("QoS %d: got %s, want %s", qos, payload, payloads[len(arrived)])
		}
		arrived[payload] = true
	}
}

// A broker that comes back with nothing is subscribed to again before anything else; what was under way is sent as new.
func testSessionLost(t *testing.T, w *world) {
	from, to := w.start(t, "from", watch, keepSession), w.start(t, "to", keepSession, watch)
	one := to.subscribe(t, packet.QoS1, w.topic("one"), w.topic("two", "#"))
	two := to.subscribe(t, packet.QoS2, w.topic("+"))
	gone := to.subscribe(t, packet.QoS1, w.topic("gone"))
	must(t, gone.Close(within(t)))
	to.wire.forget()
	from.wire.swallow()
	result := make(chan error, 1)
	must(t, from.PublishAsync(mqtt.Publish{Topic: w.topic("two", "x"), QoS: packet.QoS1, Payload: []byte("under way")},
		func(_ mqtt.PublishResult, err error) { result <- err }))
	eventually(t, "it is sent", func() bool {
		sent, _ := seen[*packet.Publish](from.wire)
		return len(sent) == 1
	})
	from.wire.block(true) // until the subscriber is back
	w.broker.Kill(t)
	w.broker.Restart(t)
	if s := to.up(t); s.SessionPresent {
		t.Fatal("the session is there, though the broker has lost it")
	}
	eventually(t, "all filters are granted again", func() bool {
		_, answers := seen[*packet.Suback](to.wire)
		n := 0
		for _, answer := range answers {
			n += len(answer.Codes)
		}
		return n == 3
	})
	from.wire.block(false)
	if s := from.up(t); s.SessionPresent {
		t.Fatal("the session of the publisher is there")
	}
	awaitAll(t, result, 1)
	one.want(t, "under way")
	from.publish(t, packet.QoS2, w.topic("gone"), "wild")
	two.want(t, "wild")
	one.empty(t)
	gone.empty(t)
	sent, _ := seen[*packet.Publish](from.wire)
	if len(sent) != 3 || sent[1].Dup || string(sent[1].Payload) != "under way" {
		t.Errorf("sent again as %+v, want a new message", sent[1])
	}
}

// A client that is started before its broker, and one whose broker never comes back, behave as they should.
func TestBrokerIsAbsent(t *testing.T) {
	t.Parallel()
	b := broker.Start(t, broker.Emulator, broker.Options{})
	b.Kill(t)
	w := newWorld(t, b, false, packet.V5)
	early := w.launch(t, "early")
	done := make(chan error, 1)
	must(t, early.PublishAsync(mqtt.Publish{Topic: w.topic("x"), QoS: packet.QoS1},
		func(_ mqtt.PublishResult, err error) { done <- err }))
	eventually(t, "a few attempts fail", func() bool { return early.Stats().Failures > 3 })
	b.Restart(t)
	early.up(t)
	awaitAll(t, done, 1)

	b.Kill(t)
	early.down(t)
	must(t, early.PublishAsync(mqtt.Publish{Topic: w.topic("x"), QoS: packet.QoS1},
		func(_ mqtt.PublishResult, err error) { done <- err }))
	must(t, early.Close())
	if err := <-done; !errors.Is(err, mqtt.ErrClosed) || !mqtt.NotSent(err) {
		t.Errorf("a publish that was never sent ended with %v", err)
	}
}
