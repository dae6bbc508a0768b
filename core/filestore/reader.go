package filestore

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"io"
)

// window is how much is read at once.
const window = 64 << 10

// A reader looks at the first limit bytes of a file, which do not change, through a window.
type reader struct {
	f     io.ReaderAt
	limit int64
	buf   []byte
	off   int64 // of buf
}

// view returns n bytes, at most window, that begin at off; fewer at the limit. They are valid until the next call.
func (r *reader) view(off int64, n int) ([]byte, error) {
	n = int(min(int64(n), r.limit-off))
	if n <= 0 {
		return nil, nil
	}
	if off < r.off || off+int64(n) > r.off+int64(len(r.buf)) {
		ahead := int(min(window, r.limit-off))
		if cap(r.buf) < ahead {
			r.buf = make([]byte, ahead)
		}
		r.off, r.buf = off, r.buf[:ahead]
		if err := readFull(r.f, r.buf, off); err != nil {
			r.buf = r.buf[:0]
			return nil, err
		}
	}
	i := int(off - r.off)
	return r.buf[i : i+n], nil
}

// readFull reads as much as p holds.
func readFull(f io.ReaderAt, p []byte, off int64) error {
	n, err := f.ReadAt(p, off)
	if n == len(p) {
		return nil
	}
	if err == nil || err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// each calls fn for the bytes between off and end, piece by piece.
func (r *reader) each(off, end int64, fn func(p []byte) error) error {
	for off < end {
		p, err := r.view(off, int(min(window, end-off)))
		if err == nil && len(p) == 0 {
			err = io.ErrUnexpectedEOF
		}
		if err == nil {
			err = fn(p)
		}
		if err != nil {
			return err
		}
		off += int64(len(p))
	}
	return nil
}

// sum adds the bytes between off and end to a checksum.
func (r *reader) sum(crc uint32, off, end int64) (uint32, error) {
	err := r.each(off, end, func(p []byte) error {
		crc = crc32.Update(crc, castagnoli, p)
		return nil
	})
	return crc, err
}

// A record is one of a batch.
type record struct {
	key     uint64
	deleted bool
	off     int64 // of the value
	n       int64 // length of the value
}

// end is where the next record is.
func (r record) end() int64 { return r.off + r.n }

// record reads the head of the record at off, in a payload that ends at stop.
func (r *reader) record(off, stop int64) (record, bool, error) {
	p, err := r.view(off, int(min(maxHead, stop-off)))
	if err != nil {
		return record{}, false, err
	}
	key, k := binary.Uvarint(p)
	if k <= 0 {
		return record{}, false, nil
	}
	size, n := binary.Uvarint(p[k:])
	if n <= 0 || size > MaxValue+1 {
		return record{}, false, nil
	}
	rec := record{key: key, deleted: size == 0, off: off + int64(k+n), n: max(int64(size)-1, 0)}
	return rec, rec.end() <= stop, nil
}

// checked is record, in a batch that was checked before.
func (r *reader) checked(off, stop int64) (record, error) {
	rec, ok, err := r.record(off, stop)
	if err == nil && !ok {
		err = errChanging
	}
	return rec, err
}

// batch reads the head of a batch at off.
func (r *reader) batch(off int64) (batch, bool, error) {
	p, err := r.view(off, batchHead)
	if err != nil {
		return batch{}, false, err
	}
	b, ok := parseBatchHead(p, off)
	return b, ok, nil
}

// check reads a whole batch and counts its records. False says that it is damaged.
func (r *reader) check(b batch) (batch, bool, error) {
	crc, err := r.sum(b.crc, b.start(), b.stop())
	if err != nil {
		return b, false, err
	}
	tail, err := r.view(b.stop(), batchTail)
	if err != nil || crc != binary.LittleEndian.Uint32(tail) {
		return b, false, err
	}
	for off := b.start(); off < b.stop(); b.count++ {
		rec, ok, err := r.record(off, b.stop())
		if err != nil || !ok {
			return b, false, err
		}
		off = rec.end()
	}
	return b, true, nil
}

// search returns where the mark of a batch is, at off or behind it, or end.
func (r *reader) search(off, end int64) (int64, error) {
	for off < end {
		p, err := r.view(off, window)
		if err != nil {
			return 0, err
		}
		if i := bytes.Index(p, []byte(batchMagic)); i >= 0 {
			return off + int64(i), nil
		}
		off += int64(max(len(p)-len(batchMagic)+1, 1))
	}
	return end, nil
}

// used returns the length of the file without the zeros at its end.
func (r *reader) used() (int64, error) {
	for end := r.limit; end > 0; {
		off := max(0, end-window)
		p, err := r.view(off, int(end-off))
		if err != nil {
			return 0, err
		}
		if p = bytes.TrimRight(p, "\x00"); len(p) > 0 {
			return off + int64(len(p)), nil
		}
		end = off
	}
	return 0, nil
}
