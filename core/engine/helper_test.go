package engine

import (
	"testing"

	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// second is one second on the clock of the tests.
const second = Instant(Second)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// newEngine returns an engine without queue limits.
func newEngine(t testing.TB, cfg Config) *Engine {
	t.Helper()
	cfg.QueueCount, cfg.QueueBytes = -1, -1
	e, err := New(cfg)
	must(t, err)
	return e
}

// connected returns an engine with a connection on which the broker answered with that CONNACK.
func connected(t testing.TB, cfg Config, connack packet.Connack) *Engine {
	t.Helper()
	e := newEngine(t, cfg)
	reconnect(t, e, connack)
	return e
}

func reconnect(t testing.TB, e *Engine, connack packet.Connack) {
	t.Helper()
	e.Closed(e.now)
	must(t, e.Open(e.now, &packet.Connect{ClientID: "c"}, Never))
	feedPacket(t, e, &connack)
	if !e.Connected() {
		t.Fatalf("not connected: %v", e.Err())
	}
	drain(e)
	e.TakeEvents(nil)
}

// drain takes and writes everything, and returns it.
func drain(e *Engine) (all []byte) {
	for e.Pending() {
		p := e.TakeOut(e.now, nil)
		all = append(all, p...)
		e.Wrote(e.now, len(p))
	}
	return all
}

// feedPacket gives the engine one packet of the broker and acknowledges nothing.
func feedPacket(t testing.TB, e *Engine, p packet.Packet) {
	t.Helper()
	b, err := p.Append(nil, e.cfg.Version)
	must(t, err)
	if rest, m := e.Receive(e.now, b); m != nil && len(rest) > 0 {
		t.Fatalf("%d bytes are left", len(rest))
	}
}

// packetsIn decodes what the engine has written.
func packetsIn(t testing.TB, e *Engine, b []byte) (list []packet.Packet) {
	t.Helper()
	d := packet.Decoder{Version: e.cfg.Version}
	for len(b) > 0 {
		f, n, err := packet.ScanFrame(b, 0)
		must(t, err)
		p, err := d.Decode(f)
		must(t, err)
		list = append(list, p)
		b = b[n:]
	}
	return list
}

func publishOp(qos packet.QoS) *Op { return &Op{Publish: packet.Publish{Topic: "a", QoS: qos}} }
