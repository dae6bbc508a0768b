package engine

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// ErrBadRecord says that a stored record cannot be read. The others are not affected.
var ErrBadRecord = errors.New("mqtt: stored record cannot be read")

// loading is what a store holds, while it is read.
type loading struct {
	ops     map[uint64]*Op
	damaged map[uint64]bool // messages that could not be read
}

// maxSeq keeps what a damaged key says from running into the kinds of keys.
const maxSeq = 1 << 48

// Load takes one record of a store into an engine that has not been opened. Call it for all of them, in ascending
// order of their keys, and LoadDone after the last. An error, [ErrBadRecord], says that this record is lost; go on
// with the next. It is deleted with the next records.
func (e *Engine) Load(key uint64, value []byte) error {
	if e.loading.ops == nil {
		e.loading = loading{ops: make(map[uint64]*Op), damaged: make(map[uint64]bool)}
	}
	n := key &^ keyKind
	what, ok := "", false
	switch key & keyKind {
	case keySession:
		what, ok = "session", e.loadSession(value)
	case keyMessage:
		what, ok = "message", n < maxSeq && e.loadMessage(n, value)
		e.loading.damaged[n] = !ok
	case keyState:
		what, ok = "state of message", n < maxSeq && e.loadState(n, value)
	case keyInbound:
		if what, ok = "inbound message", n > 0 && n <= maxIDs; ok {
			h := held2Owned
			if len(value) > 0 && value[0] == inboundDoubted {
				h |= held2Doubted
			}
			e.inbound2.set(uint16(n), h)
		}
	case keyGhost:
		what, ok = "given up message", n > 0 && n <= maxIDs && e.loadGhost(uint16(n))
	default:
		return fmt.Errorf("%w: unknown key %#x", ErrBadRecord, key) // of a later version: it stays
	}
	if !ok {
		e.drop(key)
		return fmt.Errorf("%w: %s %d", ErrBadRecord, what, n)
	}
	return nil
}

func (e *Engine) loadSession(value []byte) bool {
	if len(value) < 1 || value[0] != sessionKnown && value[0] != sessionDoubted {
		return false
	}
	e.established, e.noted = true, string(value[1:])
	e.doubt.noted = value[0] == sessionDoubted
	e.doubt.since, e.doubt.until = e.doubt.noted, e.now.add(doubtLasts)
	e.assignedID, e.limits.ClientID = e.noted, e.noted
	return true
}

func (e *Engine) loadMessage(seq uint64, value []byte) bool {
	e.seq = max(e.seq, seq) // no other message is stored under this key, whatever is wrong with it
	if len(value) < 8 {
		return false
	}
	f, n, err := packet.ScanFrame(value[8:], 0)
	if err != nil || n != len(value)-8 {
		return false
	}
	o := new(Op)
	if o.Publish.Decode(f, new(packet.Decoder)) != nil || o.Publish.QoS == packet.QoS0 || o.Publish.Topic == "" {
		return false
	}
	o.Publish.ID, o.Publish.Dup, o.Publish.SubscriptionIDs = 0, false, nil
	o.retain()
	o.seq, o.state, o.durable = seq, opWaiting, true
	o.submitted, o.expires = e.sinceEpoch(int64(binary.BigEndian.Uint64(value))), Never
	if s, ok := o.Publish.MessageExpiry.Get(); ok && e.cfg.Version == packet.V5 {
		o.expires = o.submitted.add(Duration(s) * Second)
	}
	e.loading.ops[seq] = o
	return true
}

// sinceEpoch is when an earlier process has accepted a message, by the time of day, but never later than now: a device
// whose clock has no battery begins with the same day each time, and what it had accepted once the network had told the time
// would live for years.
func (e *Engine) sinceEpoch(wall int64) Instant { return min(e.now, Instant(wall-e.cfg.Epoch)) }

func (e *Engine) loadState(seq uint64, value []byte) bool {
	e.seq = max(e.seq, seq)
	if len(value) != stateSize {
		return false
	}
	o := e.loading.ops[seq]
	state, id, sent := opState(value[0]), binary.BigEndian.Uint16(value[1:]), value[3]&noteSent != 0
	free := id != 0 && e.ids.get(id) == nil
	switch {
	case o != nil && state == opWaiting && (id == 0 || free):
	case o != nil && state == opUnacked && free:
	case o != nil && state == opReleased && free && o.Publish.QoS == packet.QoS2:
	case o == nil && state == opReleased && free: // the broker has the message, nothing else is needed
		o = &Op{progress: progress{seq: seq, durable: true, expires: Never}}
		o.Publish.QoS = packet.QoS2
		e.loading.ops[seq] = o
	case o == nil:
		if e.loading.damaged[seq] && free && sent { // the message is lost, but the broker may know its identifier
			e.noteGhost(id)
			e.loadGhost(id)
		}
		e.drop(keyState | seq) // otherwise the process ended while it was deleting what was over
		return true
	default:
		return false
	}
	if o.id = id; id != 0 {
		e.ids.put(o)
	}
	o.state, o.noted = state, true
	o.Sent, o.before, o.abandoned = sent, value[3]&noteBefore != 0, value[3]&noteTimedOut != 0
	o.interrupted, o.Code, o.turn = value[4], packet.ReasonCode(value[5]), binary.BigEndian.Uint64(value[6:])
	return true
}

func (e *Engine) loadGhost(id uint16) bool {
	if e.ids.get(id) != nil { // the process ended while it gave the message up: it is there still, and goes on
		e.dropGhost(id)
		return true
	}
	ghost := &Op{Kind: OpPublish, Sent: true, progress: progress{internal: true, state: opWaiting, id: id}}
	ghost.Publish.QoS = packet.QoS2
	e.ids.put(ghost)
	e.ghosts.pushBack(ghost)
	return true
}

// LoadDone ends the loading: the messages take their places, in the order in which they were submitted. It returns
// how many there are; they are done like any other operation, with a nil User.
func (e *Engine) LoadDone(now Instant) int {
	e.at(now)
	ops := make([]*Op, 0, len(e.loading.ops))
	for _, o := range e.loading.ops {
		ops = append(ops, o)
	}
	e.loading = loading{}
	slices.SortFunc(ops, func(a, b *Op) int { return cmp.Compare(a.seq, b.seq) })
	var released []*Op
	for _, o := range ops {
		o.size, o.queued = o.weigh(), true
		e.queued++
		e.queuedBytes += o.size
		switch o.state {
		case opReleased:
			released = append(released, o)
			e.pubrecs = max(e.pubrecs, o.turn)
		case opUnacked:
			o.state = opWaiting
			e.resend.pushBack(o)
		default:
			if o.id != 0 && !o.Sent { // its identifier was given out, and never used
				e.ids.free(o)
			}
			if o.state = opWaiting; o.id != 0 {
				e.resend.pushBack(o)
			} else {
				e.waitPublish.pushBack(o)
				e.nextExpiry = min(e.nextExpiry, o.expires)
			}
		}
	}
	slices.SortFunc(released, func(a, b *Op) int { return cmp.Compare(a.turn, b.turn) }) // [MQTT-4.6.0-4]
	for _, o := range released {
		e.released.pushBack(o)
	}
	return len(ops)
}

// StoredClientID returns the client identifier of the session that was loaded, empty where there was none.
func (e *Engine) StoredClientID() string { return e.noted }
