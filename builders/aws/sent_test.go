package awsiot

import (
	"errors"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// randomPacket makes a packet of a client, and what of it should be noted.
func randomPacket(r *rand.Rand) (packet.Packet, request) {
	word := func(most int) string { return strings.Repeat("t", 1+r.IntN(most)) }
	user := func() []packet.UserProperty {
		if r.IntN(3) > 0 {
			return nil
		}
		return []packet.UserProperty{{Key: word(5), Value: word(50)}}
	}
	id := uint16(1 + r.IntN(65535))
	switch r.IntN(8) {
	case 0:
		return &packet.Connect{ClientID: word(20)}, request{packet: packet.CONNECT}
	case 1:
		p := &packet.Subscribe{ID: id, UserProperties: user()}
		q := request{packet: packet.SUBSCRIBE}
		for range 1 + r.IntN(4) {
			q.filters = append(q.filters, word(60))
			p.Filters = append(p.Filters, packet.Filter{Filter: q.filters[len(q.filters)-1], QoS: packet.QoS(r.IntN(2))})
		}
		return p, q
	case 2:
		p := &packet.Unsubscribe{ID: id, UserProperties: user()}
		for range 1 + r.IntN(4) {
			p.Filters = append(p.Filters, word(60))
		}
		return p, request{packet: packet.UNSUBSCRIBE, filters: p.Filters}
	case 3:
		return new(packet.Pingreq), request{}
	case 4:
		return &packet.Puback{Ack: packet.Ack{ID: id}}, request{}
	}
	p := &packet.Publish{Topic: word(256), QoS: packet.QoS(r.IntN(3)), Retain: r.IntN(2) == 0, Payload: make([]byte, r.IntN(3000)), UserProperties: user()}
	if p.QoS > 0 {
		p.ID = id
	}
	return p, request{packet: packet.PUBLISH, topic: p.Topic, qos: p.QoS, retain: p.Retain, payload: len(p.Payload)}
}

// Whatever way the stream is cut, the last request is known.
func TestLastRequestIsNoted(t *testing.T) {
	t.Parallel()
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 1))
		version := []packet.Version{packet.V5, packet.V311}[seed%2]
		var stream []byte
		var want request
		for range 1 + r.IntN(6) {
			p, q := randomPacket(r)
			var err error
			if stream, err = p.Append(stream, version); err != nil {
				t.Fatal(err)
			}
			if q.packet != 0 {
				want = q
			}
		}
		var s sent
		for len(stream) > 0 {
			n := min(1+r.IntN(400), len(stream))
			s.note(stream[:n])
			stream = stream[n:]
		}
		got := s.request(version)
		if got.packet != want.packet || got.topic != want.topic || got.qos != want.qos || got.retain != want.retain ||
			got.payload != want.payload || !slices.Equal(got.filters, want.filters) || got.more {
			t.Fatalf("seed %d: noted %+v, want %+v", seed, got, want)
		}
	}
}

// Of more filters than are kept, those that are.
func TestManyFilters(t *testing.T) {
	t.Parallel()
	p := &packet.Subscribe{ID: 1}
	for range 40 {
		p.Filters = append(p.Filters, packet.Filter{Filter: strings.Repeat("f", 30)})
	}
	stream, err := p.Append(nil, packet.V5)
	if err != nil {
		t.Fatal(err)
	}
	var s sent
	s.note(stream)
	if got := s.request(packet.V5); len(got.filters) < 10 || !got.more {
		t.Errorf("noted %d filters, %v", len(got.filters), got.more)
	}
}

// Topics and filters that are too long for the service are seen to be, though they are not kept.
func TestLongTopics(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 5000)
	for _, p := range []packet.Packet{
		&packet.Publish{Topic: long, QoS: 1, ID: 1},
		&packet.Subscribe{ID: 1, Filters: []packet.Filter{{Filter: "a"}, {Filter: long}}},
	} {
		stream, err := p.Append(nil, packet.V5)
		if err != nil {
			t.Fatal(err)
		}
		var s sent
		s.note(stream)
		if r := s.request(packet.V5); !overlong(r.topic) && !anyOverlong(r.filters) {
			t.Errorf("noted %+v", r)
		}
	}
}

// Nothing that is written makes it fail, MQTT or not.
func FuzzNote(f *testing.F) {
	f.Add([]byte{0x30, 0x05, 0, 1, 'a', 'b', 'c'}, byte(2))
	f.Add([]byte{0x82, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 1, 2, 3}, byte(1))
	f.Fuzz(func(t *testing.T, stream []byte, step byte) {
		var s sent
		for len(stream) > 0 {
			n := min(1+int(step), len(stream))
			s.note(stream[:n])
			stream = stream[n:]
			for _, v := range []packet.Version{packet.V5, packet.V311} {
				if r := s.request(v); r.payload > 1<<28 || len(r.topic) > maxKept {
					t.Errorf("noted %+v", r)
				}
			}
		}
	})
}

func BenchmarkNote(b *testing.B) {
	p := &packet.Publish{Topic: "sensors/7/temperature", Payload: make([]byte, 64)}
	one, err := p.Append(nil, packet.V5)
	if err != nil {
		b.Fatal(err)
	}
	batch := slices.Repeat(one, 100)
	var s sent
	b.ReportAllocs()
	for b.Loop() {
		s.note(batch)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(100*b.N), "ns/packet")
}

// An endpoint that several clients use at a time tells nothing of what was sent.
func TestSharedEndpoint(t *testing.T) {
	t.Parallel()
	g := &gate{opts: Options{Now: func() time.Time { return noon }}}
	a, _ := net.Pipe()
	first := g.watch(a)
	_ = first.Close()
	second := g.watch(a)
	if g.shared {
		t.Error("one after the other is not shared")
	}
	third := g.watch(a)
	if !g.shared {
		t.Error("two at a time are shared")
	}
	_, _ = second.Close(), third.Close()
	if err := third.(*watched).CloseWrite(); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("a pipe has no half: %v", err)
	}
}
