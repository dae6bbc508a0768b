package engine

import (
	"testing"

	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// loop is an engine in steady state, with a driver that uses its memory again.
type loop struct {
	t     testing.TB
	e     *Engine
	op    Op
	in    []byte
	out   []byte
	done  []*Op
	topic string
	load  []byte
}

func newLoop(t testing.TB) *loop {
	e := connected(t, Config{}, packet.Connack{})
	return &loop{t: t, e: e, out: make([]byte, 0, 1<<10), topic: "sensors/hall-3/temperature", load: make([]byte, 64)}
}

func (l *loop) submit(qos packet.QoS) {
	l.op.Reset()
	l.op.Publish.Topic, l.op.Publish.QoS, l.op.Publish.Payload = l.topic, qos, l.load
	if err := l.e.Submit(0, &l.op); err != nil {
		l.t.Fatal(err)
	}
}

func (l *loop) write() {
	p := l.e.TakeOut(0, l.out)
	l.e.Wrote(0, len(p))
	l.out = p[:0]
}

func (l *loop) finish() {
	if l.done = l.e.TakeDone(l.done[:0]); len(l.done) != 1 || l.done[0].Err != nil {
		l.t.Fatalf("%d operations are done", len(l.done))
	}
}

// ack answers the PUBLISH that was written last.
func (l *loop) ack(first byte) {
	id := l.e.ids.next
	l.in = append(l.in[:0], first, 2, byte(id>>8), byte(id))
	l.e.Receive(0, l.in)
}

func (l *loop) publish0() {
	l.submit(0)
	l.write()
	l.finish()
}

func (l *loop) publish1() {
	l.submit(1)
	l.write()
	l.ack(0x40)
	l.finish()
}

func (l *loop) publish2() {
	l.submit(2)
	l.write()
	l.ack(0x50)
	l.write()
	l.ack(0x70)
	l.finish()
}

// incoming returns the bytes of a message of the broker.
func (l *loop) incoming(qos packet.QoS) []byte {
	p := packet.Publish{Topic: l.topic, Payload: l.load, QoS: qos}
	if qos > 0 {
		p.ID = 7
	}
	b, err := p.Append(nil, packet.V5)
	must(l.t, err)
	return b
}

func (l *loop) receive(p []byte) {
	_, m := l.e.Receive(0, p)
	if m == nil {
		l.t.Fatal("no message")
	}
	if !m.Token.IsZero() {
		must(l.t, l.e.Ack(0, m.Token, packet.Success, ""))
	}
}

// TestNoAllocations guards the steady state: whatever is sent or received takes no memory from the heap.
func TestNoAllocations(t *testing.T) {
	message0, message1, message2 := newLoop(t).incoming(0), newLoop(t).incoming(1), newLoop(t).incoming(2)
	pubrel := []byte{0x62, 2, 0, 7}
	for name, once := range map[string]func(*loop){
		"publish QoS 0": (*loop).publish0,
		"publish QoS 1": (*loop).publish1,
		"publish QoS 2": (*loop).publish2,
		"receive QoS 0": func(l *loop) { l.receive(message0) },
		"receive QoS 1": func(l *loop) { l.receive(message1); l.write() },
		"receive QoS 2": func(l *loop) { l.receive(message2); l.e.Receive(0, pubrel); l.write() },
		"ping": func(l *loop) {
			l.e.Tick(l.e.keepAlive.due)
			l.write()
			l.in = append(l.in[:0], 0xD0, 0)
			l.e.Receive(l.e.now, l.in)
		},
	} {
		l := newLoop(t)
		for range 100 {
			once(l)
		}
		if n := testing.AllocsPerRun(1000, func() { once(l) }); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

func BenchmarkPublishQoS0(b *testing.B) { benchmarkPublish(b, 0) }

func BenchmarkPublishQoS1(b *testing.B) { benchmarkPublish(b, 1) }

func BenchmarkPublishQoS2(b *testing.B) { benchmarkPublish(b, 2) }

// benchmarkPublish sends and completes messages in batches, as a busy driver does: what is measured is the engine's
// share of one message.
func benchmarkPublish(b *testing.B, qos packet.QoS) {
	const batch = 100
	l := newLoop(b)
	ops := make([]Op, batch)
	acks := make([]byte, 0, 4*batch)
	out := make([]byte, 0, 64<<10)
	answer := func(first byte, from uint16) {
		acks = acks[:0]
		for i := range uint16(batch) {
			id := from + i + 1
			acks = append(acks, first, 2, byte(id>>8), byte(id))
		}
		l.e.Receive(0, acks)
	}
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		if n%batch != 0 {
			continue
		}
		if l.e.ids.next > 65_000 {
			l.e.ids.next = 0
		}
		from := l.e.ids.next
		for i := range ops {
			o := &ops[i]
			o.Reset()
			o.Publish.Topic, o.Publish.QoS, o.Publish.Payload = l.topic, qos, l.load
			if err := l.e.Submit(0, o); err != nil {
				b.Fatal(err)
			}
		}
		p := l.e.TakeOut(0, out)
		l.e.Wrote(0, len(p))
		out = p[:0]
		switch qos {
		case packet.QoS1:
			answer(0x40, from)
		case packet.QoS2:
			answer(0x50, from)
			p = l.e.TakeOut(0, out)
			l.e.Wrote(0, len(p))
			out = p[:0]
			answer(0x70, from)
		}
		if l.done = l.e.TakeDone(l.done[:0]); len(l.done) != batch {
			b.Fatalf("%d are done", len(l.done))
		}
	}
}

func BenchmarkReceiveQoS0(b *testing.B) { benchmarkReceive(b, 0) }

func BenchmarkReceiveQoS1(b *testing.B) { benchmarkReceive(b, 1) }

// benchmarkReceive takes messages in batches and acknowledges each at once.
func benchmarkReceive(b *testing.B, qos packet.QoS) {
	const batch = 100
	l := newLoop(b)
	l.out = make([]byte, 0, 64<<10)
	var stream []byte
	for i := range batch {
		p := packet.Publish{Topic: l.topic, Payload: l.load, QoS: qos}
		if qos > 0 {
			p.ID = uint16(i + 1)
		}
		stream, _ = p.Append(stream, packet.V5)
	}
	b.ReportAllocs()
	var rest []byte
	for b.Loop() {
		if len(rest) == 0 {
			rest = stream
			l.write()
		}
		var m *Inbound
		if rest, m = l.e.Receive(0, rest); m == nil {
			b.Fatal("no message")
		}
		if err := l.e.Ack(0, m.Token, packet.Success, ""); err != nil {
			b.Fatal(err)
		}
	}
}
