package sink

import (
	"testing"

	"github.com/gneiss-mqtt/gneiss-go/bench/internal/wire"
)

// sent parses what a source wrote and returns the packet identifiers.
func sent(t *testing.T, level byte, chunk []byte, topic string, size int) []uint16 {
	t.Helper()
	var ids []uint16
	for len(chunk) > 0 {
		header, body, n, err := wire.Next(chunk, wire.MaxPacket)
		if n == 0 || err != nil {
			t.Fatalf("chunk ends inside a packet: %v", err)
		}
		gotTopic, payload, id, err := wire.ParsePublish(level, header, body)
		if err != nil || string(gotTopic) != topic || len(payload) != size {
			t.Fatalf("%q, %d bytes, %v", gotTopic, len(payload), err)
		}
		ids = append(ids, id)
		chunk = chunk[n:]
	}
	return ids
}

func TestSourceQoS0SendsExactlyTheCount(t *testing.T) {
	t.Parallel()
	for _, size := range []int{0, 64, 16 << 10} {
		for _, count := range []int{1, 7, 10_000} {
			if size*count > 16<<20 {
				count = 100
			}
			s, got := newSource(wire.V5, "t", count, size, 0, 10), 0
			for {
				chunk, n := s.chunk()
				if n == 0 {
					break
				}
				if ids := sent(t, wire.V5, chunk, "t", size); len(ids) != n || ids[0] != 0 {
					t.Fatalf("%d packets, said %d", len(ids), n)
				}
				got += n
			}
			if got != count || !s.idle() {
				t.Errorf("size %d: sent %d of %d", size, got, count)
			}
		}
	}
}

func TestSourceQoS1StaysWithinTheWindow(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ count, size, receiveMaximum, window int }{
		{1, 10, 65535, 1000}, {25, 10, 10, 10}, {5000, 10, 65535, 1000}, {50, 10, 1, 1}, {200, 60_000, 65535, 17},
	} {
		s := newSource(wire.V311, "t", c.count, c.size, 1, uint16(c.receiveMaximum))
		if s.window != c.window {
			t.Errorf("%+v: window %d", c, s.window)
		}
		var inflight []uint16
		busy, total, step := map[uint16]bool{}, 0, 0
		for total < c.count || len(inflight) > 0 {
			chunk, n := s.chunk()
			for _, id := range sent(t, wire.V311, chunk, "t", c.size) {
				if busy[id] || id == 0 {
					t.Fatalf("%+v: identifier %d is in flight", c, id)
				}
				busy[id] = true
				inflight = append(inflight, id)
			}
			total += n
			if len(inflight) > c.window {
				t.Fatalf("%+v: %d in flight", c, len(inflight))
			}
			// Acknowledge one, three, five ... so that runs wrap.
			step += 2
			for range min(step, len(inflight)) {
				if known, inOrder := s.ack(inflight[0]); !known || !inOrder {
					t.Fatalf("%+v: identifier %d: known %v, in order %v", c, inflight[0], known, inOrder)
				}
				delete(busy, inflight[0])
				inflight = inflight[1:]
			}
		}
		if total != c.count || !s.idle() {
			t.Errorf("%+v: sent %d", c, total)
		}
	}
}

func TestSourceSeesAcksOutOfOrder(t *testing.T) {
	t.Parallel()
	s := newSource(wire.V5, "t", 6, 0, 1, 3)
	if _, n := s.chunk(); n != 3 {
		t.Fatal(n)
	}
	if known, inOrder := s.ack(2); !known || inOrder {
		t.Error("an ack that overtook is not noticed")
	}
	if chunk, n := s.chunk(); n != 0 || len(chunk) != 0 {
		t.Errorf("sent %d while identifier 1 is in flight", n)
	}
	for _, id := range []uint16{0, 2, 4, 65535} {
		if known, _ := s.ack(id); known {
			t.Errorf("identifier %d is not in flight", id)
		}
	}
}

func TestSourceFilter(t *testing.T) {
	t.Parallel()
	if count, size, ok := parseSourceFilter(SourceFilter(123, 64)); count != 123 || size != 64 || !ok {
		t.Error(count, size, ok)
	}
	for _, filter := range []string{
		"", "a/b", "bench/source", "bench/source/", "bench/source/5", "bench/source/0/1", "bench/source/-1/1",
		"bench/source/x/1", "bench/source/1/x", "bench/source/1/-1", "bench/source/1/70000", "bench/source/2000000000/1",
		"bench/source/99999999999999999999/1", "bench/source/1/1/1",
	} {
		if _, _, ok := parseSourceFilter(filter); ok {
			t.Errorf("%q is taken for a source", filter)
		}
	}
}

func TestSecondSourceWaitsForTheFirst(t *testing.T) {
	t.Parallel()
	s, _ := newSession()
	in := wire.AppendConnect(nil, wire.V311, "c", 0)
	in = wire.AppendSubscribe(in, wire.V311, 1, SourceFilter(1, 0), 1)
	in = wire.AppendSubscribe(in, wire.V311, 2, SourceFilter(1, 0), 1)
	if _, err := s.feed(in); err != nil {
		t.Fatal(err)
	}
	want := wire.AppendConnack(nil, wire.V311)
	want = wire.AppendSuback(want, wire.V311, 1, 1)
	want = wire.AppendSuback(want, wire.V311, 2, 0x80)
	if string(s.out) != string(want) {
		t.Fatalf("% x, want % x", s.out, want)
	}
	if ids := sent(t, wire.V311, s.chunk(), SourceFilter(1, 0), 0); len(ids) != 1 || ids[0] != 1 {
		t.Fatal(ids)
	}
	s.out = nil
	in = wire.AppendAck(nil, wire.Puback, 1)
	in = wire.AppendSubscribe(in, wire.V311, 3, SourceFilter(1, 0), 0)
	if _, err := s.feed(in); err != nil {
		t.Fatal(err)
	}
	if want := wire.AppendSuback(nil, wire.V311, 3, 0); string(s.out) != string(want) {
		t.Fatalf("% x, want % x", s.out, want)
	}
	if s.chunk(); s.counts.Sent != 2 || s.counts.Pubacks != 1 {
		t.Errorf("%+v", s.counts)
	}
}
