package filestore

import (
	"errors"
	"io/fs"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
)

var errDisk = errors.New("disk is on fire")

// Each operation of a workload fails, one per run and in every way it can: not made, half made, or made and reported as
// failed; a failed sync leaves what was written readable but never durable, as Linux does. An Apply that fails is
// repeated. After all, and after a loss of power at the end, the store holds every change.
func TestEveryOperationFailsOnce(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(5, 5))
	var batches [][]mqtt.Change
	want := state{}
	for range 60 {
		b := randomBatch(rng, 20, 200)
		batches = append(batches, b)
		want = want.with(b)
	}
	total := runWithFault(t, batches, want, -1, false, rng)
	failed := 0
	for n := 0; n < total; n += thin {
		for _, done := range []bool{false, true} {
			runWithFault(t, batches, want, n, done, rng)
			failed++
		}
	}
	t.Logf("%d failures of %d operations", failed, total)
}

// runWithFault returns how many operations there were.
func runWithFault(t *testing.T, batches [][]mqtt.Change, want state, at int, done bool, rng *rand.Rand) int {
	t.Helper()
	m := newMemFS(newDisk())
	var hit op
	m.fault = func(n int, o *op) (error, bool) {
		if n != at {
			return nil, true
		}
		hit = *o
		switch {
		case o.kind == opWrite && !done:
			o.data = o.data[:rng.IntN(len(o.data))]
		case o.kind == opSync:
			o.kind = opSyncLost
			return errDisk, true
		}
		return errDisk, done
	}
	s, err := openOn(m, compactAt(1500))
	if err != nil {
		s = openAgain(t, m, err)
	}
	for i, b := range batches {
		err := s.Apply(b)
		if err != nil {
			typed(t, err)
			if err := s.Apply(b); err != nil {
				t.Fatalf("operation %d (%v %s) failed: Apply of batch %d fails still: %v", at, hit.kind, hit.name, i, err)
			}
		}
	}
	got, err := load(s)
	if err != nil {
		typed(t, err)
		got = mustLoad(t, s)
	}
	if !maps.Equal(got, want) {
		t.Fatalf("operation %d (%v %s) failed: store holds %s, want %s", at, hit.kind, hit.name, got, want)
	}
	lastState(t, m.disk(len(m.journal)).crash(loseAll, rng), want, hit)
	if err := s.Close(); err != nil {
		typed(t, err)
	}
	if len(m.locked) > 0 {
		t.Fatalf("operation %d (%v %s) failed: Close left the lock", at, hit.kind, hit.name)
	}
	lastState(t, m.disk(len(m.journal)), want, hit)
	return m.ops
}

// openAgain opens a store when that has failed once.
func openAgain(t *testing.T, m *memFS, err error) *Store {
	t.Helper()
	typed(t, err)
	if len(m.locked) > 0 {
		t.Fatal("a failed Open left the lock")
	}
	return mustOpen(t, m, compactAt(1500))
}

// lastState opens what is on a disk.
func lastState(t *testing.T, d *disk, want state, hit op) {
	t.Helper()
	var found []Damage
	s := mustOpen(t, newMemFS(d), collect(&found))
	if got := mustLoad(t, s); !maps.Equal(got, want) {
		t.Fatalf("%v of %s failed: afterwards the store holds %s, want %s", hit.kind, hit.name, got, want)
	}
	for _, d := range found {
		t.Fatalf("%v of %s failed: %s", hit.kind, hit.name, d)
	}
}

// typed checks an error.
func typed(t *testing.T, err error) {
	t.Helper()
	e, ok := errors.AsType[*Error](err)
	if !ok || !errors.Is(err, errDisk) || e.Op == "" || !strings.HasPrefix(e.Error(), "filestore: "+e.Op+" dir") {
		t.Fatalf("error %v (%T)", err, err)
	}
}

// While the disk is full every Apply fails, and nothing changes; when it is not any more, all goes on.
func TestDiskFull(t *testing.T) {
	t.Parallel()
	m := newMemFS(newDisk())
	limit := 40_000
	m.fault = func(_ int, o *op) (error, bool) {
		used := 0
		for _, inode := range m.names {
			used += len(m.data[inode])
		}
		grows := 0
		switch o.kind {
		case opWrite:
			grows = int(o.off) + len(o.data) - len(m.data[o.inode])
			if grows > 0 && used+grows > limit {
				o.data = o.data[:max(0, min(len(o.data), limit-used))]
				return syscall.ENOSPC, false
			}
		case opTruncate:
			grows = int(o.off) - len(m.data[o.inode])
		}
		if grows > 0 && used+grows > limit {
			return syscall.ENOSPC, false
		}
		return nil, true
	}
	s := mustOpen(t, m, compactAt(1000))
	want := state{}
	full := 0
	rng := rand.New(rand.NewPCG(9, 9))
	for i := range 2000 {
		b := []mqtt.Change{put(rng.Uint64N(30), strings.Repeat("x", rng.IntN(2500)))}
		err := s.Apply(b)
		switch {
		case err == nil:
			want = want.with(b)
		case !errors.Is(err, syscall.ENOSPC):
			t.Fatal(err)
		default:
			full++
			holds(t, s, want)
			if full%20 == 0 { // the user makes room, and the application less of what it has to say
				limit = 200_000
				b = nil
				for key := range uint64(30) {
					b = append(b, del(key))
				}
				mustApply(t, s, b...)
				want = state{}
			}
		}
		if s.Stats().Size < 10_000 {
			limit = 40_000
		}
		if i%100 == 0 {
			lastState(t, m.disk(len(m.journal)).crash(tear, rng), want, op{})
		}
	}
	if full < 20 || s.Stats().Compactions < 5 {
		t.Errorf("full %d times, %+v", full, s.Stats())
	}
	holds(t, s, want)
}

// A disk that is full of our own garbage is not full for long: less than MinCompact is compacted, too.
func TestDiskFullOfGarbage(t *testing.T) {
	t.Parallel()
	m := newMemFS(newDisk())
	s := mustOpen(t, m)
	value := strings.Repeat("x", 10_000)
	for i := range uint64(50) {
		mustApply(t, s, put(i, value))
	}
	for i := range uint64(45) {
		mustApply(t, s, del(i))
	}
	limit := len(m.content(logName))
	m.fault = m.full(&limit)
	large := []mqtt.Change{put(100, strings.Repeat("y", 200_000))}
	whole := limit
	limit = len(m.content(logName)) - 50_000 // somebody else takes space, too, so that not even the compaction succeeds
	for range 3 {
		if err := s.Apply(large); !errors.Is(err, syscall.ENOSPC) || !errors.Is(s.Stats().CompactError, syscall.ENOSPC) {
			t.Fatalf("Apply returned %v; %+v", err, s.Stats())
		}
	}
	for i := range uint64(3) {
		mustApply(t, s, del(45+i)) // so little does fit, and makes the next compaction smaller
	}
	limit = whole
	if err := s.Apply(large); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("Apply returned %v", err)
	}
	if st := s.Stats(); st.Compactions != 1 || st.Size > 21_000 {
		t.Fatalf("%+v", st)
	}
	mustApply(t, s, large...)
	mustApply(t, s, put(101, value))
	if s.Stats().Keys != 4 {
		t.Errorf("%+v", s.Stats())
	}
}

// A disk that was full to the last byte leaves no room for a compaction. As soon as there is some it is made, however many
// have failed.
func TestDiskFullToTheLastByte(t *testing.T) {
	t.Parallel()
	m := newMemFS(newDisk())
	s := mustOpen(t, m, compactAt(1000))
	value := strings.Repeat("x", 10_000)
	for i := range uint64(5) {
		mustApply(t, s, put(i, value))
	}
	limit := len(m.content(logName))
	m.fault = m.full(&limit)
	for i := range uint64(5) {
		mustApply(t, s, del(i)) // in the space taken in advance
	}
	limit = int(s.end)
	large := []mqtt.Change{put(9, strings.Repeat("y", 100_000))}
	for range 3 {
		if err := s.Apply(large); !errors.Is(err, syscall.ENOSPC) || !errors.Is(s.Stats().CompactError, syscall.ENOSPC) {
			t.Fatalf("Apply returned %v; %+v", err, s.Stats())
		}
	}
	limit += 200 // for a moment
	if err := s.Apply(large); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("Apply returned %v", err)
	}
	if st := s.Stats(); st.Compactions != 1 || st.Size != headerSize {
		t.Fatalf("%+v", st)
	}
	mustApply(t, s, put(10, value))
}

// full is a disk on which there is room for so many bytes.
func (m *memFS) full(limit *int) func(int, *op) (error, bool) {
	return func(_ int, o *op) (error, bool) {
		used := 0
		for _, inode := range m.names {
			used += len(m.data[inode])
		}
		grows := max(0, int(o.off)+len(o.data)-len(m.data[o.inode]))
		if (o.kind == opWrite || o.kind == opTruncate) && grows > 0 && used+grows > *limit {
			o.data = nil
			return syscall.ENOSPC, false
		}
		return nil, true
	}
}

// A store whose disk is gone refuses, for as long as it is gone.
func TestDiskGone(t *testing.T) {
	t.Parallel()
	m := newMemFS(newDisk())
	s := mustOpen(t, m)
	mustApply(t, s, put(1, "one"))
	gone := true
	m.fault = func(_ int, o *op) (error, bool) {
		if !gone {
			return nil, true
		}
		if o.kind == opWrite {
			o.data = o.data[:len(o.data)/2]
		}
		return errDisk, false
	}
	for range 3 {
		typed(t, s.Apply([]mqtt.Change{put(2, "two")}))
		_, err := load(s)
		typed(t, err)
	}
	gone = false
	holds(t, s, state{1: "one"})
	mustApply(t, s, put(2, "two"), del(1))
	holds(t, s, state{2: "two"})
	mustClose(t, s)
	if got := len(m.content(logName)); got != int(s.Stats().Size) {
		t.Errorf("the file has %d bytes, want %d", got, s.Stats().Size)
	}
}

// A compaction that fails is given up, and tried again when the file has grown.
func TestCompactionFails(t *testing.T) {
	t.Parallel()
	for _, kind := range []opKind{opCreate, opWrite, opSync, opClose, opRename} {
		t.Run(kind.String(), func(t *testing.T) {
			t.Parallel()
			m := newMemFS(newDisk())
			s := mustOpen(t, m, compactAt(1000))
			broken, tries := true, 0
			m.fault = func(_ int, o *op) (error, bool) {
				if o.kind == opCreate && o.name == tmpName {
					tries++
				}
				if broken && o.kind == kind && o.name == tmpName {
					return errDisk, false
				}
				return nil, true
			}
			want := state{}
			apply := func() {
				b := []mqtt.Change{put(uint64(len(want)%3), strings.Repeat("x", 90+len(want)))}
				mustApply(t, s, b...)
				want = want.with(b)
			}
			for range 300 {
				apply()
			}
			if st := s.Stats(); !errors.Is(st.CompactError, errDisk) || st.Compactions > 0 {
				t.Fatalf("%+v", st)
			}
			if tries < 2 || tries > 30 {
				t.Errorf("tried %d times within 300 calls", tries)
			}
			if _, ok := m.names[tmpName]; ok {
				t.Error("the file is left behind")
			}
			broken = false
			for range 300 {
				apply()
			}
			if st := s.Stats(); st.CompactError != nil || st.Compactions == 0 || st.Size > 3000 {
				t.Errorf("%+v", st)
			}
			holds(t, s, want)
		})
	}
}

// A rename may be reported as failed and be made, or be made and not durable for a while. Nothing is written until it is
// known which file has the name.
func TestRenameInDoubt(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		kind opKind
		done bool
	}{
		"made, reported as failed": {opRename, true},
		"not made":                 {opRename, false},
		"folder not durable":       {opSyncDir, false},
		"cannot open":              {opOpen, false},
		"cannot read":              {opRead, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newMemFS(newDisk())
			s := mustOpen(t, m, compactAt(1000))
			want := state{}
			fail, failing := -1, 0
			m.fault = func(_ int, o *op) (error, bool) {
				if o.kind == opRename {
					fail = 3
				}
				if o.kind == c.kind && fail > 0 {
					fail--
					failing++
					return errDisk, c.done
				}
				return nil, true
			}
			refused, played, d := 0, 0, m.base.clone()
			for i := range 200 {
				b := []mqtt.Change{put(uint64(i%3), strings.Repeat("y", 100+i))}
				for err := s.Apply(b); err != nil; err = s.Apply(b) {
					if refused++; refused > 200 {
						t.Fatal(err)
					}
					typed(t, err)
				}
				want = want.with(b)
				for ; played < len(m.journal); played++ {
					d.play(m.journal[played])
				}
				lastState(t, d.crash(loseAll, nil), want, op{kind: c.kind})
			}
			if failing == 0 || (refused > 0) == (c.kind == opRename) {
				t.Errorf("%d failures, %d refusals", failing, refused)
			}
			holds(t, s, want)
		})
	}
}

// A compaction takes space. When an Apply fails, the compaction ends at once: it is finished, or given up if that fails
// too.
func TestFailureEndsCompaction(t *testing.T) {
	t.Parallel()
	for name, tmpFails := range map[string]bool{"finished": false, "given up": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			failureEndsCompaction(t, tmpFails)
		})
	}
}

func failureEndsCompaction(t *testing.T, tmpFails bool) {
	t.Helper()
	m := newMemFS(newDisk())
	s := mustOpen(t, m, compactAt(3000))
	for i := 0; s.c == nil; i++ {
		if i > 100 {
			t.Fatal("no compaction")
		}
		mustApply(t, s, put(1, strings.Repeat("x", 100)))
	}
	m.fault = func(_ int, o *op) (error, bool) {
		if o.kind == opWrite && (o.name == logName || tmpFails) {
			o.data = nil
			return syscall.ENOSPC, false
		}
		return nil, true
	}
	if err := s.Apply([]mqtt.Change{put(2, "two")}); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("Apply returned %v", err)
	}
	if _, ok := m.names[tmpName]; ok {
		t.Error("the new file is still there")
	}
	if st := s.Stats(); (st.Compactions == 0) != tmpFails || (st.CompactError != nil) != tmpFails {
		t.Errorf("%+v", st)
	}
	m.fault = nil
	for range 200 {
		mustApply(t, s, put(1, strings.Repeat("y", 100)))
	}
	if st := s.Stats(); st.Compactions == 0 || st.CompactError != nil {
		t.Errorf("%+v", st)
	}
}

// Where a damaged file cannot be replaced by a mended one, the store works with it as it is, and the next Open mends it.
func TestCannotMend(t *testing.T) {
	t.Parallel()
	sm := newSample(t)
	for name, damage := range map[string][]int{
		"first copy of the header":  {3},
		"second copy of the header": {40},
		"both":                      {3, 40},
		"batch":                     {sm.start(2) + 40},
		"both and first batch":      {3, 40, sm.start(0) + 40},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := slices.Clone(sm.file)
			missing := func(i int) bool {
				for _, at := range damage {
					if at >= sm.start(i) && at < sm.ends[i] {
						return true
					}
				}
				return false
			}
			for _, at := range damage {
				file[at] ^= 1
			}
			m := newMemFS(diskOf(logName, file))
			m.fault = func(_ int, o *op) (error, bool) {
				if o.kind == opRename {
					return errDisk, false
				}
				return nil, true
			}
			s := mustOpen(t, m)
			if err := s.Stats().CompactError; !errors.Is(err, errDisk) {
				t.Errorf("CompactError %v", err)
			}
			more := []mqtt.Change{put(9, "nine"), del(1)}
			mustApply(t, s, more...)
			want := sm.without(missing).with(more)
			holds(t, s, want)

			_, after := mended(t, newMemFS(m.disk(len(m.journal)).crash(loseAll, nil)).content(logName), want)
			if len(after.saved()) == 0 {
				t.Error("nothing was saved")
			}
			m.fault = nil
			for i := 0; s.Stats().Compactions == 0; i++ { // or a later Apply does
				if i > 3000 {
					t.Fatal("never compacted")
				}
				mustApply(t, s, put(5, strings.Repeat("x", 1000)))
			}
			holds(t, s, want.with([]mqtt.Change{put(5, strings.Repeat("x", 1000))}))
			mustClose(t, s)
			if s := mustOpen(t, m); s.Stats().Damages > 0 {
				t.Error("the damage is still there")
			}
		})
	}
}

// Somebody who replaces the file under an open store is noticed before the next file is written over theirs.
func TestReplaced(t *testing.T) {
	t.Parallel()
	m := newMemFS(newDisk())
	s := mustOpen(t, m, compactAt(1000))
	m.fault = func(_ int, o *op) (error, bool) {
		if o.kind == opRename {
			m.names[logName] = m.last + 1
			m.data[m.last+1] = appendHeader(nil, formatVersion, 12345)
			return errDisk, false
		}
		return nil, true
	}
	var err error
	for i := 0; err == nil && i < 100; i++ {
		err = s.Apply([]mqtt.Change{put(1, strings.Repeat("x", 100))})
	}
	if !errors.Is(err, ErrReplaced) {
		t.Fatalf("Apply returned %v", err)
	}
	mustClose(t, s)
}

// Where parts cannot be copied aside, the store opens nevertheless, and says so.
func TestCannotSave(t *testing.T) {
	t.Parallel()
	sm := newSample(t)
	file := slices.Clone(sm.file)
	file[sm.start(2)+30] ^= 1
	m := newMemFS(diskOf(logName, file))
	m.fault = func(_ int, o *op) (error, bool) {
		if strings.HasPrefix(o.name, savedPrefix) && o.kind == opWrite {
			o.data = nil
			return syscall.ENOSPC, false
		}
		return nil, true
	}
	var found []Damage
	s := mustOpen(t, m, collect(&found))
	holds(t, s, sm.without(func(i int) bool { return i == 2 }))
	if len(found) != 1 || found[0].Saved != "" || !errors.Is(found[0].Err, syscall.ENOSPC) || len(m.saved()) > 0 {
		t.Errorf("found %+v, saved %v", found, m.saved())
	}
}

// An Open that cannot write does not lose what it cannot mend.
func TestOpenOfDamageOnReadOnlyDisk(t *testing.T) {
	t.Parallel()
	sm := newSample(t)
	for _, at := range []int{3, 40, sm.start(1), sm.start(2) + 40, len(sm.file) - 1} {
		file := slices.Clone(sm.file)
		file[at] ^= 1
		m := newMemFS(diskOf(logName, file))
		m.fault = func(_ int, o *op) (error, bool) {
			if o.kind < opOpen {
				return fs.ErrPermission, false
			}
			return nil, true
		}
		if _, err := openOn(m); !errors.Is(err, fs.ErrPermission) {
			t.Fatalf("byte %d: Open returned %v", at, err)
		}
		if !slices.Equal(m.content(logName), file) {
			t.Errorf("byte %d: the file has changed", at)
		}
	}
}
