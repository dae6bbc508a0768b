package sim

import (
	"fmt"
	"slices"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// watch reads everything that a client sends and receives, and knows what the specification allows.
type watch struct {
	c  *client
	in packet.Framer
	d  packet.Decoder // of what comes in
	o  packet.Decoder // of what goes out

	// The session, as far as the client can know of it.
	established bool
	revived     bool // it had ended, but a crash has brought it back
	strange     bool // the broker has resumed a session that the client knows nothing of
	session     int  // counts them
	ids         map[uint16]*exchange
	released    []*exchange // PUBREC has come and PUBCOMP has not, in this order
	inbound     map[uint16]*tally
	slow        map[*message]bool // under way when a connection ended, and not done
	stale       map[uint16]bool   // identifiers of inbound messages of a session that the broker has lost without our knowing
	with        *session          // the session that the client takes itself to have
	phantoms    int               // messages at QoS 2 given up that an earlier process had about to be sent, and that were not

	// The connection.
	conn       int // counts them
	clean      bool
	greeted    bool
	connected  bool
	bye        bool
	over       bool // what the broker says does not count any more
	keepAlive  time.Duration
	spoke      time.Duration // when something was sent last, by the client's clock
	limit      int           // the broker's receive maximum
	flying     int           // PUBLISH of this connection that count against it
	published  int           // PUBLISH of this connection
	bytes      int           // that they have
	most       int           // that one of them has
	since      time.Duration // when it was opened, by the client's clock
	maxPacket  int
	aliasMax   uint16
	alias      map[uint16]string
	last       [2]int // the last message sent at QoS 0; at QoS 1 and 2
	takenBytes uint64
	wroteBytes uint64
	spans      []span
	pubacks    []uint16 // owed, in order
	pubrecs    []uint16
	pubcomps   []uint16
	pubrels    []*exchange     // to be released, in order
	restore    map[string]bool // filters that have to be asked for before anything else is sent

	pub packet.Publish
	ack [4]packet.Packet
}

// exchange is a packet identifier in use.
type exchange struct {
	id       uint16
	m        *message // nil: a SUBSCRIBE or UNSUBSCRIBE
	conn     int      // which sent it last
	released bool     // PUBREC has come
	relTaken bool
	relWrote bool
	ghost    bool // the message was given up
	unsure   bool // a crash has made unsure how far it was
	ended    bool // and it may be over
}

// String says what is known of an exchange.
func (x *exchange) String() string {
	return fmt.Sprintf("identifier %d of message %d: released %v, PUBREL taken %v, written %v, given up %v, unsure %v", x.id, x.m.number(),
		x.released, x.relTaken, x.relWrote, x.ghost, x.unsure)
}

// span is where a packet is in the stream that leaves the client.
type span struct {
	start, end uint64
	m          *message
	rel        *exchange
}

func (v *watch) init(c *client) {
	v.c, v.session = c, 1
	v.in = packet.Framer{}
	v.d.Version, v.o.Version = c.plan.engine.Version, c.plan.engine.Version
	v.ids, v.inbound, v.slow = map[uint16]*exchange{}, map[uint16]*tally{}, map[*message]bool{}
	v.ack = [4]packet.Packet{new(packet.Puback), new(packet.Pubrec), new(packet.Pubrel), new(packet.Pubcomp)}
}

// opened begins a connection.
func (v *watch) opened(clean bool) {
	v.conn++
	v.clean = clean
	v.in.Reset()
	v.greeted, v.connected, v.bye, v.over, v.strange = false, false, false, false, false
	v.limit, v.flying, v.maxPacket, v.aliasMax = v.c.inflight(), 0, 0, 0
	v.published, v.bytes, v.most, v.since = 0, 0, 0, v.c.clock()
	v.keepAlive = time.Duration(v.c.plan.connect.KeepAlive) * time.Second
	v.alias = nil
	v.last = [2]int{}
	v.takenBytes, v.wroteBytes = 0, 0
	v.spans = v.spans[:0]
	v.pubacks, v.pubrecs, v.pubcomps, v.pubrels = v.pubacks[:0], v.pubrecs[:0], v.pubcomps[:0], v.pubrels[:0]
	v.restore = nil
	if clean {
		v.forget()
	}
}

// closed ends a connection: SUBSCRIBE and UNSUBSCRIBE are no part of the session.
func (v *watch) closed() {
	for id, x := range v.ids {
		switch {
		case x.m != nil && x.conn == v.conn:
			v.slow[x.m] = true
		case x.m == nil && !x.ghost:
			delete(v.ids, id)
		}
	}
	if v.c.plan.engine.Version == packet.V311 && v.clean { // [v3:MQTT-3.1.2-6]
		v.forget()
	}
	v.connected = false
}

// forget ends the session.
func (v *watch) forget() {
	v.session++
	v.established, v.revived = false, false
	clear(v.ids)
	v.released, v.phantoms = nil, 0
	for _, t := range v.inbound { // where the broker still has it, it comes again
		t.maybe++
	}
	clear(v.inbound)
	v.c.app.sessionLost()
	if s := v.c.store; s != nil {
		s.unsaved = append(s.unsaved, saved{v: v, end: true})
	}
}

// crashed notes what a process that begins anew may know and what it may not.
func (v *watch) crashed(durable bool) {
	v.closed()
	clear(v.slow)
	if !durable {
		v.forget()
		return
	}
	for _, x := range v.ids {
		if x.m != nil && x.m.wroteIn != v.session || x.released && !x.relWrote {
			x.unsure = true
		}
	}
}

// giveUp frees the identifier of a message that has failed. At QoS 2 it stays in quarantine where the broker may have it.
func (v *watch) giveUp(m *message) {
	for id, x := range v.ids {
		if x.m != m {
			continue
		}
		if m.qos == packet.QoS2 && m.takenIn == v.session {
			x.ghost, x.m, x.ended = true, nil, x.unsure && m.wroteIn != v.session
			v.unrelease(x)
			if s := v.c.store; s != nil {
				s.unsaved = append(s.unsaved, saved{x: x, v: v, was: m})
			}
		} else {
			delete(v.ids, id)
		}
	}
}

func (v *watch) unrelease(x *exchange) {
	same := func(other *exchange) bool { return other == x }
	v.released = slices.DeleteFunc(v.released, same)
	v.pubrels = slices.DeleteFunc(v.pubrels, same)
}

func (v *watch) violate(kind Kind, format string, args ...any) {
	v.c.w.violate(kind, v.c.name+": "+format, args...)
}
