package filestore

import (
	"errors"
	"maps"
	"testing"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
)

// Whatever is in the file, Open copes with it, and afterwards it is a store like any other.
func FuzzOpen(f *testing.F) {
	m := newMemFS(newDisk())
	s, err := openOn(m)
	if err != nil {
		f.Fatal(err)
	}
	for _, b := range [][]mqtt.Change{{put(1, "one"), put(300, "")}, {del(1)}, {put(2, "two"), put(1<<63, "x")}} {
		if err := s.Apply(b); err != nil {
			f.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		f.Fatal(err)
	}
	file := m.content(logName)
	f.Add(file)
	f.Add(file[:len(file)-3])
	f.Add(file[headerSize:])
	f.Add(append(file[:len(file):len(file)], make([]byte, 50)...))
	f.Add(appendBatch(file[:len(file):len(file)], s.id, maxSeq-1, "\x05\x03ab"))
	f.Add(appendHeader(nil, formatVersion+1, 1))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, file []byte) {
		checksums(file)
		m := newMemFS(diskOf(logName, file))
		s, err := openOn(m)
		if err != nil {
			if _, ok := errors.AsType[*VersionError](err); ok {
				return
			}
			t.Fatal(err)
		}
		want := mustLoad(t, s)
		more := []mqtt.Change{put(1, "more"), del(2)}
		mustApply(t, s, more...)
		mustClose(t, s)
		s = mustOpen(t, m)
		if got := mustLoad(t, s); !maps.Equal(got, want.with(more)) {
			t.Fatalf("%s, want %s", got, want.with(more))
		}
		if s.Stats().Damages > 0 {
			t.Fatal("damage was left")
		}
	})
}

// checksums corrects the checksums of what looks like a header or a batch, so that the fuzzer gets behind them.
func checksums(file []byte) {
	if len(file) < headerSize {
		return
	}
	copy(file, appendHeader(nil, formatVersion, uint64(file[16])))
	for off := headerSize; off+batchHead+batchTail <= len(file); {
		h, _ := parseBatchHead(file[off:], int64(off))
		n := int(h.length)
		if n == 0 || n > len(file)-off-batchHead-batchTail {
			n = len(file) - off - batchHead - batchTail
		}
		end := off + batchHead + n
		if n == 0 || file[end] == 0 { // leave some of them
			off++
			continue
		}
		fixed := appendBatch(nil, uint64(file[16]), h.seq%1000, string(file[off+batchHead:end]))
		copy(file[off:], fixed)
		off += len(fixed)
	}
}
