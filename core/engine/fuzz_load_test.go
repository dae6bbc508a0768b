package engine

import (
	"errors"
	"maps"
	"slices"
	"testing"

	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// FuzzLoad gives an engine whatever a store may hold after all went wrong. It must not panic, report what it cannot
// read as ErrBadRecord, keep identifiers apart, and do its work with the rest.
func FuzzLoad(f *testing.F) {
	message := func(p packet.Publish) []byte {
		p.ID = 1
		b, _ := p.Append(make([]byte, 8), packet.V5)
		return b
	}
	state := func(state opState, id byte, flags byte) []byte {
		return append([]byte{byte(state), 0, id, flags}, make([]byte, stateSize-4)...)
	}
	add := func(version bool, records ...Record) {
		var b []byte
		for _, r := range records {
			b = append(b, byte(r.Key>>56), byte(r.Key>>8), byte(r.Key), byte(len(r.Value)))
			b = append(b, r.Value...)
		}
		f.Add(version, b)
	}
	session := Record{Key: keySession, Value: []byte("\x01c")}
	add(true, session, Record{keyMessage | 1, message(packet.Publish{Topic: "a", QoS: 1, Payload: []byte("x")})},
		Record{keyState | 1, state(opUnacked, 1, noteSent)}, Record{keyInbound | 5, []byte{1}}, Record{keyGhost | 9, []byte{1}})
	add(true, session, Record{keyState | 3, state(opReleased, 2, noteSent)}, Record{keyGhost | 2, []byte{1}})
	add(false, session, Record{keyMessage | 1, message(packet.Publish{Topic: "a", QoS: 2})}, Record{keyState | 1, state(opReleased, 0, 0)})
	add(true, session, Record{keyMessage | 1, message(packet.Publish{Topic: "a", QoS: 1})}, Record{keyState | 1, state(opReleased, 3, 0)},
		Record{keyMessage | 2, message(packet.Publish{Topic: "a", QoS: 2, MessageExpiry: packet.Some(uint32(1))})},
		Record{keyState | 2, state(opUnacked, 3, noteSent)})
	one := Record{keyMessage | 1, message(packet.Publish{Topic: "a", QoS: 1})}
	two := Record{keyMessage | 2, message(packet.Publish{Topic: "a", QoS: 2})}
	for _, b := range [][]byte{state(opUnacked, 3, noteSent), state(opWaiting, 3, noteSent), state(opReleased, 3, noteSent)} {
		unacked := Record{keyState | 1, state(opUnacked, 3, noteSent)}
		add(true, session, one, two, unacked, Record{keyState | 2, b}) // one identifier for two messages
		add(true, session, one, unacked, Record{keyState | 2, b})      // of which one is gone
	}
	add(true, session, one, Record{keyState | 1, state(opReleased, 3, noteSent)}) // at QoS 1 there is no such state
	add(true, session, Record{keyMessage | 1, message(packet.Publish{QoS: 1, TopicAlias: 1})},
		Record{keyMessage | 2, message(packet.Publish{Topic: "a"})}) // without a topic; at QoS 0
	f.Fuzz(func(t *testing.T, v5 bool, data []byte) {
		cfg := Config{Durable: true, Epoch: 1 << 60, Version: packet.V311}
		if v5 {
			cfg.Version = packet.V5
		}
		e := newEngine(t, cfg)
		store := map[uint64][]byte{}
		for len(data) >= 4 {
			key := uint64(data[0])<<56 | uint64(data[1])<<8 | uint64(data[2])
			n := min(int(data[3]), len(data)-4)
			store[key] = data[4 : 4+n]
			data = data[4+n:]
		}
		for _, key := range slices.Sorted(maps.Keys(store)) {
			if err := e.Load(key, store[key]); err != nil && !errors.Is(err, ErrBadRecord) {
				t.Fatal(err)
			}
		}
		n := e.LoadDone(0)
		ids := e.ghosts.n
		for _, l := range e.lists() {
			for o := l.head; o != nil; o = o.next {
				n--
				if o.id != 0 {
					ids++
				}
				if o.Publish.QoS == packet.QoS0 || o.state == opReleased && o.Publish.QoS != packet.QoS2 {
					t.Fatalf("a message at QoS %d has state %d", o.Publish.QoS, o.state)
				}
			}
		}
		if n != 0 || ids != e.ids.used || e.ids.get(0) != nil {
			t.Fatalf("%d operations are missing; %d identifiers, %d are in use", n, ids, e.ids.used)
		}
		must(t, e.Open(0, &packet.Connect{ClientID: "c"}, Never))
		feedPacket(t, e, &packet.Connack{SessionPresent: e.established})
		for _, p := range packetsIn(t, e, drain(e)) { // decoding refuses identifier 0
			if q, ok := p.(*packet.Publish); ok && q.Topic == "" {
				t.Fatal("a message without a topic")
			}
		}
		e.TakeDone(nil)
		fuzzRecover(t, e)
	})
}
