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
	ops map[uint64]*Op
}

// Load takes one record of a store into an engine that has not been opened. Call LoadDone after the last. An error,
// [ErrBadRecord], says that this record is lost; go on with the next.
func (e *Engine) Load(key uint64, value []byte) error {
	if e.loading.ops == nil {
		e.loading.ops = make(map[uint64]*Op)
	}
	n := key &^ keyKind
	bad := func(what string) error { return fmt.Errorf("%w: %s %d", ErrBadRecord, what, n) }
	switch key & keyKind {
	case keySession:
		if len(value) < 1 || value[0] != 1 {
			return bad("session")
		}
		e.established, e.noted = true, string(value[1:])
		e.assignedID, e.limits.ClientID = e.noted, e.noted
	case keyMessage:
		if !e.loadMessage(n, value) {
			return bad("message")
		}
	case keyState:
		if !e.loadState(n, value) {
			return bad("state of message")
		}
	case keyInbound:
		if n == 0 || n > maxIDs {
			return bad("inbound message")
		}
		if e.inbound2 == nil {
			e.inbound2 = make(map[uint16]held2)
		}
		e.inbound2[uint16(n)] = held2Owned
	case keyGhost:
		if n == 0 || n > maxIDs || e.ids.get(uint16(n)) != nil {
			return bad("given up message")
		}
		ghost := &Op{Kind: OpPublish, Sent: true, progress: progress{internal: true, state: opWaiting, id: uint16(n)}}
		ghost.Publish.QoS = packet.QoS2
		e.ids.put(ghost)
		e.ghosts.pushBack(ghost)
	default:
		return bad("key")
	}
	return nil
}

func (e *Engine) loadMessage(seq uint64, value []byte) bool {
	if len(value) < 8 {
		return false
	}
	f, n, err := packet.ScanFrame(value[8:], 0)
	if err != nil || n != len(value)-8 {
		return false
	}
	o := new(Op)
	if o.Publish.Decode(f, new(packet.Decoder)) != nil || o.Publish.QoS == packet.QoS0 {
		return false
	}
	o.Publish.ID = 0
	o.retain()
	o.seq, o.state, o.durable = seq, opWaiting, true
	o.submitted = Instant(int64(binary.BigEndian.Uint64(value)) - e.cfg.Epoch)
	o.expires = Never
	if s, ok := o.Publish.MessageExpiry.Get(); ok {
		o.expires = o.submitted.add(Duration(s) * Second)
	}
	e.loading.ops[seq] = o
	return true
}

func (e *Engine) loadState(seq uint64, value []byte) bool {
	if len(value) != 6 || opState(value[0]) > opReleased {
		return false
	}
	o := e.loading.ops[seq]
	state, id := opState(value[0]), binary.BigEndian.Uint16(value[1:])
	if o == nil {
		if state != opReleased { // of a message that could not be read
			return false
		}
		o = &Op{progress: progress{seq: seq, durable: true, expires: Never}}
		o.Publish.QoS = packet.QoS2
		e.loading.ops[seq] = o
	}
	if id != 0 {
		if e.ids.get(id) != nil {
			return false
		}
		o.id = id
		e.ids.put(o)
	}
	o.state, o.noted = state, true
	o.Sent, o.before, o.abandoned = value[3]&noteSent != 0, value[3]&noteBefore != 0, value[3]&noteTimedOut != 0
	o.interrupted, o.Code = value[4], packet.ReasonCode(value[5])
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
	for _, o := range ops {
		o.size, o.queued = o.weigh(), true
		e.queued++
		e.queuedBytes += o.size
		e.seq = max(e.seq, o.seq)
		switch o.state {
		case opReleased:
			e.released.pushBack(o)
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
	return len(ops)
}

// StoredClientID returns the client identifier of the session that was loaded, empty where there was none.
func (e *Engine) StoredClientID() string { return e.noted }
