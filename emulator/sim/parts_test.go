package sim

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/engine"
)

// TestSchedule fires timers by time and, at the same time, in the order in which they were set.
func TestSchedule(t *testing.T) {
	t.Parallel()
	r := newChance(1)
	var s schedule
	timers := make([]timer, 200)
	want := map[*timer]time.Duration{}
	for range 5000 {
		i := &timers[r.IntN(len(timers))]
		switch at := time.Duration(r.IntN(50)); r.IntN(3) {
		case 0:
			s.stop(i)
			delete(want, i)
		case 1:
			s.set(i, at)
			want[i] = at
		default:
			if old, ok := want[i]; !ok || old > at {
				want[i] = at
			}
			s.setBy(i, at)
		}
	}
	var last *timer
	for i := s.next(); i != nil; i = s.next() {
		if at, ok := want[i]; !ok || at != i.at || i.isSet() {
			t.Fatalf("a timer fires at %v, it was set to %v", i.at, at)
		}
		delete(want, i)
		if last != nil && (last.at > i.at || last.at == i.at && last.seq > i.seq) {
			t.Fatalf("%v after %v", i.at, last.at)
		}
		last = i
	}
	if len(want) > 0 {
		t.Errorf("%d timers never fire", len(want))
	}
}

// rig is a pipe and what comes out of it.
type rig struct {
	w    *world
	p    pipe
	got  []byte
	end  bool
	cuts int
}

func newRig(seed uint64, how style, window int) *rig {
	r := &rig{w: newWorld(seed, newPlan)}
	r.p = pipe{w: r.w, window: window, latency: time.Millisecond, cut: -1, style: how}
	r.p.timer.fire = r.p.arrive
	r.p.deliver = func(b []byte) { r.got = append(r.got, b...) }
	r.p.ended = func() { r.end = true }
	r.p.drained = func() {}
	r.p.onCut = func() { r.cuts++; r.p.kill() }
	return r
}

// TestPipe carries bytes in order, whatever the pieces, and never more than there is room for.
func TestPipe(t *testing.T) {
	t.Parallel()
	for how := range numStyles {
		r := newRig(uint64(how), how, 100)
		var sent []byte
		for i := range 50 {
			b := bytes.Repeat([]byte{byte(i)}, 40)
			for len(b) > 0 {
				n := r.p.write(b)
				if r.p.room() < 0 {
					t.Fatal("more than the window is under way")
				}
				sent = append(sent, b[:n]...)
				if b = b[n:]; len(b) > 0 && !r.w.step() {
					t.Fatal("nothing moves")
				}
			}
		}
		r.p.close()
		for r.w.step() {
		}
		if !bytes.Equal(r.got, sent) || !r.end {
			t.Errorf("style %d: %d bytes of %d, ended %v", how, len(r.got), len(sent), r.end)
		}
	}
}

// TestPipeTrouble cuts at a byte, stalls, and swallows.
func TestPipeTrouble(t *testing.T) {
	t.Parallel()
	cut := newRig(1, styleWhole, 100)
	cut.p.cut = 7
	cut.p.write(make([]byte, 20))
	for cut.w.step() {
	}
	if len(cut.got) != 7 || cut.cuts != 1 || cut.p.write([]byte("void")) != 4 {
		t.Errorf("%d bytes before the cut, %d cuts", len(cut.got), cut.cuts)
	}
	slow := newRig(1, styleWhole, 100)
	slow.p.write([]byte("a"))
	slow.p.stall(time.Hour)
	for slow.w.step() {
	}
	if string(slow.got) != "a" || slow.w.now != time.Hour {
		t.Errorf("%q at %v", slow.got, slow.w.now)
	}
	hole := newRig(1, styleWhole, 10)
	hole.p.hole = true
	if n := hole.p.write(make([]byte, 20)); n != 10 || hole.w.step() || len(hole.got) > 0 {
		t.Errorf("a hole takes %d bytes, %d come out", n, len(hole.got))
	}
}

// TestStoreCrash keeps what was confirmed, and of the rest a prefix.
func TestStoreCrash(t *testing.T) {
	t.Parallel()
	seen := map[int]bool{}
	for seed := range uint64(50) {
		w := newWorld(seed, newPlan)
		c := w.newClient(&clientPlan{name: "c", durable: true})
		s := c.store
		s.batch = []engine.Record{{Key: 1, Value: []byte("a")}}
		s.apply(1)
		s.batch = []engine.Record{{Key: 2, Value: []byte("b")}, {Key: 1}, {Key: 3, Value: []byte("c")}}
		s.busy = true
		s.crash()
		states := [][]uint64{{1}, {1, 2}, {2}, {2, 3}}
		var keys []uint64
		for k := range s.keys {
			keys = append(keys, k)
		}
		slices.Sort(keys)
		i := slices.IndexFunc(states, func(l []uint64) bool { return slices.Equal(l, keys) })
		if i < 0 || s.busy {
			t.Fatalf("after a crash: %v", keys)
		}
		seen[i] = true
	}
	if len(seen) != 4 {
		t.Errorf("prefixes seen: %v", seen)
	}
}
