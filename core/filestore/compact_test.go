package filestore

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
)

// However long a store is used, the file stays below a bound that follows from what is in use.
func TestCompactionBoundsTheFile(t *testing.T) {
	t.Parallel()
	m := newMemFS(newDisk())
	s := mustOpen(t, m, func(o *Options) { o.MinCompact, o.step = 20_000, 1000 })
	rng := rand.New(rand.NewPCG(11, 11))
	want := state{}
	largest := 0
	for i := range 5000 {
		b := randomBatch(rng, 50, 200)
		mustApply(t, s, b...)
		want = want.with(b)
		m.journal = m.journal[:0]
		largest = max(largest, len(m.content(logName)))
		if i%500 == 0 {
			holds(t, s, want)
		}
	}
	st := s.Stats()
	if st.Compactions < 20 || st.CompactError != nil || st.Keys != len(want) {
		t.Errorf("%+v", st)
	}
	if limit := 40_000 + minReserve; largest > limit {
		t.Errorf("the file had %d bytes, limit %d", largest, limit)
	}
	live := int64(0)
	for key, value := range want {
		live += recordSize(key, len(value))
	}
	if st.Live != live {
		t.Errorf("%d bytes counted as live, want %d", st.Live, live)
	}
}

// No Apply waits for a large compaction: what it reads and writes on behalf of it is bounded, as its comment says.
func TestCompactionIsIncremental(t *testing.T) {
	t.Parallel()
	m := newMemFS(newDisk())
	s := mustOpen(t, m)
	want := state{}
	for i := range uint64(24) { // 24 MiB, half of which is garbage afterwards
		b := []mqtt.Change{put(i, strings.Repeat(string(rune('a'+i)), 1<<20-100))}
		for j := range uint64(30) {
			b = append(b, put(1000+i*30+j, strings.Repeat("small", 200)))
		}
		mustApply(t, s, b...)
		want = want.with(b)
	}
	var del12 []mqtt.Change
	for i := range uint64(12) {
		del12 = append(del12, del(2*i))
		for j := range uint64(30) {
			del12 = append(del12, del(1000+2*i*30+j))
		}
	}
	var read, written, syncs, waiting int
	m.fault = func(_ int, o *op) (error, bool) {
		switch o.kind {
		case opRead:
			read += len(o.data)
		case opWrite:
			written += len(o.data)
			if o.name == tmpName {
				waiting += len(o.data)
			}
		case opSync:
			syncs++
			if o.name == tmpName {
				if waiting > syncBytes+2*maxBatch {
					t.Errorf("%d bytes of the new file are made durable at once", waiting)
				}
				waiting = 0
			}
		}
		return nil, true
	}
	apply := func(b ...mqtt.Change) {
		m.journal = m.journal[:0]
		read, written, syncs = 0, 0, 0
		own := 0
		for _, c := range b {
			own += len(c.Value) + maxHead
		}
		mustApply(t, s, b...)
		want = want.with(b)
		bound := max(stepBytes, stepFactor*own) + 2*maxBatch + window
		if read > 2*bound || written > bound+own || syncs > 4 {
			t.Fatalf("one Apply of %d bytes read %d, wrote %d and synced %d times; bound %d", own, read, written, syncs, bound)
		}
	}
	apply(del12...)
	during, before := 0, s.Stats().Size
	for s.Stats().Compactions == 0 {
		if during++; during > 500 {
			t.Fatalf("no end: %+v", s.Stats())
		}
		apply(put(5000+uint64(during), "meanwhile"), del(1000+5*uint64(during)), put(7, "changed"))
		if s.c != nil && cap(s.c.payload) > 2*window {
			t.Fatalf("a buffer of %d bytes", cap(s.c.payload))
		}
	}
	if after := s.Stats().Size; during < 10 || after > before*2/3 {
		t.Errorf("%d calls, %d bytes before, %d after", during, before, after)
	}
	holds(t, s, want)
	mustClose(t, s)
	s = mustOpen(t, m)
	holds(t, s, want)
	if s.Stats().Damages > 0 {
		t.Error("damaged")
	}
}

// Deletions of what has been copied already are copied, others are not needed.
func TestDeletionsDuringCompaction(t *testing.T) {
	t.Parallel()
	m := newMemFS(newDisk())
	s := mustOpen(t, m, compactAt(6000))
	want := state{}
	change := func(b ...mqtt.Change) {
		mustApply(t, s, b...)
		want = want.with(b)
	}
	for i := range uint64(40) {
		change(put(i, strings.Repeat("x", 60)))
	}
	for i := range uint64(25) {
		change(put(100, strings.Repeat("y", 100)), put(i, strings.Repeat("z", 30)))
	}
	for i := 0; s.c == nil; i++ {
		if i > 100 {
			t.Fatal("no compaction")
		}
		change(put(101, strings.Repeat("y", 100)))
	}
	for s.c != nil && len(s.c.table.at) < 20 {
		change(put(101, "w"))
	}
	if s.c == nil {
		t.Fatal("the compaction ended early")
	}
	for i := range uint64(40) { // some are in the new file, some are not
		if i%4 > 0 {
			change(del(i))
		}
		if i%8 == 7 {
			change(put(i, "back"))
		}
	}
	for s.Stats().Compactions == 0 {
		change(del(200))
	}
	holds(t, s, want)
	mustClose(t, s)
	holds(t, mustOpen(t, m), want)
}

// The default settings leave a small file alone.
func TestSmallFileIsNotCompacted(t *testing.T) {
	t.Parallel()
	m := newMemFS(newDisk())
	s := mustOpen(t, m)
	for i := 0; s.Stats().Compactions == 0; i++ {
		if i > 5000 {
			t.Fatal("never compacted")
		}
		if size := s.Stats().Size; s.c != nil && size < defaultMinCompact {
			t.Fatalf("compaction at %d bytes", size)
		}
		mustApply(t, s, put(1, strings.Repeat("x", 1000)))
	}
}
