package packet

import (
	"errors"
	"reflect"
	"runtime"
	"slices"
	"testing"
)

// decodeSafely decodes a frame that may be anything: the result is a packet that can be written and read again, or an
// *Error. It reports which.
func decodeSafely(t testing.TB, f Frame, d *Decoder, what string) bool {
	t.Helper()
	p, err := d.Decode(f)
	if err != nil {
		if e, ok := errors.AsType[*Error](err); !ok || e == nil || e.Clause == "" || e.Detail == "" || !e.Code.Failed() {
			t.Errorf("%s: error %#v", what, err)
		}
		if p != nil {
			t.Errorf("%s: a packet beside the error", what)
		}
		return false
	}
	version := d.Version
	if c, ok := p.(*Connect); ok {
		version = c.Version
	}
	wire, err := p.Append(nil, version)
	if err != nil {
		t.Errorf("%s: decoded, but not written: %v", what, err)
		return false
	}
	again, n, err := ScanFrame(wire, 0)
	if err != nil || n != len(wire) {
		t.Errorf("%s: written as %d of %d bytes: %v", what, n, len(wire), err)
		return false
	}
	q, err := (&Decoder{Version: version, Strict: d.Strict}).Decode(again)
	if err != nil || !reflect.DeepEqual(p, q) {
		t.Errorf("%s: decoded as\n%s, after writing as\n%s, %v", what, brief(p), brief(q), err)
		return false
	}
	return true
}

// decoders returns one of each kind. A decoder belongs to one goroutine, and tests run in parallel.
func decoders() []*Decoder {
	return []*Decoder{{Version: V5}, {Version: V311}, {Version: V5, Strict: true}, {Version: V311, Strict: true}}
}

// TestTruncated ends every packet at every byte (F91, F92, F93). As part of a stream it is never a packet and never an error, because
// the rest may come; as a packet with that length it is malformed, or another packet that is right.
//
// Conformance: X-LEN-3
func TestTruncated(t *testing.T) {
	t.Parallel()
	decoders := decoders()
	for _, v := range loadVectors(t, "golden") {
		if len(v.wire) > 1000 {
			continue
		}
		for n := range v.wire {
			if f, length, err := ScanFrame(v.wire[:n], 0); length != 0 || err != nil || f.Body != nil {
				t.Errorf("%v: %d of %d bytes: length %d, %v", v, n, len(v.wire), length, err)
			}
		}
		whole := v.frame(t)
		for n := range whole.Body {
			for _, d := range decoders {
				decodeSafely(t, Frame{whole.First, whole.Body[:n:n]}, d, v.String())
			}
		}
	}
}

// TestTruncatedHasNoPayload names the packets of which no part is right: all that have no payload or list at the end.
func TestTruncatedHasNoPayload(t *testing.T) {
	t.Parallel()
	for _, v := range loadVectors(t, "golden") {
		whole := v.frame(t)
		if t := whole.Type(); t != CONNECT && t != CONNACK {
			continue
		}
		for _, version := range v.versions {
			for n := range whole.Body {
				_, err := (&Decoder{Version: version}).Decode(Frame{whole.First, whole.Body[:n]})
				if _, ok := errors.AsType[*Error](err); !ok {
					t.Errorf("%v: %d of %d bytes: %v", v, n, len(whole.Body), err)
				}
			}
		}
	}
}

// TestBitFlips turns round every bit of every packet.
func TestBitFlips(t *testing.T) {
	t.Parallel()
	decoders := decoders()
	var right, wrong int
	for _, v := range loadVectors(t, "golden") {
		if len(v.wire) > 300 {
			continue
		}
		for bit := range 8 * len(v.wire) {
			wire := append([]byte(nil), v.wire...)
			wire[bit/8] ^= 1 << (bit % 8)
			f, n, err := ScanFrame(wire, 0)
			if err != nil || n == 0 {
				wrong++
				continue // the header itself: an error, or a longer packet
			}
			for _, d := range decoders {
				if decodeSafely(t, f, d, v.String()) {
					right++
				} else {
					wrong++
				}
			}
		}
	}
	if right == 0 || wrong == 0 {
		t.Errorf("%d right, %d wrong: the flips show nothing", right, wrong)
	}
}

// TestDecoderIsReused shows that a decoder and a packet keep nothing of the frame before.
func TestDecoderIsReused(t *testing.T) {
	t.Parallel()
	used := map[Type]Packet{}
	d := map[Version]*Decoder{V5: {Version: V5}, V311: {Version: V311}}
	for range 2 {
		for _, v := range loadVectors(t, "golden") {
			f := v.frame(t)
			for _, version := range v.versions {
				p := used[f.Type()]
				if p == nil {
					p = New(f.Type())
					used[f.Type()] = p
				}
				if err := p.Decode(f, d[version]); err != nil {
					t.Fatalf("%v: %v", v, err)
				}
				if q, ok := p.(*Publish); ok && len(q.SubscriptionIDs) == 0 {
					q.SubscriptionIDs = nil // a used packet keeps their memory
				}
				if want := v.build(t); !reflect.DeepEqual(p, want) {
					t.Errorf("%v: %v: into a used packet\n%s, want\n%s", v, version, brief(p), brief(want))
				}
			}
		}
	}
}

// TestDecodeGivesBackMemory shows that one flood of subscription identifiers does not stay in a packet that is used
// again.
func TestDecodeGivesBackMemory(t *testing.T) {
	t.Parallel()
	var p Publish
	var d Decoder
	few := frameOf(t, &Publish{Topic: "a", SubscriptionIDs: []uint32{1, 2}}, V5)
	many := frameOf(t, &Publish{Topic: "a", SubscriptionIDs: slices.Repeat([]uint32{9}, 10*keepIDs)}, V5)
	for _, f := range []Frame{few, many, few, few} {
		if err := p.Decode(f, &d); err != nil {
			t.Fatal(err)
		}
	}
	if len(p.SubscriptionIDs) != 2 || cap(p.SubscriptionIDs) > keepIDs {
		t.Errorf("%v in memory for %d", p.SubscriptionIDs, cap(p.SubscriptionIDs))
	}
}

// TestDecodedPacketsAreApart shows that packets from Decoder.Decode share nothing that a later one overwrites.
func TestDecodedPacketsAreApart(t *testing.T) {
	t.Parallel()
	d := &Decoder{}
	var all []Packet
	var vectors []*vector
	for _, v := range loadVectors(t, "golden") {
		if v.versions[0] != V5 || len(v.wire) > 1000 {
			continue
		}
		p, err := d.Decode(v.frame(t))
		if err != nil {
			t.Fatalf("%v: %v", v, err)
		}
		all, vectors = append(all, p), append(vectors, v)
	}
	for i, v := range vectors {
		if want := v.build(t); !reflect.DeepEqual(all[i], want) {
			t.Errorf("%v: later\n%s, want\n%s", v, brief(all[i]), brief(want))
		}
	}
}

// allocated returns the bytes that f allocates.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// TestAllocationFollowsBytes measures what the worst packets of one megabyte make the decoder allocate: a small
// multiple of the bytes that have arrived.
func TestAllocationFollowsBytes(t *testing.T) {
	repeat := func(head []byte, part string, tail ...byte) []byte {
		b := head
		for len(b) < 1<<20 {
			b = append(b, part...)
		}
		return append(b, tail...)
	}
	props := func(head []byte, part string, tail ...byte) []byte {
		return append(section(head, repeat(nil, part)), tail...)
	}
	for name, f := range map[string]Frame{
		"empty user properties":    {0x30, props([]byte{0, 1, 't'}, "\x26\x00\x00\x00\x00")},
		"short user properties":    {0x30, props([]byte{0, 1, 't'}, "\x26\x00\x02kk\x00\x02vv")},
		"user properties and ids":  {0x30, props([]byte{0, 1, 't'}, "\x26\x00\x00\x00\x00\x0b\x01")},
		"subscription identifiers": {0x30, props([]byte{0, 1, 't'}, "\x0b\x01")},
		"filters":                  {0x82, repeat([]byte{0, 1, 0}, "\x00\x01a\x00")},
		"filters to leave":         {0xA2, repeat([]byte{0, 1, 0}, "\x00\x02ab")},
		"reason codes":             {0x90, repeat([]byte{0, 1, 0}, "\x00")},
		"a bad filter at the end":  {0x82, repeat([]byte{0, 1, 0}, "\x00\x01a\x00", 0, 1, '#', 0xFF)},
	} {
		d := &Decoder{}
		got := allocated(func() { _, _ = d.Decode(f) })
		if limit := uint64(raceFactor * 12 * len(f.Body)); got > limit {
			t.Errorf("%s: %d bytes allocated for a packet of %d", name, got, len(f.Body))
		}
	}
}

// TestLyingLengths shows that a length is not believed before the bytes are there (F91, F94).
//
// Conformance: X-LEN-1
func TestLyingLengths(t *testing.T) {
	for name, f := range map[string]Frame{
		"topic":             {0x30, []byte{0xFF, 0xFF, 'a'}},
		"properties":        {0x30, []byte{0, 1, 't', 0xFF, 0xFF, 0xFF, 0x7F}},
		"user property":     {0x30, []byte{0, 1, 't', 3, 0x26, 0xFF, 0xFF}},
		"correlation data":  {0x30, []byte{0, 1, 't', 3, 0x09, 0xFF, 0xFF}},
		"filter":            {0x82, []byte{0, 1, 0, 0xFF, 0xFF}},
		"client identifier": {0x10, []byte{0, 4, 'M', 'Q', 'T', 'T', 5, 2, 0, 0, 0, 0xFF, 0xFF}},
		"reason string":     {0x20, []byte{0, 0, 3, 0x1F, 0xFF, 0xFF}},
	} {
		d := &Decoder{}
		var err error
		if got := allocated(func() { _, err = d.Decode(f) }); got > 4096 {
			t.Errorf("%s: %d bytes allocated", name, got)
		}
		expectError(t, err, MalformedPacket, "", name)
	}
}
