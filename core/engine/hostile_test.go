package engine

import (
	"errors"
	"slices"
	"testing"

	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// A broker that provokes answers while nothing can be written to it is cut off, before the answers take much memory.
func TestFloodOfPacketsThatNeedAnAnswer(t *testing.T) {
	t.Parallel()
	for _, p := range []packet.Packet{
		&packet.Pubrel{Ack: packet.Ack{ID: 9}}, // unknown
		&packet.Pubrec{Ack: packet.Ack{ID: 1}}, // again and again
		&packet.Pubrec{Ack: packet.Ack{ID: 9}}, // unknown
		&packet.Publish{Topic: "a", QoS: 1, ID: 1},
		&packet.Publish{Topic: "a", QoS: 2, ID: 1},
	} {
		e := connected(t, Config{}, packet.Connack{})
		must(t, e.Submit(0, publishOp(2)))
		drain(e)
		feedPacket(t, e, &packet.Pubrec{Ack: packet.Ack{ID: 1}})
		drain(e)
		b, err := p.Append(nil, packet.V5)
		must(t, err)
		chunk := slices.Repeat(b, 1000)
		for range 1000 {
			for rest := chunk; ; {
				var m *Inbound
				if rest, m = e.Receive(0, rest); m == nil {
					break
				}
				_ = e.Ack(0, m.Token, packet.Success, "")
			}
		}
		if !errors.Is(e.Err(), ErrNotReading) {
			t.Errorf("%s: %v, want %v", p.Type(), e.Err(), ErrNotReading)
		}
		if len(e.out) > maxReplies+64 || len(e.events) > maxForgiven || len(e.acks1.slots)+len(e.acks2.slots) > 64 {
			t.Errorf("%s: %d bytes to write, %d events, %d and %d acknowledgements", p.Type(), len(e.out), len(e.events),
				len(e.acks1.slots), len(e.acks2.slots))
		}
	}
}

// Acknowledgements for nothing are counted and reported, but the reports do not pile up.
func TestFloodOfUnknownAcks(t *testing.T) {
	t.Parallel()
	e := connected(t, Config{}, packet.Connack{ReceiveMaximum: 1})
	must(t, e.Submit(0, publishOp(1)))
	must(t, e.Submit(0, publishOp(1)))
	drain(e)
	chunk := slices.Repeat([]byte{0x40, 2, 0, 99, 0x70, 2, 0, 99, 0xD0, 0}, 10_000)
	e.Receive(0, chunk)
	if n := len(e.TakeEvents(nil)); n != maxForgiven {
		t.Errorf("%d events, want %d", n, maxForgiven)
	}
	e.Receive(0, chunk)
	if n := len(e.TakeEvents(nil)); n != maxForgiven {
		t.Errorf("%d events after the first were taken, want %d", n, maxForgiven)
	}
	if s := e.Stats(); s.Forgiven != 60_000 || s.Unacked != 1 || e.Err() != nil {
		t.Errorf("stats %+v, error %v", s, e.Err())
	}
}

// Repetitions of a QoS 2 message whose PUBREC waits for an earlier one cost nothing, however many.
func TestFloodOfRepeatedQoS2(t *testing.T) {
	t.Parallel()
	e := connected(t, Config{}, packet.Connack{})
	var second AckToken
	for id := range uint16(2) {
		b, _ := (&packet.Publish{Topic: "a", QoS: 2, ID: id + 1}).Append(nil, packet.V5)
		_, m := e.Receive(0, b)
		second = m.Token
	}
	must(t, e.Ack(0, second, packet.Success, "")) // waits for the first
	b, _ := (&packet.Publish{Topic: "a", QoS: 2, ID: 2, Dup: true}).Append(nil, packet.V5)
	if rest, m := e.Receive(0, slices.Repeat(b, 100_000)); m != nil || len(rest) > 0 {
		t.Fatalf("delivered again: %v", m)
	}
	if e.acks2.n != 2 || len(e.acks2.slots) > 16 || len(e.out) > 0 {
		t.Errorf("%d acknowledgements wait in %d slots, %d bytes to write", e.acks2.n, len(e.acks2.slots), len(e.out))
	}
}

// A broker that announces a huge packet and sends it slowly takes memory only for what it has sent.
func TestHugePacketSlowly(t *testing.T) {
	t.Parallel()
	e := connected(t, Config{}, packet.Connack{})
	e.Receive(0, []byte{0x30, 0xFF, 0xFF, 0xFF, 0x7F})
	for range 100 {
		e.Receive(0, make([]byte, 100))
	}
	if n := e.framer.Buffered(); n != 10_005 || e.Err() != nil {
		t.Errorf("%d bytes are held, error %v", n, e.Err())
	}
}

// A keep alive flood: answers to pings that were never sent do not keep a dead connection alive.
func TestPingrespFlood(t *testing.T) {
	t.Parallel()
	e := newEngine(t, Config{})
	must(t, e.Open(0, &packet.Connect{ClientID: "c", KeepAlive: 10}, Never))
	feedPacket(t, e, &packet.Connack{})
	drain(e)
	e.Tick(10 * second)
	e.Receive(11*second, []byte{0xD0, 0}) // the PINGREQ has not even been taken
	for now := 11 * second; now < 60*second && e.Err() == nil; now += second {
		e.Tick(now)
	}
	if !errors.Is(e.Err(), ErrPingTimeout) {
		t.Errorf("%v, want %v", e.Err(), ErrPingTimeout)
	}
}

// What a burst needed is given back when it is over.
func TestMemoryAfterABurst(t *testing.T) {
	t.Parallel()
	e := connected(t, Config{}, packet.Connack{})
	for range 50_000 {
		if err := e.Submit(0, publishOp(1)); err != nil {
			t.Fatal(err)
		}
		drain(e)
	}
	for id := 1; id <= 50_000; id++ {
		e.Receive(0, []byte{0x40, 2, byte(id >> 8), byte(id)})
	}
	for id := 1; id <= 50_000; id++ {
		b, _ := (&packet.Publish{Topic: "a", QoS: 2, ID: uint16(id)}).Append(nil, packet.V5)
		_, m := e.Receive(0, b)
		if id%2 == 0 {
			_ = e.Ack(0, m.Token, packet.Success, "")
		}
	}
	for seq := 1; seq <= 50_000; seq += 2 {
		_ = e.Ack(0, AckToken{seq: uint64(seq), epoch: e.epoch, qos: packet.QoS2}, packet.Success, "")
	}
	drain(e)
	for id := 1; id <= 50_000; id++ {
		e.Receive(0, []byte{0x62, 2, byte(id >> 8), byte(id)})
	}
	drain(e)
	if n := len(e.TakeDone(nil)); n != 50_000 {
		t.Fatalf("%d operations are done", n)
	}
	if len(e.ids.slots) > keepSlots || cap(e.done) > keepDone || len(e.acks2.slots) > keepOwed || e.inbound2.used > keepPages {
		t.Errorf("kept: %d identifiers, %d done, %d acknowledgements, %d pages", len(e.ids.slots), cap(e.done),
			len(e.acks2.slots), e.inbound2.used)
	}
}
