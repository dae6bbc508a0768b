package interop

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// inFlow is how many messages go through a small window.
const inFlow = 1000

// Thousands of messages that the application has under way go through the broker's small receive maximum, in order.
func testReceiveMaximumOut(t *testing.T, w *world) {
	from, to := w.start(t, "from", watch), w.start(t, "to")
	if n := from.session(t).ReceiveMaximum; w.v5() && n != receiveMaximum {
		t.Errorf("the receive maximum is %d, want %d", n, receiveMaximum)
	}
	flight := window{limit: receiveMaximum}
	if w.v5() {
		from.wire.when(flight.opened, flight.closed)
	}
	for _, qos := range []packet.QoS{packet.QoS1, packet.QoS2} {
		topic := w.topic("out", itoa(int(qos)))
		inbox := to.subscribe(t, qos, topic)
		payloads := numbered("n", 0, inFlow)
		from.publishAll(t, qos, topic, payloads...)
		inbox.want(t, payloads...)
		inbox.end(t, from, qos, topic)
	}
	if w.v5() && flight.most != flight.limit {
		t.Errorf("at most %d messages were under way, want %d", flight.most, flight.limit)
	}
	from.oneConnection(t)
	to.oneConnection(t)
}

// window counts the messages that are under way. The wire calls it one packet at a time.
type window struct{ now, most, limit int }

func (f *window) opened(p packet.Packet) bool {
	if p, ok := p.(*packet.Publish); ok && p.QoS > 0 {
		f.now++
		f.most = max(f.most, f.now)
	}
	return false
}

func (f *window) closed(p packet.Packet) bool {
	switch p.Type() {
	case packet.PUBACK, packet.PUBCOMP:
		f.now--
	}
	return false
}

// A small receive maximum of the client throttles the broker while the handler is slow, and loses nothing. A broker that
// goes beyond it is served all the same, unless the client is strict.
func testReceiveMaximumIn(t *testing.T, w *world) {
	from := w.start(t, "from")
	to := w.start(t, "to", func(s *setup) {
		s.ReceiveMaximum = 5
		s.Strict = !w.v5() || !w.has(exceedsWindow)
	})
	for _, qos := range []packet.QoS{packet.QoS1, packet.QoS2} {
		topic := w.topic("in", itoa(int(qos)))
		inbox := newInbox()
		gate := make(chan struct{})
		open := sync.OnceFunc(func() { close(gate) })
		defer open() // the device cannot end before its handler
		var handled atomic.Int64
		_, err := to.SubscribeFunc(within(t), func(m mqtt.Message) {
			<-gate
			handled.Add(1)
			inbox.handle(m)
		}, mqtt.Filter{Filter: topic, QoS: qos})
		must(t, err)
		payloads := numbered("n", 0, inFlow)
		from.publishAll(t, qos, topic, payloads...) // while the first handler stands still
		if n := handled.Load(); n != 0 {
			t.Errorf("%d messages were handled before the gate was open", n)
		}
		open()
		inbox.want(t, payloads...)
		inbox.end(t, from, qos, topic)
	}
	to.oneConnection(t)
	if n := to.Stats().Forgiven; n > 0 != (w.v5() && w.has(exceedsWindow)) {
		t.Errorf("%d messages above the receive maximum", n)
	}
}

// An idle connection is kept alive by pings that the broker answers; it would have ended the connection otherwise.
func testKeepAlive(t *testing.T, w *world) {
	const pings = 2
	const interval = 2 * time.Second // with less a busy machine is too slow for the half that brokers add
	idle := w.start(t, "idle", watch, func(s *setup) { s.KeepAlive = interval })
	inbox := idle.subscribe(t, packet.QoS1, w.topic("idle"))
	began := time.Now()
	eventually(t, "two answered pings", func() bool {
		_, answers := seen[*packet.Pingresp](idle.wire)
		return len(answers) >= pings
	})
	if took := time.Since(began); took < (pings-1)*interval {
		t.Errorf("%d pings in %v, though one in %v was asked for", pings, took, interval)
	}
	idle.oneConnection(t)
	inbox.end(t, idle, packet.QoS1, w.topic("idle"))
}
