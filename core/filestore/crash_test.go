package filestore

import (
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
)

// A history is what was asked of a store, and when, counted in entries of the file system's journal.
type history struct {
	states []state // states[i] is the state after i batches
	begun  []int   // when the Apply of batch i began
	acked  []int   // and when it returned nil
}

// bounds returns which states a crash after n entries may leave.
func (h *history) bounds(n int) (oldest, newest int) {
	for _, at := range h.acked {
		if at <= n {
			oldest++
		}
	}
	for _, at := range h.begun {
		if at <= n {
			newest++
		}
	}
	return oldest, newest
}

// apply makes changes and notes it. A batch of the file is a batch here, too.
func (h *history) apply(t *testing.T, m *memFS, s *Store, changes []mqtt.Change) {
	t.Helper()
	begun := len(m.journal)
	mustApply(t, s, changes...)
	for rest := changes; len(rest) > 0; {
		n, _ := cut(rest)
		h.states = append(h.states, h.states[len(h.states)-1].with(rest[:n]))
		h.begun, h.acked = append(h.begun, begun), append(h.acked, len(m.journal))
		rest = rest[n:]
	}
}

// find returns which of the states it is, the newest if there are several.
func (h *history) find(got state, oldest, newest int) int {
	for i := newest; i >= oldest; i-- {
		if maps.Equal(got, h.states[i]) {
			return i
		}
	}
	return -1
}

// recovered opens a store on what a crash left and returns which state it holds. What cannot be read may only be at the
// end of the file: everything before it had been made durable first.
func (h *history) recovered(t *testing.T, m *memFS, oldest, newest int) (*Store, int) {
	t.Helper()
	var found []Damage
	s := mustOpen(t, m, compactAt(2000), collect(&found))
	for _, d := range found {
		if d.Lost != -1 || d.Reason != reasonTorn && d.Reason != reasonBatch {
			t.Fatalf("damage that no crash can do: %s", d)
		}
	}
	got := mustLoad(t, s)
	i := h.find(got, oldest, newest)
	if i < 0 {
		t.Fatalf("after the crash the store holds %s, which is none of states %d to %d, %s", got, oldest, newest, h.states[oldest])
	}
	return s, i
}

// A workload whose every moment may be the last. After each entry of the journal the power fails, in three ways; each
// time the store must hold what was acknowledged, and at most what was begun. Then the same is done to the recovery. At
// last only the process ends: what the next one then says must not be lost by a loss of power after that.
func TestCrashPoints(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		batches, longest, step int
		keys                   uint64
	}{
		"small": {batches: 160, keys: 40, longest: 300, step: 1},
		"page":  {batches: 45, keys: 10, longest: 20_000, step: 1},
		"large": {batches: 12, keys: 4, longest: 1 << 20, step: 3},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rng := rand.New(rand.NewPCG(1, uint64(c.batches)))
			m := newMemFS(newDisk())
			s := mustOpen(t, m, compactAt(2000))
			h := history{states: []state{{}}}
			for range c.batches {
				h.apply(t, m, s, randomBatch(rng, c.keys, c.longest))
			}
			compactions := s.Stats().Compactions
			mustClose(t, s)
			points := 0
			d := m.base.clone()
			for n := 0; n <= len(m.journal); n++ {
				if n > 0 {
					d.play(m.journal[n-1])
				}
				if n%(c.step*thin) == 0 {
					points += crashHere(t, &h, d, n, rng)
				}
			}
			t.Logf("%d batches, %d compactions, %d entries, %d crashes", len(h.acked), compactions, len(m.journal), points)
			if compactions < 2 {
				t.Error("the workload does not compact")
			}
			if c.step*thin == 1 && points < 1000 {
				t.Errorf("%d crashes are too few", points)
			}
		})
	}
}

// crashHere tries the crashes of one moment and returns how many.
func crashHere(t *testing.T, h *history, d *disk, n int, rng *rand.Rand) (points int) {
	t.Helper()
	oldest, newest := h.bounds(n)
	for _, how := range []loss{loseAll, keepAll, tear, tear} {
		crashed := d.crash(how, rng)
		m := newMemFS(crashed)
		s, at := h.recovered(t, m, oldest, newest)
		opened := len(m.journal)
		points++

		// It works on, and the next start finds what was added.
		more := []mqtt.Change{put(1, "after the crash"), del(2)}
		mustApply(t, s, more...)
		mustClose(t, s)
		s = mustOpen(t, m, collect(new([]Damage)))
		holds(t, s, h.states[at].with(more))
		if damages := s.Stats().Damages; damages != 0 {
			t.Fatalf("%d damages are left after a recovery", damages)
		}

		// The recovery crashes too.
		again := rng.IntN(opened + 1)
		_, _ = h.recovered(t, newMemFS(m.disk(again).crash(tear, rng)), oldest, newest)
		points++
	}

	// The process ends, the next one reads what is not durable, and then the power fails.
	m := newMemFS(d.clone())
	_, at := h.recovered(t, m, oldest, newest)
	_, _ = h.recovered(t, newMemFS(m.disk(len(m.journal)).crash(loseAll, rng)), at, newest)
	return points + 1
}

// Without sync, Close makes durable what Apply did not.
func TestNoSyncClose(t *testing.T) {
	t.Parallel()
	m := newMemFS(newDisk())
	s := mustOpen(t, m, func(o *Options) { o.NoSync = true })
	mustApply(t, s, put(1, "one"))
	holds(t, mustOpen(t, newMemFS(m.disk(len(m.journal)).crash(loseAll, nil))), state{})
	holds(t, mustOpen(t, newMemFS(m.disk(len(m.journal)))), state{1: "one"})
	mustClose(t, s)
	holds(t, mustOpen(t, newMemFS(m.disk(len(m.journal)).crash(loseAll, nil))), state{1: "one"})
}

// A large Apply is several batches, none of them larger than it must be, each durable before the next is begun.
func TestLargeApplyIsSeveralBatches(t *testing.T) {
	t.Parallel()
	m := newMemFS(newDisk())
	s := mustOpen(t, m)
	var changes []mqtt.Change
	for i := range uint64(500) {
		changes = append(changes, put(i, strings.Repeat("x", 10_000)))
	}
	changes = append(changes, put(500, strings.Repeat("y", 3<<20)), put(501, "z"))
	begun := len(m.journal)
	mustApply(t, s, changes...)
	if n := cap(s.w.buf); n > 2*keepBuffer {
		t.Errorf("a buffer of %d bytes", n)
	}
	var ends []int64
	sc := scanner{reader: reader{f: &memFile{m: m, inode: m.names[logName]}, limit: s.end}, pos: headerSize, id: s.id}
	for more := true; more; {
		b, g, ok, err := sc.next(s.end)
		if err != nil || !g.empty() {
			t.Fatalf("%+v, %v", g, err)
		}
		if b.length > maxBatch && b.count > 1 {
			t.Errorf("a batch of %d records has %d bytes", b.count, b.length)
		}
		if more = ok; ok {
			ends = append(ends, b.end())
		}
	}
	if want := (500*10_000+maxBatch-1)/maxBatch + 2; len(ends) != want {
		t.Errorf("batches end at %v, want %d of them", ends, want)
	}
	var synced []int64
	written := int64(0)
	for _, o := range m.journal[begun:] {
		switch o.kind {
		case opWrite:
			written = o.off + int64(len(o.data))
		case opSync:
			synced = append(synced, written)
		}
	}
	if !slices.Equal(synced, ends) {
		t.Errorf("synced at %v, batches end at %v", synced, ends)
	}
}
