package filestore

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

// Without both copies of the header the batches themselves tell which file they belong to.
func TestHeaderLost(t *testing.T) {
	t.Parallel()
	sm := newSample(t)
	for name, c := range map[string]struct {
		zeros, missing int
	}{
		"header":             {headerSize, 0},
		"header and a batch": {headerSize + 20, 1},
		"first two batches":  {sm.ends[1], 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := bytes.Clone(sm.file)
			clear(file[:c.zeros])
			found, _ := mended(t, file, sm.without(func(i int) bool { return i < c.missing }))
			lost := 0
			for _, b := range sm.batches[:c.missing] {
				lost += len(b)
			}
			if len(found) != 1 || found[0].Reason != reasonHeader || found[0].Lost != int64(lost) {
				t.Errorf("found %+v, want one header with %d changes lost", found, lost)
			}
		})
	}
	t.Run("batch of another store in its place", func(t *testing.T) {
		t.Parallel()
		file := append(appendBatchHead(nil, 1<<30, 99, 0), sm.file[headerSize:]...)
		if found, _ := mended(t, file, sm.without(never)); len(found) != 1 || found[0].Length != batchHead {
			t.Errorf("found %+v", found)
		}
	})
	t.Run("copies moved away", func(t *testing.T) {
		t.Parallel()
		found, _ := mended(t, sm.file[headerSize:], sm.without(never))
		if len(found) != 1 || found[0].Length != 0 || found[0].Lost != 0 {
			t.Errorf("found %+v", found)
		}
	})
}

// A file that is no store at all is moved aside, whole.
func TestForeignFile(t *testing.T) {
	t.Parallel()
	for name, file := range map[string]string{
		"text":          "some other program's file",
		"one byte":      "x",
		"mark alone":    batchMagic,
		"many marks":    strings.Repeat(batchMagic, 1000),
		"magic alone":   fileMagic,
		"large":         strings.Repeat("0123456789abcdef", 20_000),
		"zeros, a byte": strings.Repeat("\x00", 200_000) + "x",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			found, m := mended(t, []byte(file), state{})
			if len(found) != 1 || found[0].Reason != reasonHeader || found[0].Lost != -1 {
				t.Fatalf("found %+v", found)
			}
			if got := m.content(base(found[0].Saved)); string(got) != file {
				t.Errorf("saved %d bytes, want %d", len(got), len(file))
			}
		})
	}
	t.Run("zeros", func(t *testing.T) {
		t.Parallel()
		found, m := mended(t, make([]byte, 100_000), state{})
		if len(found) != 1 || found[0].Reason != reasonEmpty || found[0].Length != 100_000 || len(m.saved()) > 0 {
			t.Fatalf("found %+v, saved %v", found, m.saved())
		}
	})
}

// The file of a newer version is left alone.
func TestNewerVersion(t *testing.T) {
	t.Parallel()
	file := append(appendHeader(nil, formatVersion+1, 5), "what only the future knows"...)
	for name, damage := range map[string]int{"whole": -1, "first copy damaged": 9, "second copy damaged": 40} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := bytes.Clone(file)
			if damage >= 0 {
				file[damage] ^= 1
			}
			m := newMemFS(diskOf(logName, file))
			_, err := openOn(m)
			e, ok := errors.AsType[*VersionError](err)
			if !ok || e.Version != formatVersion+1 || !strings.Contains(e.Error(), "version 2") {
				t.Fatalf("Open returned %v", err)
			}
			if len(m.journal) > 0 || !bytes.Equal(m.content(logName), file) {
				t.Errorf("Open did %v", m.journal)
			}
			if len(m.locked) > 0 {
				t.Error("Open left the lock")
			}
		})
	}
}
