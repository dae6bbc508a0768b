package filestore

import (
	"bytes"
	"errors"
	"maps"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
)

// A sample is a small store, closed: its file, and where each batch ends.
type sample struct {
	file    []byte
	batches [][]mqtt.Change
	ends    []int
	id      uint64
}

func newSample(t *testing.T) sample {
	t.Helper()
	m := newMemFS(newDisk())
	s := mustOpen(t, m)
	sm := sample{batches: [][]mqtt.Change{
		{put(1, "one"), put(2, "two"), put(3, "three")},
		{put(4, strings.Repeat("four", 20))},
		{del(2), put(1, "uno")},
		{put(5, ""), put(6, batchMagic+" is no batch"), put(1<<40, "far")},
		{del(3)},
		{put(7, "seven"), put(8, "eight")},
	}}
	for _, b := range sm.batches {
		mustApply(t, s, b...)
		sm.ends = append(sm.ends, int(s.end))
	}
	sm.id = s.id
	mustClose(t, s)
	sm.file = bytes.Clone(m.content(logName))
	return sm
}

// start is where a batch begins.
func (sm sample) start(i int) int {
	if i == 0 {
		return headerSize
	}
	return sm.ends[i-1]
}

// without returns the state if some batches are left out.
func (sm sample) without(missing func(i int) bool) state {
	s := state{}
	for i, b := range sm.batches {
		if !missing(i) {
			s = s.with(b)
		}
	}
	return s
}

// mended opens a store on a damaged file, checks that nothing of the damage is left behind, and returns what was found.
func mended(t *testing.T, file []byte, want state) (found []Damage, m *memFS) {
	t.Helper()
	m = newMemFS(diskOf(logName, file))
	s := mustOpen(t, m, collect(&found))
	holds(t, s, want)
	more := []mqtt.Change{put(9, "nine"), del(1)}
	mustApply(t, s, more...)
	if n := s.Stats().Damages; n != len(found) {
		t.Errorf("%d damages counted, %d reported", n, len(found))
	}
	killed := newMemFS(m.disk(len(m.journal)))
	mustClose(t, s)
	for _, m := range []*memFS{killed, m} {
		var again []Damage
		s = mustOpen(t, m, collect(&again))
		holds(t, s, want.with(more))
		mustClose(t, s)
		if len(again) > 0 {
			t.Fatalf("reported again: %s", again[0])
		}
	}
	return found, m
}

// F72: every bit of a file that flips is noticed, and takes away the batch it is in, nothing else.
func TestEveryBitFlip(t *testing.T) {
	t.Parallel()
	sm := newSample(t)
	for at := 0; at < len(sm.file); at += thin {
		for bit := range 8 {
			file := bytes.Clone(sm.file)
			file[at] ^= 1 << bit
			hit := -1
			for i := range sm.batches {
				if at >= sm.start(i) && at < sm.ends[i] {
					hit = i
				}
			}
			found, m := mended(t, file, sm.without(func(i int) bool { return i == hit }))
			if len(found) != 1 {
				t.Fatalf("byte %d, bit %d: %d damages, want 1: %v", at, bit, len(found), found)
			}
			d := found[0]
			off, n, lost := int64(0), int64(headerCopy), int64(0)
			switch {
			case hit >= 0:
				off, n, lost = int64(sm.start(hit)), int64(sm.ends[hit]-sm.start(hit)), int64(len(sm.batches[hit]))
				if hit == len(sm.batches)-1 {
					lost = -1
				}
			case at >= headerCopy:
				off = headerCopy
			}
			if d.Offset != off || d.Length != n || d.Lost != lost || d.Torn || d.Err != nil {
				t.Fatalf("byte %d, bit %d: %+v, want offset %d, length %d, %d lost", at, bit, d, off, n, lost)
			}
			if got := m.content(base(d.Saved)); !bytes.Equal(got, file[off:off+n]) {
				t.Fatalf("byte %d, bit %d: saved %q, want %q", at, bit, got, file[off:off+n])
			}
		}
	}
}

func base(name string) string { return name[strings.LastIndexAny(name, `/\`)+1:] }

// F69: a file cut off anywhere, before its first byte too, keeps what is whole.
func TestEveryTruncation(t *testing.T) {
	t.Parallel()
	sm := newSample(t)
	for size := range sm.file {
		want := sm.without(func(i int) bool { return sm.ends[i] > size })
		found, m := mended(t, sm.file[:size], want)
		whole := size == headerSize
		for _, end := range sm.ends {
			whole = whole || size == end
		}
		if whole != (len(found) == 0) || len(found) > 1 {
			t.Fatalf("cut to %d: damages %v", size, found)
		}
		if whole {
			continue
		}
		d := found[0]
		wantReason := reasonTorn
		if size == 0 {
			wantReason = reasonEmpty
		} else if size < headerSize {
			wantReason = reasonHeader
		}
		if d.Reason != wantReason || d.Torn != (wantReason == reasonTorn) {
			t.Fatalf("cut to %d: %+v, want %s", size, d, wantReason)
		}
		if d.Torn && len(m.saved()) > 0 {
			t.Fatalf("cut to %d: a torn write was saved: %v", size, m.saved())
		}
	}
}

// A write cut off within space taken in advance is torn, too: zeros follow.
func TestTornInReservedSpace(t *testing.T) {
	t.Parallel()
	sm := newSample(t)
	last := len(sm.batches) - 1
	want := sm.without(func(i int) bool { return i == last })
	for size := sm.start(last) + 1; size < sm.ends[last]-batchTail; size++ {
		if sm.file[size-1] == 0 {
			continue // the same as one shorter
		}
		file := append(bytes.Clone(sm.file[:size]), make([]byte, 5000)...)
		found, m := mended(t, file, want)
		if len(found) != 1 || !found[0].Torn || found[0].Length != int64(size-sm.start(last)) || len(m.saved()) > 0 {
			t.Fatalf("cut to %d: %+v, saved %v", size, found, m.saved())
		}
	}
}

// Zeros behind the last batch are no damage, and what is appended follows the batch, not the zeros.
func TestReservedSpace(t *testing.T) {
	t.Parallel()
	sm := newSample(t)
	for _, zeros := range []int{1, 27, 28, 100, window - 1, window, 3*window + 5} {
		found, m := mended(t, append(bytes.Clone(sm.file), make([]byte, zeros)...), sm.without(never))
		if len(found) != 0 {
			t.Errorf("%d zeros: %v", zeros, found)
		}
		if size := len(m.content(logName)); size > len(sm.file)+200 {
			t.Errorf("%d zeros: the file has %d bytes afterwards", zeros, size)
		}
	}
}

func never(int) bool { return false }

// Damage of any extent costs what it touches. Everything between two damaged batches is kept.
func TestRandomDamage(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(3, 3))
	sm := newSample(t)
	for range 2000 / thin {
		file := bytes.Clone(sm.file)
		hit := map[int]bool{}
		for range 1 + rng.IntN(3) {
			from := headerSize + rng.IntN(len(file)-headerSize)
			to := min(from+1+rng.IntN(100), len(file))
			for i := range sm.batches {
				if from < sm.ends[i] && to > sm.start(i) {
					hit[i] = true
				}
			}
			for i := from; i < to; i++ {
				file[i] ^= byte(1 + rng.IntN(255))
			}
		}
		found, _ := mended(t, file, sm.without(func(i int) bool { return hit[i] }))
		lost := 0
		for _, d := range found {
			lost += int(max(d.Lost, 0))
		}
		want := 0
		for i := range sm.batches {
			tail := true // nothing behind it tells how much was lost
			for j := i; j < len(sm.batches); j++ {
				tail = tail && hit[j]
			}
			if hit[i] && !tail {
				want += len(sm.batches[i])
			}
		}
		if lost != want || len(found) == 0 {
			t.Fatalf("hit %v: %d changes reported lost, want %d: %v", hit, lost, want, found)
		}
	}
}

// A value that holds a whole store is nothing to believe in, whatever is damaged around it: it may come from a peer
// who hopes for that.
func TestValueHoldsAStore(t *testing.T) {
	t.Parallel()
	inner := newSample(t)
	forged := bytes.ReplaceAll(inner.file, []byte("seven"), []byte("SEVEN"))
	m := newMemFS(newDisk())
	ids := uint64(1000)
	s := mustOpen(t, m, func(o *Options) { o.newID = func() uint64 { ids++; return ids } })
	mustApply(t, s, put(1, "before"))
	start := int(s.end)
	mustApply(t, s, mqtt.Change{Key: 2, Value: forged})
	end := int(s.end)
	mustApply(t, s, put(3, "after"))
	mustClose(t, s)
	for at := start; at < end; at++ {
		file := bytes.Clone(m.content(logName))
		file[at] ^= 0x10
		found, _ := mended(t, file, state{1: "before", 3: "after"})
		if len(found) != 1 || found[0].Lost != 1 {
			t.Fatalf("byte %d: found %v", at, found)
		}
	}
}

// A batch that is cut out leaves no unreadable byte, and is missed nevertheless. One that is there twice counts once.
func TestBatchMissingOrTwice(t *testing.T) {
	t.Parallel()
	sm := newSample(t)
	cut := append(bytes.Clone(sm.file[:sm.ends[1]]), sm.file[sm.ends[2]:]...)
	found, m := mended(t, cut, sm.without(func(i int) bool { return i == 2 }))
	if len(found) != 1 || found[0].Reason != reasonMissing || found[0].Lost != 2 || found[0].Length != 0 || len(m.saved()) > 0 {
		t.Errorf("cut out: found %+v", found)
	}
	twice := append(bytes.Clone(sm.file[:sm.ends[2]]), sm.file[sm.ends[0]:]...)
	found, _ = mended(t, twice, sm.without(never))
	if len(found) != 1 || found[0].Lost != 0 || found[0].Length != int64(sm.ends[2]-sm.ends[0]) {
		t.Errorf("twice: found %+v", found)
	}
}

// A batch with good checksums and bad content cannot come from this package, and is refused all the same.
func TestMalformedRecords(t *testing.T) {
	t.Parallel()
	for name, payload := range map[string]string{
		"key without end":    strings.Repeat("\xff", 10),
		"no size":            "\x01",
		"value too long":     "\x01\x05abc",
		"size of 2^63":       "\x01\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01",
		"size over MaxValue": "\x01\x82\x80\x80\x80\x04",
		"second is bad":      "\x02\x04new\x03\x09",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sm := newSample(t)
			file := bytes.Clone(sm.file)
			file = appendBatch(file, sm.id, 11, payload)
			found, _ := mended(t, file, sm.without(never))
			if len(found) != 1 || found[0].Reason != reasonBatch || found[0].Offset != int64(len(sm.file)) {
				t.Errorf("found %+v", found)
			}
		})
	}
}

// Numbers so high that sums of them would overflow are refused, too. A batch of nothing is harmless.
func TestStrangeBatches(t *testing.T) {
	t.Parallel()
	sm := newSample(t)
	for _, seq := range []uint64{maxSeq, 1 << 63, 1<<64 - 1} {
		found, _ := mended(t, appendBatch(bytes.Clone(sm.file), sm.id, seq, "\x02\x04new"), sm.without(never))
		if len(found) != 1 || found[0].Lost != -1 {
			t.Errorf("seq %d: found %+v", seq, found)
		}
	}
	file := appendBatch(bytes.Clone(sm.file), sm.id, 12, "")
	file = appendBatch(file, sm.id, 12, "\x02\x04new")
	if found, _ := mended(t, file, sm.without(never).with([]mqtt.Change{put(2, "new")})); len(found) > 0 {
		t.Errorf("found %+v", found)
	}
}

// appendBatch appends a batch with good checksums.
func appendBatch(file []byte, id, seq uint64, payload string) []byte {
	m := newMemFS(diskOf("x", file))
	f := &memFile{m: m, inode: 1}
	var w batchWriter
	w.begin(f, int64(len(file)), int64(len(payload)), id, seq)
	w.bytes([]byte(payload))
	_ = w.end()
	return m.data[1]
}

// What changes while the store is open is not given to anybody.
func TestDamageWhileOpen(t *testing.T) {
	t.Parallel()
	var found []Damage
	m := newMemFS(newDisk())
	s := mustOpen(t, m, collect(&found))
	mustApply(t, s, put(1, "one"), put(2, "two"), put(3, "three"))
	at := bytes.Index(m.content(logName), []byte("two"))
	m.content(logName)[at] = 'T'
	holds(t, s, state{1: "one", 3: "three"})
	if len(found) != 1 || found[0].Reason != reasonValue || found[0].Offset != int64(at) || found[0].Length != 3 {
		t.Fatalf("found %+v", found)
	}
	if got := m.content(base(found[0].Saved)); string(got) != "Two" {
		t.Errorf("saved %q", got)
	}
	if s.Stats().Keys != 2 {
		t.Errorf("%+v", s.Stats())
	}
}

// A compaction checks before it copies: it would give damaged bytes a good checksum.
func TestCompactionFindsDamage(t *testing.T) {
	t.Parallel()
	var found []Damage
	m := newMemFS(newDisk())
	s := mustOpen(t, m, compactAt(3000), collect(&found))
	mustApply(t, s, put(1, "first"), put(2, "second"))
	off, end := s.end, int64(0)
	mustApply(t, s, put(3, "third"), put(4, "fourth"), put(5, "fifth"))
	end = s.end
	m.content(logName)[bytes.Index(m.content(logName), []byte("fourth"))] ^= 1
	want := state{1: "first", 2: "second"}
	for i := range 100 {
		filler := []mqtt.Change{put(6, strings.Repeat("x", 100)), put(uint64(100+i), "new")}
		want = want.with(filler)
		mustApply(t, s, filler...)
	}
	if s.Stats().Compactions == 0 {
		t.Fatal("no compaction")
	}
	if len(found) != 1 || found[0].Offset != off || found[0].Length != end-off || found[0].Lost != 3 {
		t.Fatalf("found %+v", found)
	}
	holds(t, s, want)
	mustClose(t, s)
	found = nil
	s = mustOpen(t, m, collect(&found))
	if holds(t, s, want); len(found) > 0 {
		t.Errorf("found %+v", found)
	}
}

// A disk that goes bad does not fill itself with what it damages; all of it is reported.
func TestSavedPartsAreBounded(t *testing.T) {
	t.Parallel()
	sm := newSample(t)
	d := diskOf(logName, sm.file)
	for i := range maxSavedFiles {
		d.names[savedPrefix+strings.Repeat("x", i)] = 1
	}
	file := bytes.Clone(sm.file)
	file[sm.start(1)+30] ^= 1
	d.data[1] = file
	var found []Damage
	s := mustOpen(t, newMemFS(d), collect(&found))
	holds(t, s, sm.without(func(i int) bool { return i == 1 }))
	if len(found) != 1 || found[0].Saved != "" || !errors.Is(found[0].Err, ErrSavedEnough) {
		t.Errorf("found %+v", found)
	}
	if !strings.Contains(found[0].String(), "not saved: too many") {
		t.Errorf("described as %s", found[0])
	}
}

func TestDamageString(t *testing.T) {
	t.Parallel()
	d := Damage{Path: "a/session.log", Offset: 64, Length: 40, Reason: reasonBatch, Lost: 2, Saved: "a/damaged-64-40-00000000"}
	want := "a/session.log: unreadable batch at byte 64, 40 bytes, 2 changes lost, saved to a/damaged-64-40-00000000"
	if d.String() != want {
		t.Errorf("%q, want %q", d, want)
	}
}

// An interrupted compaction leaves a file that means nothing.
func TestLeftoverOfCompaction(t *testing.T) {
	t.Parallel()
	sm := newSample(t)
	d := diskOf(logName, sm.file)
	d.data[2], d.names[tmpName] = append(appendHeader(nil, formatVersion, 9), "half a batch"...), 2
	m := newMemFS(d)
	s := mustOpen(t, m)
	holds(t, s, sm.without(never))
	if _, ok := m.names[tmpName]; ok {
		t.Error("it is still there")
	}
	if s.Stats().Damages > 0 || !maps.Equal(mustLoad(t, s), sm.without(never)) {
		t.Error("it was taken for something")
	}
}

// Whenever the power fails during the mending, the damaged part is still in the file, or durably saved.
func TestDamagedPartSurvivesCrash(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(13, 13))
	sm := newSample(t)
	for _, hit := range []int{2, len(sm.batches) - 1} {
		file := bytes.Clone(sm.file)
		file[sm.start(hit)+batchHead+1] ^= 0x40
		part := file[sm.start(hit):sm.ends[hit]]
		m := newMemFS(diskOf(logName, file))
		mustOpen(t, m)
		for n := range len(m.journal) + 1 {
			for _, how := range []loss{loseAll, keepAll, tear, tear, tear} {
				crashed := newMemFS(m.disk(n).crash(how, rng))
				kept := bytes.Contains(crashed.content(logName), part)
				for _, name := range crashed.saved() {
					kept = kept || bytes.Equal(crashed.content(name), part)
				}
				if !kept {
					t.Fatalf("batch %d, after %d entries: neither in the file nor saved", hit, n)
				}
			}
		}
	}
}

// The mark of a batch is found wherever it stands, across what is read at once.
func TestSearch(t *testing.T) {
	t.Parallel()
	for _, at := range []int{0, 1, window - 5, window - 4, window - 3, window - 2, window - 1, window, 2*window - 2, 3*window - 4} {
		data := make([]byte, 3*window)
		copy(data[at:], batchMagic)
		r := reader{f: bytes.NewReader(data), limit: int64(len(data))}
		if got, err := r.search(0, r.limit); err != nil || got != int64(at) {
			t.Errorf("mark at %d found at %d, %v", at, got, err)
		}
		if got, err := r.search(int64(at+1), r.limit); err != nil || got != r.limit {
			t.Errorf("no mark behind %d, found at %d, %v", at, got, err)
		}
	}
}
