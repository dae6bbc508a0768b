package packet

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"testing"
)

// collect feeds a stream to a framer in the chunks that next cuts, and hands every frame to yield.
func collect(t testing.TB, framer *Framer, stream []byte, next func() int, yield func(Frame)) error {
	t.Helper()
	for len(stream) > 0 {
		n := max(1, min(next(), len(stream)))
		chunk := append([]byte(nil), stream[:n]...)
		stream = stream[n:]
		for rest := chunk; ; {
			f, after, ok, err := framer.Next(rest)
			if err != nil {
				return err
			}
			if !ok {
				if len(after) != 0 {
					t.Fatalf("%d bytes are left, but no frame", len(after))
				}
				break
			}
			yield(f)
			rest = after
		}
		for i := range chunk {
			chunk[i] = 0xEE // a caller reuses its buffer
		}
	}
	return nil
}

// TestFramerAnySplit cuts one long stream of all golden packets in many ways and finds the same packets each time (F95).
func TestFramerAnySplit(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	var wires [][]byte
	for _, v := range loadVectors(t, "golden") {
		if len(v.wire) < 20_000 {
			wires = append(wires, v.wire)
		}
	}
	var stream []byte
	var want [][]byte
	for range 3000 {
		w := wires[r.IntN(len(wires))]
		stream, want = append(stream, w...), append(want, w)
	}
	for name, next := range map[string]func() int{
		"whole":        func() int { return len(stream) },
		"bytes":        func() int { return 1 },
		"pairs":        func() int { return 2 },
		"seven":        func() int { return 7 },
		"random small": func() int { return 1 + r.IntN(20) },
		"random":       func() int { return 1 + r.IntN(5000) },
		"records":      func() int { return 16 << 10 },
	} {
		var framer Framer
		i := 0
		err := collect(t, &framer, stream, next, func(f Frame) {
			if i >= len(want) {
				t.Fatalf("%s: more than %d packets", name, len(want))
			}
			_, body, _ := scanLength(want[i])
			if f.First != want[i][0] || !bytes.Equal(f.Body, want[i][len(want[i])-body:]) {
				t.Fatalf("%s: packet %d is %02x % x, want % x", name, i, f.First, head(f.Body), head(want[i]))
			}
			i++
		})
		if err != nil || i != len(want) {
			t.Errorf("%s: %d of %d packets, %v", name, i, len(want), err)
		}
		if framer.Buffered() != 0 {
			t.Errorf("%s: %d bytes are left", name, framer.Buffered())
		}
	}
}

// TestFramerLongStream counts two million small messages over random chunks: none is lost at a chunk's border (F96).
func TestFramerLongStream(t *testing.T) {
	t.Parallel()
	const messages = 2_000_000
	r := rand.New(rand.NewPCG(3, 4))
	var framer Framer
	var buf []byte
	sent, got := uint32(0), uint32(0)
	d := &Decoder{}
	var p Publish
	for sent < messages || len(buf) > 0 {
		for len(buf) < 32<<10 && sent < messages {
			buf = append(buf, 0x30, byte(8+sent%3), 0, 1, 't', 0)
			buf = binary.BigEndian.AppendUint32(buf, sent)
			buf = append(buf, "xy"[:sent%3]...)
			sent++
		}
		n := min(1+r.IntN(8<<10), len(buf))
		for rest := buf[:n]; ; {
			f, after, ok, err := framer.Next(rest)
			if err != nil {
				t.Fatal(err)
			}
			if !ok {
				break
			}
			if err := p.Decode(f, d); err != nil || binary.BigEndian.Uint32(p.Payload) != got || p.Topic != "t" {
				t.Fatalf("message %d: %q %x, %v", got, p.Topic, p.Payload, err)
			}
			got++
			rest = after
		}
		buf = append(buf[:0], buf[n:]...)
	}
	if got != messages {
		t.Errorf("%d of %d messages", got, messages)
	}
}

// TestFramerLimit shows when a packet that is too large is refused: with the byte that completes its length, never
// later, whatever the split.
//
// Conformance: MQTT-3.1.2-24
func TestFramerLimit(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		limit  uint32
		header []byte
		refuse bool
	}{
		{5, []byte{0x30, 3}, false},
		{4, []byte{0x30, 3}, true},
		{1, []byte{0xC0, 0}, true},
		{2, []byte{0xC0, 0}, false},
		{129, []byte{0x30, 127}, false},
		{128, []byte{0x30, 127}, true},
		{131, []byte{0x30, 0x80, 1}, false},
		{130, []byte{0x30, 0x80, 1}, true},
		{1 << 20, []byte{0x30, 0xFF, 0xFF, 0xFF, 0x7F}, true},
		{268_435_459, []byte{0x30, 0xFF, 0xFF, 0xFF, 0x7F}, true},
		{268_435_460, []byte{0x30, 0xFF, 0xFF, 0xFF, 0x7F}, false},
		{4_294_967_295, []byte{0x30, 0xFF, 0xFF, 0xFF, 0x7F}, false},
		{0, []byte{0x30, 0xFF, 0xFF, 0xFF, 0x7F}, false},
	} {
		framer := Framer{Limit: c.limit}
		for i := range c.header {
			_, _, ok, err := framer.Next(c.header[i : i+1])
			whole := i == len(c.header)-1
			if ok && !(whole && c.header[1] == 0) {
				t.Errorf("% x: a packet after %d bytes", c.header, i+1)
			}
			if want := whole && c.refuse; want != (err != nil) {
				t.Errorf("limit %d, %d bytes of % x: %v", c.limit, i+1, c.header, err)
			} else if want {
				expectError(t, err, PacketTooLarge, "MQTT-3.1.2-24", "one byte at a time")
			}
		}
		framer = Framer{Limit: c.limit}
		if _, _, _, err := framer.Next(c.header); c.refuse != (err != nil) {
			t.Errorf("limit %d, % x at once: %v", c.limit, c.header, err)
		}
	}
}

// TestFramerMemory announces the longest packet there is and sends a little of it: the framer holds about as much as
// has arrived.
//
// Conformance: X-LEN-1
func TestFramerMemory(t *testing.T) {
	t.Parallel()
	var framer Framer
	chunk := make([]byte, 1000)
	if _, _, _, err := framer.Next([]byte{0x30, 0xFF, 0xFF, 0xFF, 0x7F}); err != nil {
		t.Fatal(err)
	}
	for arrived := 5; arrived < 1<<20; arrived += len(chunk) {
		if c := cap(framer.partial); c > 2*arrived+512 {
			t.Fatalf("%d bytes are held for %d", c, arrived)
		}
		if framer.Buffered() != arrived {
			t.Fatalf("%d bytes are buffered of %d", framer.Buffered(), arrived)
		}
		if _, _, ok, err := framer.Next(chunk); ok || err != nil {
			t.Fatal(ok, err)
		}
	}
	framer.Reset()
	if framer.Buffered() != 0 || framer.partial != nil {
		t.Error("Reset keeps memory")
	}
	if _, _, ok, err := framer.Next([]byte{0xD0, 0}); !ok || err != nil {
		t.Errorf("after Reset: %v, %v", ok, err)
	}
}

// TestFramerReleases shows that a large packet's memory is given back with the next call, a small one's is kept.
func TestFramerReleases(t *testing.T) {
	feed := func(framer *Framer, payload int) {
		wire, err := (&Publish{Topic: "t", Payload: make([]byte, payload)}).Append(nil, V5)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, ok, err := framer.Next(wire[:10]); ok || err != nil {
			t.Fatal(ok, err)
		}
		f, rest, ok, err := framer.Next(wire[10:])
		if !ok || err != nil || len(rest) != 0 || len(f.Body) < payload {
			t.Fatal(ok, err, len(rest))
		}
		if framer.Buffered() != 0 {
			t.Errorf("%d bytes are buffered of a whole packet", framer.Buffered())
		}
		if _, _, ok, err := framer.Next(nil); ok || err != nil {
			t.Fatal(ok, err)
		}
	}
	var framer Framer
	feed(&framer, 1<<20)
	if cap(framer.partial) != 0 {
		t.Errorf("%d bytes are kept", cap(framer.partial))
	}
	feed(&framer, 1000)
	kept := cap(framer.partial)
	if n := testing.AllocsPerRun(10, func() { feed(&framer, 900) }); kept == 0 || n > 3 {
		t.Errorf("%d bytes are kept, %v allocations to feed again", kept, n)
	}
}

// TestFramerStaysBroken shows that a stream is lost after an error: the framer does not find a packet behind it, until
// it is told that there is another stream.
func TestFramerStaysBroken(t *testing.T) {
	t.Parallel()
	good := []byte{0xD0, 0x00}
	for name, bad := range map[string][]byte{
		"type":   {0x00},
		"flags":  {0xD1, 0x00, 0xD0, 0x00},
		"length": {0x30, 0x80, 0x80, 0x80, 0x80, 0xD0, 0x00},
		"limit":  {0x30, 0xFF, 0xFF, 0x7F, 0xD0, 0x00},
		"varint": {0x30, 0x80, 0x00, 0xD0, 0x00},
	} {
		for _, chunk := range []int{1, 2, 3, 100} {
			framer := Framer{Limit: 1000}
			first := collect(t, &framer, bad, func() int { return chunk }, func(Frame) { t.Errorf("%s: a packet", name) })
			for range 3 {
				_, _, ok, err := framer.Next(good)
				if ok || first == nil || !errors.Is(err, first) {
					t.Errorf("%s: %v after %v", name, err, first)
				}
			}
			framer.Reset()
			if _, _, ok, err := framer.Next(good); !ok || err != nil {
				t.Errorf("%s: after Reset: %v", name, err)
			}
		}
	}
}

// TestScanFrameAliases shows that a frame does not reach into the packet behind it.
func TestScanFrameAliases(t *testing.T) {
	t.Parallel()
	p := []byte{0x30, 3, 0, 1, 't', 0xD0, 0}
	f, n, err := ScanFrame(p, 0)
	if err != nil || n != 5 {
		t.Fatal(n, err)
	}
	if cap(f.Body) != 3 || &f.Body[0] != &p[2] {
		t.Errorf("the body has capacity %d", cap(f.Body))
	}
}
