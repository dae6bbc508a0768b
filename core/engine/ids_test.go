package engine

import (
	"testing"

	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// window publishes at QoS 1 with so many under way and judges every identifier.
type window struct {
	t     testing.TB
	e     *Engine
	inUse [maxIDs + 1]bool
	queue []uint16
	sent  int
	spare []byte
}

func (w *window) take() {
	p := w.e.TakeOut(0, w.spare)
	w.spare = p[:0]
	w.e.Wrote(0, len(p))
	for len(p) > 0 {
		f, n, _ := packet.ScanFrame(p, 0)
		p = p[n:]
		id := uint16(f.Body[3])<<8 | uint16(f.Body[4]) // behind the topic "a"
		if id == 0 || w.inUse[id] {
			w.t.Fatalf("identifier %d is on the wire, in use: %v", id, w.inUse[id])
		}
		w.inUse[id] = true
		w.queue = append(w.queue, id)
		w.sent++
	}
}

// publish submits a message. [must] would be by far the slowest part of it.
func (w *window) publish(o *Op) {
	o.Publish = packet.Publish{Topic: "a", QoS: 1}
	if err := w.e.Submit(0, o); err != nil {
		w.t.Fatal(err)
	}
	w.take()
}

func (w *window) ack() {
	id := w.queue[0]
	w.queue = w.queue[1:]
	w.inUse[id] = false
	w.e.Receive(0, []byte{0x40, 2, byte(id >> 8), byte(id)})
}

// A million messages, one after the other and with every identifier in use: none is 0, none is used twice.
//
// Failure: F23
//
// Conformance: MQTT-2.2.1-3, MQTT-4.3.2-1, v3:MQTT-2.3.1-2
func TestMillionIdentifiers(t *testing.T) {
	t.Parallel()
	for _, size := range []int{1, maxIDs} {
		w := &window{t: t, e: connected(t, Config{}, packet.Connack{})}
		total := 1_000_000
		if slow {
			total = 150_000
		}
		op, free := &Op{}, []*Op{}
		for w.sent < total {
			for len(w.queue) < size && w.sent < total {
				if op = nil; len(free) > 0 {
					op, free = free[len(free)-1], free[:len(free)-1]
					op.Reset()
				} else {
					op = &Op{}
				}
				w.publish(op)
			}
			for range max(1, size/3) {
				if len(w.queue) > 0 {
					w.ack()
				}
			}
			free = w.e.TakeDone(free)
		}
		for len(w.queue) > 0 {
			w.ack()
		}
		if w.e.ids.used != 0 || w.e.Unfinished() != 0 {
			t.Errorf("window %d: %d identifiers are in use, %d operations are not over", size, w.e.ids.used, w.e.Unfinished())
		}
	}
}

// An identifier that is never given back is not used again, however often the others go round; not even when the caller
// was told of a timeout.
//
// Failure: F25
func TestStuckIdentifier(t *testing.T) {
	t.Parallel()
	w := &window{t: t, e: connected(t, Config{AckTimeout: Second}, packet.Connack{})}
	w.publish(&Op{})
	w.e.Tick(2 * second)
	if events := w.e.TakeEvents(nil); len(events) != 1 || events[0].Kind != EventTimedOut {
		t.Fatalf("events %+v", events)
	}
	stuck := w.queue
	w.queue = nil
	times := 200_000
	if slow {
		times = 70_000 // once round is enough to see it
	}
	for range times {
		w.publish(&Op{})
		w.ack()
		w.e.TakeDone(nil)
	}
	w.queue = stuck
	w.ack()
	if done := w.e.TakeDone(nil); len(done) != 1 || done[0].Err != nil {
		t.Errorf("the late acknowledgement: %+v", done)
	}
}

// With every identifier in use, what needs one waits; the connection lives, and QoS 0 goes on.
//
// Failure: F26
//
// Conformance: MQTT-2.2.1-3
func TestIdentifiersExhausted(t *testing.T) {
	t.Parallel()
	w := &window{t: t, e: connected(t, Config{}, packet.Connack{})}
	for range maxIDs + 1 {
		w.publish(&Op{})
	}
	if len(w.queue) != maxIDs || w.e.Unfinished() != maxIDs+1 {
		t.Fatalf("%d are under way, %d are not over", len(w.queue), w.e.Unfinished())
	}
	must(t, w.e.Submit(0, publishOp(0)))
	if b := drain(w.e); len(b) == 0 {
		t.Error("QoS 0 does not go on")
	}
	sub := &Op{Kind: OpSubscribe, Subscribe: packet.Subscribe{Filters: []packet.Filter{{Filter: "a"}}}}
	must(t, w.e.Submit(0, sub))
	if w.e.Pending() {
		t.Error("a SUBSCRIBE without an identifier")
	}
	w.ack()
	w.take()
	w.ack()
	if list := packetsIn(t, w.e, drain(w.e)); len(list) != 1 || list[0].Type() != packet.SUBSCRIBE {
		t.Errorf("after an identifier is free: %v", list)
	}
	if w.e.Err() != nil {
		t.Error(w.e.Err())
	}
}

// The table finds what it holds, and nothing else, at every size and with every collision.
func TestIdentifierTable(t *testing.T) {
	t.Parallel()
	var table idTable
	ops := map[uint16]*Op{}
	for range 3 {
		for range 40_000 {
			o := new(Op)
			table.take(o)
			if o.id == 0 || ops[o.id] != nil {
				t.Fatalf("identifier %d again", o.id)
			}
			ops[o.id] = o
		}
		for id, o := range ops {
			if table.get(id) != o {
				t.Fatalf("identifier %d is lost", id)
			}
			if id%3 != 0 {
				table.free(o)
				delete(ops, id)
			}
			if len(ops) < 20_000 {
				break
			}
		}
		for id := 0; id <= maxIDs; id++ {
			if o := table.get(uint16(id)); o != ops[uint16(id)] {
				t.Fatalf("identifier %d leads to %v", id, o)
			}
		}
		if table.used != len(ops) {
			t.Fatalf("%d in use, %d are counted", len(ops), table.used)
		}
	}
}
