package engine

import (
	"math/rand/v2"
	"testing"

	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// Many messages at QoS 2 over a connection that breaks again and again, at every stage of their exchanges: the broker
// takes each exactly once, and each is done exactly once.
//
// Failure: F10, F35
//
// Conformance: MQTT-4.3.3-6, v3:MQTT-4.3.3-1
func TestQoS2ExactlyOnce(t *testing.T) {
	t.Parallel()
	total := 300_000
	if slow {
		total = 20_000
	}
	e := connected(t, Config{}, packet.Connack{})
	rng := rand.New(rand.NewPCG(7, 7))
	taken := make([]uint8, total)    // by the broker, by message
	finished := make([]uint8, total) // by the engine
	held := map[uint16]bool{}        // identifiers that the broker has not been asked to release
	var answers, spare []byte        // on their way back, and a buffer
	var free, done []*Op             // operations that are over
	payload := make([]byte, 4)
	drops := 0
	for submitted, over := 0, 0; over < total; {
		for submitted < total && submitted-over < 50 {
			var o *Op
			if n := len(free); n > 0 {
				o, free = free[n-1], free[:n-1]
				o.Reset()
			} else {
				o = &Op{}
			}
			payload[0], payload[1], payload[2] = byte(submitted), byte(submitted>>8), byte(submitted>>16)
			o.Publish = packet.Publish{Topic: "a", QoS: 2, Payload: payload}
			o.User = submitted
			if err := e.Submit(0, o); err != nil {
				t.Fatal(err)
			}
			submitted++
		}
		p := e.TakeOut(0, spare)
		spare = p[:0]
		cut := len(p)
		dropped := rng.IntN(40) == 0
		if dropped {
			cut = rng.IntN(len(p) + 1)
		}
		e.Wrote(0, cut)
		for in := p[:cut]; ; {
			f, n, _ := packet.ScanFrame(in, 0)
			if n == 0 {
				break
			}
			in = in[n:]
			switch f.Type() {
			case packet.PUBLISH:
				id := uint16(f.Body[3])<<8 | uint16(f.Body[4])
				if !held[id] {
					held[id] = true
					taken[int(f.Body[6])|int(f.Body[7])<<8|int(f.Body[8])<<16]++
				}
				answers = append(answers, 0x50, 2, f.Body[3], f.Body[4])
			case packet.PUBREL:
				delete(held, uint16(f.Body[0])<<8|uint16(f.Body[1]))
				answers = append(answers, 0x70, 2, f.Body[0], f.Body[1])
			}
		}
		if dropped {
			e.Receive(0, answers[:rng.IntN(len(answers)+1)])
			drops++
			answers = answers[:0]
			e.Closed(0)
			if err := e.Open(0, &packet.Connect{ClientID: "c"}, Never); err != nil {
				t.Fatal(err)
			}
			e.Wrote(0, len(e.TakeOut(0, nil)))
			e.Receive(0, []byte{0x20, 3, 1, 0, 0})
		} else {
			e.Receive(0, answers)
			answers = answers[:0]
		}
		e.TakeEvents(nil)
		done = e.TakeDone(done[:0])
		for _, o := range done {
			if o.Err != nil {
				t.Fatal(o.Err)
			}
			finished[o.User.(int)]++
			over++
		}
		free = append(free, done...)
	}
	for i := range total {
		if taken[i] != 1 || finished[i] != 1 {
			t.Fatalf("message %d was taken %d times and done %d times", i, taken[i], finished[i])
		}
	}
	if e.ids.used != 0 || e.inUse != 0 || len(held) != 0 || drops < total/2000 || e.Err() != nil {
		t.Errorf("%d identifiers, quota %d, %d held at the broker, %d drops, %v", e.ids.used, e.inUse, len(held), drops, e.Err())
	}
}
