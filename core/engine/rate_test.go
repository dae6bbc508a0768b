package engine

import (
	"math/rand/v2"
	"testing"

	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// In no span of time does more leave than the bucket holds and what flows in during it, and with enough to send it is not
// less either.
func TestRateIsKept(t *testing.T) {
	t.Parallel()
	for seed := range uint64(50) {
		rng := rand.New(rand.NewPCG(seed, 2))
		perSecond := 1 + rng.IntN(300)
		e, err := New(Config{PublishRate: perSecond})
		if err != nil {
			t.Fatal(err)
		}
		now := Instant(rng.Int64N(int64(Second)))
		if err := e.Open(now, &packet.Connect{ClientID: "c"}, Never); err != nil {
			t.Fatal(err)
		}
		accept, err := (&packet.Connack{}).Append(nil, packet.V5)
		if err != nil {
			t.Fatal(err)
		}
		e.Receive(now, accept)
		var sent []Instant
		const messages = 1000
		for begun := 0; len(sent) < messages; {
			before := e.stats.PublishesSent
			for range min(rng.IntN(200), messages-begun) {
				begun++
				if err := e.Submit(now, &Op{Publish: packet.Publish{Topic: "t", QoS: packet.QoS(rng.IntN(2))}}); err != nil {
					t.Fatal(err)
				}
			}
			e.Tick(now)
			e.Wrote(now, len(e.TakeOut(now, nil)))
			for range e.stats.PublishesSent - before {
				sent = append(sent, now)
			}
			if begun < messages && rng.IntN(2) == 0 {
				now += Instant(rng.Int64N(int64(Second)))
			} else if len(sent) < begun { // a message waits: the driver comes when it may go
				if e.nextSend == Never || e.Wake() > e.nextSend {
					t.Fatalf("seed %d: %d of %d sent, and nothing wakes the driver", seed, len(sent), begun)
				}
				now = max(now, e.nextSend)
			}
		}
		hold := max(1, perSecond*9/10)
		for i := range sent {
			for _, j := range []int{i + hold, i + perSecond, i + 3*perSecond} {
				if j >= len(sent) {
					continue
				}
				span := int64(sent[j] - sent[i])
				if most := int64(hold) + 1 + span*int64(perSecond)/int64(Second); int64(j-i+1) > most {
					t.Fatalf("seed %d: %d messages in %d ns at %d in a second", seed, j-i+1, span, perSecond)
				}
			}
		}
	}
}

// A message larger than the bucket goes through as well.
func TestRateBelowOneMessage(t *testing.T) {
	t.Parallel()
	r := rate{perSecond: 10}
	if r.after() > 0 {
		t.Fatal("the bucket is empty at first")
	}
	r.take(0, 1<<28-1) // the largest packet
	if want := Instant(1<<28-1) * Instant(Second) / 10; r.full != want {
		t.Errorf("full at %d, want %d", r.full, want)
	}
	r.take(Never-1, 1)
	if r.full != Never {
		t.Error("time wraps around")
	}
	if _, err := New(Config{PublishRate: -1}); err == nil {
		t.Error("a negative rate is accepted")
	}
	if _, err := New(Config{PublishBytes: -1}); err == nil {
		t.Error("a negative rate is accepted")
	}
}
