package engine

import "github.com/gneiss-mqtt/gneiss-go/core/packet"

// ackRing holds the acknowledgements that are owed, in the order in which the messages came. They may be marked in
// any order and leave from the head.
type ackRing struct {
	slots []owed // length a power of two
	head  uint64 // sequence number of the oldest, from 1
	n     int
	bytes int // of the messages
}

type owed struct {
	id     uint16
	marked bool
	code   packet.ReasonCode
	size   uint32 // of the message
	reason string
}

func (r *ackRing) reset() {
	if len(r.slots) > keepOwed {
		r.slots = nil
	}
	clear(r.slots)
	r.head, r.n, r.bytes = 1, 0, 0
}

func (r *ackRing) at(seq uint64) *owed { return &r.slots[seq&uint64(len(r.slots)-1)] }

// push adds a message and returns its sequence number.
func (r *ackRing) push(id uint16, size int) uint64 {
	if r.n == len(r.slots) {
		bigger := ackRing{slots: make([]owed, max(16, 2*len(r.slots)))}
		for seq := r.head; seq < r.head+uint64(r.n); seq++ {
			*bigger.at(seq) = *r.at(seq)
		}
		r.slots = bigger.slots
	}
	seq := r.head + uint64(r.n)
	*r.at(seq) = owed{id: id, size: uint32(size)}
	r.n++
	r.bytes += size
	return seq
}

// mark says that the message can be acknowledged. It reports false where it was before.
func (r *ackRing) mark(seq uint64, code packet.ReasonCode, reason string) (id uint16, ok bool) {
	if seq < r.head || seq >= r.head+uint64(r.n) {
		return 0, false
	}
	a := r.at(seq)
	if a.marked {
		return 0, false
	}
	a.marked, a.code, a.reason = true, code, reason
	return a.id, true
}

// markID is mark for the message with an identifier that is owed.
func (r *ackRing) markID(id uint16, code packet.ReasonCode, reason string) {
	for seq := r.head; seq < r.head+uint64(r.n); seq++ {
		if a := r.at(seq); a.id == id && !a.marked {
			r.mark(seq, code, reason)
			return
		}
	}
}

// next returns the oldest where it is marked, nil otherwise.
func (r *ackRing) next() *owed {
	if r.n == 0 {
		return nil
	}
	if a := r.at(r.head); a.marked {
		return a
	}
	return nil
}

func (r *ackRing) drop() {
	a := r.at(r.head)
	r.bytes -= int(a.size)
	a.reason = ""
	r.head++
	if r.n--; r.n == 0 && len(r.slots) > keepOwed {
		r.slots = nil // after a burst, the memory goes
	}
}

// keepOwed is how many acknowledgements a ring keeps room for.
const keepOwed = 4096
