package broker

import (
	"math/rand/v2"
	"testing"
)

type noted struct{ t *testing.T }

func (n *noted) expired(*Broker, *timer) {}

// TestTimersComeInOrder sets, moves and stops timers at random and compares with what is set.
func TestTimersComeInOrder(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(3, 3))
	var h timerHeap
	timers := make([]timer, 50)
	set := map[*timer]Instant{}
	owner := &noted{t}
	for range 20_000 {
		tm := &timers[r.IntN(len(timers))]
		switch r.IntN(4) {
		case 0, 1:
			at := Instant(r.IntN(1000))
			h.set(tm, at, owner)
			set[tm] = at
		case 2:
			h.stop(tm)
			delete(set, tm)
		case 3:
			now := Instant(r.IntN(1000))
			got := h.due(now)
			if got == nil {
				for _, at := range set {
					if at <= now {
						t.Fatalf("nothing is due at %d, but %d is set", now, at)
					}
				}
				continue
			}
			for _, at := range set {
				if at < got.at {
					t.Fatalf("%d comes before %d", got.at, at)
				}
			}
			if set[got] != got.at || got.at > now {
				t.Fatalf("due at %d: %d, want %d", now, got.at, set[got])
			}
			delete(set, got)
		}
		if len(h) != len(set) {
			t.Fatalf("%d timers, want %d", len(h), len(set))
		}
	}
}
