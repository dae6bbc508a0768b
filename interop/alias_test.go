package interop

import (
	"testing"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// The client replaces topics by aliases, and the broker understands them.
func testAliasesOut(t *testing.T, w *world) {
	if w.has(noAliasesIn) {
		session := w.start(t, "any").session(t)
		if session.TopicAliasMaximum != 0 {
			t.Errorf("the topic alias maximum is %d: the quirk is gone", session.TopicAliasMaximum)
		}
		return
	}
	for _, mode := range []mqtt.AliasMode{mqtt.AliasLRU, mqtt.AliasManual} {
		from := w.start(t, "from"+itoa(int(mode)), watch, func(s *setup) { s.Aliases, s.AliasSize = mode, 2 })
		inbox := w.start(t, "to"+itoa(int(mode))).subscribe(t, packet.QoS1, w.topic("+"))
		topics := []string{w.topic("a"), w.topic("a"), w.topic("b"), w.topic("a"), w.topic("c"), w.topic("c"), w.topic("b"), w.topic("a")}
		for i, topic := range topics {
			p := mqtt.Publish{Topic: topic, QoS: packet.QoS1, Payload: []byte(itoa(i))}
			if mode == mqtt.AliasManual {
				p.TopicAlias = 1 + uint16(topic[len(topic)-1]-'a')%2
			}
			from.send(t, p)
			if m := inbox.next(t); m.Topic != topic || string(m.Payload) != itoa(i) {
				t.Errorf("message %d: got %q on %s, want it on %s", i, m.Payload, m.Topic, topic)
			}
		}
		sent, _ := seen[*packet.Publish](from.wire)
		short := 0
		for _, p := range sent {
			if p.Topic == "" {
				short++
			}
		}
		// Two aliases serve a a b a without c taking one of them: a, a, c are repeated.
		if len(sent) != len(topics) || short < 3 {
			t.Errorf("%d of %d packets had no topic, want at least 3 of %d", short, len(sent), len(topics))
		}
		from.oneConnection(t)
	}
}

// The broker replaces topics by aliases, and the client understands them, also after a reconnect.
func testAliasesIn(t *testing.T, w *world) {
	from := w.start(t, "from")
	to := w.start(t, "to", watch, keepSession, func(s *setup) { s.TopicAliasMaximum = 2 })
	inbox := to.subscribe(t, packet.QoS1, w.topic("+"))
	round := func(n int) {
		for i := range n {
			topic := w.topic(string(rune('a' + i/2%3)))
			from.publish(t, packet.QoS1, topic, itoa(i))
			if m := inbox.next(t); m.Topic != topic || string(m.Payload) != itoa(i) {
				t.Errorf("message %d: got %q on %s, want it on %s", i, m.Payload, m.Topic, topic)
			}
		}
		_, got := seen[*packet.Publish](to.wire)
		short := 0
		for _, p := range got {
			if p.Topic == "" {
				short++
			}
		}
		if short == 0 && !w.has(noAliasesOut) {
			t.Errorf("%d of %d packets had no topic", short, len(got))
		}
	}
	round(12)
	to.oneConnection(t)
	to.settle(t)
	to.wire.cut()
	to.up(t)
	to.wire.forget()
	round(12)
}
