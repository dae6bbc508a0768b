package filestore

import (
	"encoding/binary"
	"hash/crc32"
)

const (
	keepBuffer  = 256 << 10 // what is kept of a buffer between calls, and written at once
	writeDirect = 32 << 10  // values from this size are not copied before they are written
)

// A batchWriter writes one batch: in one write, if it is not large.
type batchWriter struct {
	f   file
	off int64
	buf []byte // not written yet
	sum int    // how much of it is in crc
	crc uint32
	err error
}

// begin starts a batch at off, with a payload of size bytes.
func (w *batchWriter) begin(f file, off, size int64, id, seq uint64) {
	w.f, w.off, w.err = f, off, nil
	w.buf = appendBatchHead(w.buf[:0], uint32(size), id, seq)
	w.sum = len(w.buf)
	w.crc = binary.LittleEndian.Uint32(w.buf[w.sum-4:])
}

// record adds the head and the value of a record.
func (w *batchWriter) record(key uint64, value []byte) {
	if len(w.buf)+maxHead > keepBuffer {
		w.flush()
	}
	w.buf = appendHead(w.buf, key, sizeField(value))
	w.bytes(value)
}

// bytes adds a part of the payload.
func (w *batchWriter) bytes(p []byte) {
	if len(p) < writeDirect {
		if len(w.buf)+len(p) > keepBuffer {
			w.flush()
		}
		w.buf = append(w.buf, p...)
		return
	}
	w.flush()
	w.crc = crc32.Update(w.crc, castagnoli, p)
	w.write(p)
}

// end writes the rest of the batch.
func (w *batchWriter) end() error {
	w.checksum()
	w.buf = binary.LittleEndian.AppendUint32(w.buf, w.crc)
	w.sum = len(w.buf)
	w.flush()
	w.f = nil
	return w.err
}

func (w *batchWriter) checksum() {
	w.crc = crc32.Update(w.crc, castagnoli, w.buf[w.sum:])
	w.sum = len(w.buf)
}

func (w *batchWriter) flush() {
	w.checksum()
	w.write(w.buf)
	w.buf, w.sum = w.buf[:0], 0
}

func (w *batchWriter) write(p []byte) {
	if w.err != nil || len(p) == 0 {
		return
	}
	_, w.err = w.f.WriteAt(p, w.off)
	w.off += int64(len(p))
}
