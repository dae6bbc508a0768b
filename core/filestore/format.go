package filestore

import (
	"encoding/binary"
	"hash/crc32"
	"math/bits"
)

// The store is one file, session.log, that only grows until it is replaced by a shorter one. Integers are little
// endian, checksums are CRC-32C (Castagnoli).
//
//	file   = header header batch* zero*
//	header = magic [8]  version uint32  reserved uint32  id uint64  reserved uint32  crc uint32
//	batch  = magic [4]  length uint32  id uint64  seq uint64  crc uint32  payload [length]  crc uint32
//	payload = record+
//	record = key uvarint  size uvarint  value [size-1]
//
// The header stands there twice, because without it nothing else could be trusted. Its first 32 bytes keep this shape in
// all versions of the format, so that an old program knows a newer file when it sees one.
//
// The id is random, new for each file, and repeated in each batch. A value may well hold a batch of another store,
// sent by somebody on purpose; when the reader looks for the next batch behind a damaged one, the id keeps it from
// believing in that.
//
// The first crc of a batch covers the 24 bytes before it, so that a length can be trusted before anything is read with
// it. The second covers these bytes and the payload. Seq counts the records of the file before this batch: a jump tells how
// many were lost. Size 0 is a deletion and has no value; otherwise the value has size-1 bytes.
//
// One batch is durable before the next is written. Therefore an unreadable batch with readable ones behind it is
// damage, and an unreadable one at the end may be a write that power or process did not survive; it was never
// acknowledged unless it was damaged later. Zeros at the end are space taken in advance.
const (
	fileMagic     = "\x8bgneiss\n"
	formatVersion = 1
	headerCopy    = 32
	headerSize    = 2 * headerCopy

	batchMagic = "\xb5GNB"
	batchHead  = 28
	batchTail  = 4

	// maxBatch is the payload that is written before it is made durable, unless one record alone is larger. It bounds
	// what one flipped bit can take away, and what one step of a compaction must check before it copies.
	maxBatch = 1 << 20
	// maxHead is the most that the key and size of a record take.
	maxHead = binary.MaxVarintLen64 + binary.MaxVarintLen32
	// maxSeq keeps sums of sequence numbers in range, whatever a file says.
	maxSeq = 1 << 62
)

// MaxValue is the largest value a store takes, in bytes: four times what an MQTT packet can hold.
const MaxValue = 1 << 30

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func checksum(p []byte) uint32 { return crc32.Checksum(p, castagnoli) }

// appendHeader appends both copies of the file's header.
func appendHeader(b []byte, version uint32, id uint64) []byte {
	start := len(b)
	b = append(b, fileMagic...)
	b = binary.LittleEndian.AppendUint32(b, version)
	b = binary.LittleEndian.AppendUint32(b, 0)
	b = binary.LittleEndian.AppendUint64(b, id)
	b = binary.LittleEndian.AppendUint32(b, 0)
	b = binary.LittleEndian.AppendUint32(b, checksum(b[start:]))
	return append(b, b[start:]...)
}

// A header is what one copy says.
type header struct {
	version uint32
	id      uint64
}

// parseHeader reads one copy.
func parseHeader(b []byte) (header, bool) {
	if len(b) < headerCopy || string(b[:8]) != fileMagic || checksum(b[:28]) != binary.LittleEndian.Uint32(b[28:]) {
		return header{}, false
	}
	h := header{version: binary.LittleEndian.Uint32(b[8:]), id: binary.LittleEndian.Uint64(b[16:])}
	return h, h.version > 0
}

// A batch says where records are.
type batch struct {
	off    int64 // of the batch
	length int64 // of the payload
	id     uint64
	seq    uint64
	crc    uint32 // of the head; the payload's goes on from it
	count  int    // records, known once it was checked
}

func (b batch) start() int64        { return b.off + batchHead }       // of the payload
func (b batch) stop() int64         { return b.start() + b.length }    // of the payload
func (b batch) end() int64          { return b.stop() + batchTail }    // of the batch
func (b batch) next() uint64        { return b.seq + uint64(b.count) } // seq of the batch behind it
func batchSize(payload int64) int64 { return batchHead + payload + batchTail }

// appendBatchHead appends what stands before a payload.
func appendBatchHead(dst []byte, length uint32, id, seq uint64) []byte {
	start := len(dst)
	dst = append(dst, batchMagic...)
	dst = binary.LittleEndian.AppendUint32(dst, length)
	dst = binary.LittleEndian.AppendUint64(dst, id)
	dst = binary.LittleEndian.AppendUint64(dst, seq)
	return binary.LittleEndian.AppendUint32(dst, checksum(dst[start:]))
}

// parseBatchHead reads what stands before a payload, at off in its file.
func parseBatchHead(b []byte, off int64) (batch, bool) {
	if len(b) < batchHead || string(b[:4]) != batchMagic {
		return batch{}, false
	}
	h := batch{
		off:    off,
		length: int64(binary.LittleEndian.Uint32(b[4:])),
		id:     binary.LittleEndian.Uint64(b[8:]),
		seq:    binary.LittleEndian.Uint64(b[16:]),
		crc:    binary.LittleEndian.Uint32(b[24:]),
	}
	return h, h.crc == checksum(b[:24]) && h.seq < maxSeq
}

// appendHead appends what stands before the value of a record.
func appendHead(dst []byte, key uint64, size uint64) []byte {
	return binary.AppendUvarint(binary.AppendUvarint(dst, key), size)
}

// sizeField is what a record says of its value.
func sizeField(value []byte) uint64 {
	if value == nil {
		return 0
	}
	return uint64(len(value)) + 1
}

// recordSize is the length of a record whose value has n bytes. A deletion is as long as an empty value.
func recordSize(key uint64, n int) int64 {
	return uvarintSize(key) + uvarintSize(uint64(n)+1) + int64(n)
}

func uvarintSize(n uint64) int64 { return int64(bits.Len64(n|1)+6) / 7 }
