package sink

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/gneiss-mqtt/gneiss-go/bench/internal/wire"
)

func newSession() (*session, *[]string) {
	var joined []string
	return &session{joined: func(id string) { joined = append(joined, id) }}, &joined
}

// transcript is one of every packet a client sends, and the exact answer.
func transcript(level byte) (in, out []byte) {
	in = wire.AppendConnect(in, level, "c", 5)
	out = wire.AppendConnack(out, level)
	in = wire.AppendPublish(in, level, "a/b", []byte("zero"), 0, 0)
	in = wire.AppendPublish(in, level, "a/b", []byte("one"), 1, 1)
	out = wire.AppendAck(out, wire.Puback, 1)
	in = wire.AppendPublish(in, level, "a/b", make([]byte, 300), 2, 2)
	out = wire.AppendAck(out, wire.Pubrec, 2)
	in = wire.AppendAck(in, wire.Pubrel, 2)
	out = wire.AppendAck(out, wire.Pubcomp, 2)
	in = wire.AppendSubscribe(in, level, 3, "some/filter", 2)
	out = wire.AppendSuback(out, level, 3, 1)
	in = append(in, wire.Pingreq<<4, 0)
	out = append(out, wire.Pingresp<<4, 0)
	return in, out
}

func checkTranscript(t *testing.T, s *session, out []byte) {
	t.Helper()
	if string(s.out) != string(out) {
		t.Fatalf("answers\n% x\nwant\n% x", s.out, out)
	}
	want := Counts{Publishes: [3]uint64{1, 1, 1}, Payload: 307, Pubrels: 1}
	if s.counts != want {
		t.Fatalf("counts %+v, want %+v", s.counts, want)
	}
}

func TestFramesSplitAtEveryByte(t *testing.T) {
	t.Parallel()
	for _, level := range []byte{wire.V311, wire.V5} {
		in, out := transcript(level)
		for cut := range len(in) + 1 {
			s, joined := newSession()
			n, err := s.feed(in[:cut])
			if err != nil {
				t.Fatal(err)
			}
			m, err := s.feed(in[n:])
			if err != nil || n+m != len(in) {
				t.Fatalf("level %d cut %d: %d + %d of %d bytes, %v", level, cut, n, m, len(in), err)
			}
			checkTranscript(t, s, out)
			if !slices.Equal(*joined, []string{"c"}) {
				t.Fatalf("joined %q", *joined)
			}
		}
	}
}

func TestFramesByteByByte(t *testing.T) {
	t.Parallel()
	for _, level := range []byte{wire.V311, wire.V5} {
		in, out := transcript(level)
		s, _ := newSession()
		start := 0
		for end := range len(in) + 1 {
			n, err := s.feed(in[start:end])
			if err != nil {
				t.Fatal(err)
			}
			start += n
		}
		checkTranscript(t, s, out)
	}
}

func TestFeedAllocatesNothing(t *testing.T) {
	var in []byte
	for range 100 {
		in = wire.AppendPublish(in, wire.V5, "a/b", []byte("payload"), 1, 7)
		in = wire.AppendPublish(in, wire.V5, "a/b", []byte("payload"), 2, 8)
		in = wire.AppendAck(in, wire.Pubrel, 8)
	}
	s, _ := newSession()
	if _, err := s.feed(wire.AppendConnect(nil, wire.V5, "c", 0)); err != nil {
		t.Fatal(err)
	}
	allocs := testing.AllocsPerRun(100, func() {
		s.out = s.out[:0]
		if n, err := s.feed(in); n != len(in) || err != nil {
			t.Fatal(n, err)
		}
	})
	if allocs != 0 {
		t.Errorf("%v allocations per 300 packets", allocs)
	}
}

func TestBadInputEndsTheSession(t *testing.T) {
	t.Parallel()
	connect := string(wire.AppendConnect(nil, wire.V5, "c", 0))
	subscribed := connect + string(wire.AppendSubscribe(nil, wire.V5, 1, SourceFilter(3, 0), 1))
	for name, c := range map[string]struct {
		in   string
		want error
	}{
		"garbage":               {strings.Repeat("\xff", 32), wire.ErrMalformed},
		"http":                  {"GET / HTTP/1.1\r\n\r\n" + strings.Repeat(" ", 64), ErrProtocol},
		"256 MB":                {"\x10\xff\xff\xff\x7f", wire.ErrTooLarge},
		"publish first":         {"\x30\x05\x00\x01txy", ErrProtocol},
		"bad connect":           {"\x10\x02\x00\x04", wire.ErrMalformed},
		"second connect":        {connect + connect, ErrProtocol},
		"connack":               {connect + "\x20\x03\x00\x00\x00", ErrProtocol},
		"publish QoS 3":         {connect + "\x36\x06\x00\x01t\x00\x01\x00", wire.ErrMalformed},
		"pubrel flags":          {connect + "\x60\x02\x00\x01", ErrProtocol},
		"pubrel cut":            {connect + "\x62\x01\x00", wire.ErrMalformed},
		"subscribe flags":       {connect + "\x80\x07\x00\x01\x00\x00\x01f\x00", ErrProtocol},
		"subscribe empty":       {connect + "\x82\x03\x00\x01\x00", wire.ErrMalformed},
		"puback for nothing":    {connect + "\x40\x02\x00\x01", ErrProtocol},
		"puback too early":      {subscribed + "\x40\x02\x00\x01", ErrProtocol},
		"puback of a refusal":   {subscribed + "\x40\x03\x00\x01\x87", ErrProtocol},
		"puback cut":            {subscribed + "\x40\x01\x00", wire.ErrMalformed},
		"disconnect":            {connect + "\xe0\x00", errDisconnected},
		"chatter after goodbye": {connect + "\xe0\x00" + connect, errDisconnected},
	} {
		s, _ := newSession()
		if _, err := s.feed([]byte(c.in)); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

func FuzzFeed(f *testing.F) {
	for _, level := range []byte{wire.V311, wire.V5} {
		in, _ := transcript(level)
		f.Add(in, uint16(7))
		f.Add(wire.AppendSubscribe(in, level, 1, SourceFilter(3, 0), 1), uint16(40))
	}
	f.Fuzz(func(t *testing.T, data []byte, cut uint16) {
		whole, _ := newSession()
		wholeN, wholeErr := whole.feed(data)
		split, _ := newSession()
		n, err := split.feed(data[:min(int(cut), len(data))])
		if err == nil {
			var m int
			m, err = split.feed(data[n:])
			n += m
		}
		if n != wholeN || (err == nil) != (wholeErr == nil) || string(split.out) != string(whole.out) || split.counts != whole.counts {
			t.Fatalf("cut at %d: %d bytes, %v; whole: %d, %v", cut, n, err, wholeN, wholeErr)
		}
	})
}

func BenchmarkFeed(b *testing.B) {
	for qos := range byte(3) {
		b.Run(string('0'+rune(qos)), func(b *testing.B) {
			var in []byte
			const packets = 1000
			for range packets {
				in = wire.AppendPublish(in, wire.V5, "bench/topic", make([]byte, 64), qos, 7)
			}
			s, _ := newSession()
			if _, err := s.feed(wire.AppendConnect(nil, wire.V5, "c", 0)); err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				s.out = s.out[:0]
				if _, err := s.feed(in); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*packets), "ns/packet")
		})
	}
}
