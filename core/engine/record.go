package engine

import (
	"encoding/binary"

	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// Record is a change to what must survive the process: a value put under a key, or a key deleted. Whoever stores
// records need not know what they mean.
type Record struct {
	Key   uint64
	Value []byte // nil deletes the key
}

// The high byte of a key says what is stored; the rest is a submission number or a packet identifier.
const (
	keySession uint64 = 1 << 56 // client identifier of an established session
	keyMessage uint64 = 2 << 56 // by submission: a PUBLISH at QoS 1 or 2, as accepted
	keyState   uint64 = 3 << 56 // by submission: how far its delivery is
	keyInbound uint64 = 4 << 56 // by identifier: an inbound QoS 2 message that has been taken and not released
	keyGhost   uint64 = 5 << 56 // by identifier: an outbound QoS 2 message that was given up
	keyKind    uint64 = 0xFF << 56
)

// TakeRecords appends the changes that have to be stored before the bytes that TakeOut returns next may be written.
// So: TakeRecords, TakeOut, store, write. The values are valid until the next call. Without Config.Durable there are
// none.
func (e *Engine) TakeRecords(dst []Record) []Record {
	dst = append(dst, e.records...)
	clear(e.records)
	if e.records = e.records[:0]; cap(e.records) > keepDone {
		e.records = nil
	}
	e.arena, e.arenaOut = e.arenaOut[:0], e.arena
	if cap(e.arena) > keepOut {
		e.arena = nil
	}
	return dst
}

// HasRecords reports whether TakeRecords has something.
func (e *Engine) HasRecords() bool { return len(e.records) > 0 }

func (e *Engine) put(key uint64, value []byte) {
	from := len(e.arena)
	e.arena = append(e.arena, value...)
	e.records = append(e.records, Record{Key: key, Value: e.arena[from:len(e.arena):len(e.arena)]})
}

func (e *Engine) drop(key uint64) { e.records = append(e.records, Record{Key: key}) }

// remember stores a message that the application has handed over, in the form of MQTT 5. What MQTT 3.1.1 would not send
// was not validated either, and is left out.
func (e *Engine) remember(o *Op) {
	if !e.cfg.Durable || o.Kind != OpPublish || o.Publish.QoS == packet.QoS0 {
		return
	}
	o.durable = true
	p := o.Publish
	if e.cfg.Version != packet.V5 {
		p = packet.Publish{QoS: p.QoS, Retain: p.Retain, Topic: p.Topic, Payload: p.Payload}
	}
	p.ID, p.Dup = 1, false
	from := len(e.arena)
	e.arena = binary.BigEndian.AppendUint64(e.arena, uint64(e.cfg.Epoch+int64(e.now)))
	e.arena, _ = p.Append(e.arena, packet.V5) // validated before
	e.records = append(e.records, Record{Key: keyMessage | o.seq, Value: e.arena[from:len(e.arena):len(e.arena)]})
}

const (
	noteSent   = 1 << iota // a byte of the packet may have left in this session
	noteBefore             // or in one that is lost
	noteTimedOut
)

// stateSize is the length of what is stored under keyState.
const stateSize = 14

// note stores how far the delivery of a message is: its identifier before the PUBLISH leaves, its release before the
// PUBREL does [MQTT-4.3.3-6].
func (e *Engine) note(o *Op) {
	if !o.durable {
		return
	}
	if o.state == opWaiting && o.id == 0 && !o.before {
		if o.noted {
			o.noted = false
			e.drop(keyState | o.seq)
		}
		return
	}
	var flags byte
	if o.state != opWaiting || o.Sent {
		flags |= noteSent
	}
	if o.before {
		flags |= noteBefore
	}
	if o.abandoned {
		flags |= noteTimedOut
	}
	o.noted = true
	value := [stateSize]byte{byte(o.state), byte(o.id >> 8), byte(o.id), flags, o.interrupted, byte(o.Code)}
	binary.BigEndian.PutUint64(value[6:], o.turn)
	e.put(keyState|o.seq, value[:])
	if o.state == opReleased {
		e.drop(keyMessage | o.seq) // the broker has it
	}
}

// forget deletes what is stored of a message that is over: the message before its state, so that no crash in between
// leaves it as if it had never been sent. When the client is closed for good nothing is: the next process goes on.
func (e *Engine) forget(o *Op) {
	if !o.durable || e.keepRecords {
		return
	}
	o.durable = false
	e.drop(keyMessage | o.seq)
	if o.noted {
		e.drop(keyState | o.seq)
	}
}

// The first byte of what is stored of a session.
const (
	sessionKnown   = 1
	sessionDoubted = 2 // a CONNECT may have been sent since
)

// The one byte of what is stored of an inbound message.
const (
	inboundKnown   = 1
	inboundDoubted = 2 // perhaps it belongs to a session that the broker has lost
)

// noteSession stores that there is a session, under which name. A clean session of MQTT 3.1.1 ends with its connection,
// so no other process can go on with it [v3:MQTT-3.1.2-6].
func (e *Engine) noteSession() {
	if !e.cfg.Durable || e.cfg.Version == packet.V311 && e.connect.CleanStart {
		return
	}
	if e.noted == e.limits.ClientID && e.established && e.doubt.noted == e.doubt.since {
		return
	}
	e.noted, e.doubt.noted = e.limits.ClientID, e.doubt.since
	known := byte(sessionKnown)
	if e.doubt.noted {
		known = sessionDoubted
	}
	e.put(keySession, append([]byte{known}, e.noted...))
}

// noteInbound stores that an inbound QoS 2 message has been taken: before its PUBREC leaves.
func (e *Engine) noteInbound(id uint16, h held2) {
	if !e.cfg.Durable {
		return
	}
	value := byte(inboundKnown)
	if h&held2Doubted != 0 {
		value = inboundDoubted
	}
	e.put(keyInbound|uint64(id), []byte{value})
}

// dropInbound stores that it has been released: before its PUBCOMP leaves, after which the identifier is a new message.
func (e *Engine) dropInbound(id uint16) {
	if e.cfg.Durable {
		e.drop(keyInbound | uint64(id))
	}
}

// forgetSession deletes what is stored of the session that the broker has lost. Messages to be sent stay. The session
// itself goes first: whatever a crash leaves of the rest belongs to none then, and is not resumed.
func (e *Engine) forgetSession() {
	if e.noted != "" {
		e.noted, e.doubt.noted = "", false
		e.drop(keySession)
	}
	for id, h := range e.inbound2.all() {
		if h&held2Owned != 0 {
			e.dropInbound(id)
		}
	}
	for g := e.ghosts.head; g != nil; g = g.next {
		e.dropGhost(g.id)
	}
}

func (e *Engine) noteGhost(id uint16) {
	if e.cfg.Durable {
		e.put(keyGhost|uint64(id), []byte{1})
	}
}

func (e *Engine) dropGhost(id uint16) {
	if e.cfg.Durable {
		e.drop(keyGhost | uint64(id))
	}
}
