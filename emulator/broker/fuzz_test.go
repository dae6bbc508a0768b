package broker_test

import (
	"bytes"
	"runtime"
	"testing"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/packet"
	"github.com/gneiss-mqtt/gneiss-go/emulator/broker"
)

// FuzzBroker feeds arbitrary bytes to three connections of a broker, mixed with losses and time. The first bytes decide:
// each piece of input begins with one byte that says what to do and one for a length. Whatever comes, two well-behaved
// clients go on exchanging messages, everything that is written is well-formed, and memory stays bounded.
func FuzzBroker(f *testing.F) {
	for _, seed := range fuzzSeeds(f) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		r := newFuzzed(t)
		for len(data) >= 2 {
			op, n := data[0], min(int(data[1]), len(data)-2)
			r.attack(op, data[2:2+n])
			data = data[2+n:]
		}
		r.exchange()
		r.limits()
	})
}

// fuzzSeeds are conversations of every packet, with and without a valid CONNECT before.
func fuzzSeeds(f *testing.F) [][]byte {
	var seeds [][]byte
	for _, v := range []packet.Version{packet.V5, packet.V311} {
		connect := encode(f, v, &packet.Connect{ClientID: "x", CleanStart: true, KeepAlive: 10, ReceiveMaximum: 3, TopicAliasMaximum: 2,
			SessionExpiry: 5, MaximumPacketSize: 60, Will: &packet.Will{Topic: "w", Payload: []byte("x"), QoS: 1, Retain: true, DelayInterval: 1}})
		for _, p := range []packet.Packet{
			&packet.Subscribe{ID: 1, Filters: []packet.Filter{{Filter: "#", QoS: 2}, {Filter: "$share/g/+/x", QoS: 1}}},
			&packet.Publish{Topic: "a/x", QoS: 2, ID: 3, Retain: true, Payload: []byte("hello"), UserProperties: []packet.UserProperty{{Key: "k", Value: "v"}}},
			&packet.Publish{Topic: "a/x", QoS: 1, ID: 4, TopicAlias: 1, MessageExpiry: packet.Some[uint32](1)},
			&packet.Pubrel{Ack: packet.Ack{ID: 3}}, &packet.Puback{Ack: packet.Ack{ID: 1}}, &packet.Pubrec{Ack: packet.Ack{ID: 1}},
			&packet.Pubcomp{Ack: packet.Ack{ID: 1}}, &packet.Unsubscribe{ID: 2, Filters: []string{"#"}}, &packet.Pingreq{},
			&packet.Disconnect{Code: packet.DisconnectWithWill},
		} {
			piece := encode(f, v, p)
			seeds = append(seeds, piecesOf(0, connect, piece, piece), piecesOf(1, piece), piecesOf(0, append(bytes.Clone(connect), piece...)))
		}
	}
	return seeds
}

func encode(tb testing.TB, v packet.Version, p packet.Packet) []byte {
	tb.Helper()
	b, err := p.Append(nil, v)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

func piecesOf(op byte, pieces ...[]byte) []byte {
	var b []byte
	for _, p := range pieces {
		b = append(b, op, byte(len(p)))
		b = append(b, p...)
	}
	return b
}

type fuzzed struct {
	*rig
	now      broker.Instant
	bad      [3]broker.ConnID
	pub, sub broker.ConnID
	framers  map[broker.ConnID]*packet.Framer
	got      int
	before   uint64
}

func newFuzzed(t *testing.T) *fuzzed {
	l := broker.Limits{MaxPacketSize: 4096, MaxQueued: 20, MaxQueuedBytes: 20_000, MaxRetained: 20, MaxRetainedBytes: 20_000, OutBuffer: 8192,
		MaxSubscriptions: 50, MaxSessions: 20, MaxConnections: 50}
	r := &fuzzed{rig: newRig(t, broker.Options{Limits: l, Events: broker.EventAll, Hooks: broker.Hooks{Auth: challenge}}), framers: map[broker.ConnID]*packet.Framer{}}
	r.pub = r.client("fuzz-publisher", "", 0, packet.V5)
	r.sub = r.client("fuzz-subscriber", "fuzz/private", packet.QoS1, packet.V5)
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	r.before = m.TotalAlloc
	return r
}

// attack does what one piece of the input says.
func (r *fuzzed) attack(op byte, p []byte) {
	i := int(op) % len(r.bad)
	switch op / 64 {
	case 0, 1:
		if r.bad[i] == 0 {
			r.bad[i] = r.b.Open(r.now, broker.ConnInfo{})
		}
		r.b.Receive(r.now, r.bad[i], p)
	case 2:
		r.b.Closed(r.now, r.bad[i])
		r.bad[i] = 0
	case 3:
		r.now = r.now.Add(time.Duration(op&63) * 100 * time.Millisecond)
		r.b.Wake(r.now)
	}
	r.collect()
}

// collect checks that everything written is well-formed. The attackers never acknowledge that they have got it.
func (r *fuzzed) collect() {
	r.b.TakeEvents(nil)
	for _, id := range r.b.TakeReady(nil) {
		out, closing := r.b.TakeOut(id, nil)
		framer := r.framers[id]
		if framer == nil {
			framer = &packet.Framer{}
			r.framers[id] = framer
		}
		for len(out) > 0 {
			frame, rest, ok, err := framer.Next(out)
			if err != nil || !ok {
				r.tb.Fatalf("connection %d gets a broken stream: %v", id, err)
			}
			out = rest
			if id == r.sub && frame.Type() == packet.PUBLISH {
				r.got++
				r.b.Written(r.now, id, len(frame.Body)+2)
				r.b.Receive(r.now, id, []byte{0x40, 2, frame.Body[14], frame.Body[15]})
			}
		}
		if closing {
			if id == r.pub || id == r.sub {
				r.tb.Fatalf("a client that did nothing wrong is disconnected")
			}
			for i := range r.bad {
				if r.bad[i] == id {
					r.bad[i] = 0
				}
			}
		}
	}
}

// exchange sends a message between the two clients that have nothing to do with all that.
func (r *fuzzed) exchange() {
	before := r.got
	r.b.Receive(r.now, r.pub, encode(r.tb, packet.V5, &packet.Publish{Topic: "fuzz/private", QoS: 1, ID: 1, Payload: []byte("still here")}))
	r.collect()
	if r.got != before+1 {
		r.tb.Fatalf("the other clients have got %d messages, want 1", r.got-before)
	}
}

// limits checks that the attack has cost no more than the limits allow.
func (r *fuzzed) limits() {
	s := r.b.Stats()
	if s.Retained > 20 || s.Sessions > 20 || s.Connections > 50 || s.Subscriptions > 20*50 {
		r.tb.Fatalf("beyond the limits: %+v", s)
	}
	for _, c := range r.b.Clients() {
		if c.Waiting > 20 {
			r.tb.Fatalf("%s has %d waiting", c.ID, c.Waiting)
		}
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	if grown := m.TotalAlloc - r.before; grown > 64<<20 {
		r.tb.Fatalf("the input has cost %d MiB of memory", grown>>20)
	}
}
