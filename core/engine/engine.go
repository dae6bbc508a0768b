package engine

import "github.com/gneiss-mqtt/gneiss-go/core/packet"

// Engine is the protocol state of one client. Make one with [New].
type Engine struct {
	cfg   Config
	state state
	now   Instant
	err   error // why the connection ends, once it does

	// The connection.
	connect    *packet.Connect
	deadline   Instant // for CONNACK
	spoke      Instant // when the last packet before CONNACK was sent
	limits     Negotiated
	decoder    packet.Decoder
	framer     packet.Framer
	epoch      uint32 // counts connections
	out        []byte // encoded, not yet taken
	taken      uint64 // bytes handed out on this connection
	written    uint64 // bytes of them that have left
	keepAlive  keepAlive
	aliasOut   aliasSender
	aliasIn    []string // index alias-1
	noProblem  bool     // we asked for no reason strings [MQTT-3.1.2-29]
	inboundMax int      // our receive maximum
	acks1      ackRing  // inbound QoS 1, in order of arrival
	acks2      ackRing  // inbound QoS 2, in order of arrival
	message    *Inbound // what Receive returned last; nil before the first
	auth       authState
	hold       bool   // no PUBLISH at QoS 1 and 2 is sent
	lastTopic  string // the topic that was validated last

	// The session, which outlives the connection.
	established bool // there is a session of which we hold the state
	dropAtClose bool
	doubt       doubt
	assignedID  string
	ids         idTable
	inUse       int               // outbound QoS 1 and 2 publishes under way on this connection
	inbound2    heldTable         // inbound QoS 2 messages that are not released
	inbound2Now int               // of those, the ones seen on this connection
	lent        map[uint16]uint32 // of those, the ones the application has since an earlier connection: which
	subs        subscriptions
	again       resubscribing

	// Operations, by where they are.
	seq         uint64
	waitPublish opList // QoS 1 and 2, waiting for quota
	waitQoS0    opList // QoS 0, waiting for room
	waitControl opList // SUBSCRIBE and UNSUBSCRIBE, waiting for room
	first       opList // restored subscriptions, before everything else
	resend      opList // unacknowledged PUBLISH of an earlier connection, to be sent again
	writing     opList // QoS 0, encoded
	unacked     opList // PUBLISH sent, in that order
	released    opList // PUBREL sent, in that order
	control     opList // SUBSCRIBE and UNSUBSCRIBE sent, in that order
	ghosts      opList // identifiers in quarantine
	pubrecs     uint64 // counts those that were answered
	slow        int    // interrupted operations that are not over yet
	queued      int    // operations that count towards the queue limit
	queuedBytes int
	nextExpiry  Instant // no waiting message expires before
	nextAck     Instant // no acknowledgement is overdue before
	nextSend    Instant // the rate holds a PUBLISH back until then; Never: none
	publishes   rate
	bytes       rate
	replies     int // bytes in out that the broker provoked

	records     []Record
	arena       []byte // values of records
	arenaOut    []byte // of those that were taken
	noted       string // the client identifier that is stored
	keepRecords bool   // the session goes on in another process
	loading     loading

	done     []*Op
	events   []Event
	forgiven int // EventForgiven among them, and those that were left out
	stats    Stats
}

type state uint8

const (
	stateClosed     state = iota // no transport
	stateConnecting              // CONNECT is encoded
	stateConnected
	stateClosing // nothing more is read or encoded; what is in out may still be written
)

// New returns an engine without a session and without a connection.
func New(cfg Config) (*Engine, error) {
	if err := cfg.setDefaults(); err != nil {
		return nil, err
	}
	e := &Engine{cfg: cfg, nextExpiry: Never, nextAck: Never, nextSend: Never, again: resubscribing{at: Never}}
	e.publishes.perSecond, e.bytes.perSecond = cfg.PublishRate, cfg.PublishBytes
	e.decoder.Version, e.decoder.Strict = cfg.Version, cfg.Strict
	return e, nil
}

// Stats counts what the engine has seen since it was made.
type Stats struct {
	PublishesSent, PublishesReceived uint64 // PUBLISH packets, resends included
	Resent                           uint64 // PUBLISH packets sent again with DUP
	Duplicates                       uint64 // inbound QoS 2 PUBLISH suppressed
	Forgiven                         uint64 // broker mistakes that harmed nothing
	Expired                          uint64 // messages that expired before they were sent
	Unacked                          int    // operations sent and not acknowledged
	Queued                           int    // operations that are not over
	QueuedBytes                      int    // bytes they hold
	Subscriptions                    int    // filters that are granted
}

// Stats returns a copy of the counters.
func (e *Engine) Stats() Stats {
	s := e.stats
	s.Unacked = e.unacked.n + e.released.n + e.control.n
	s.Queued, s.QueuedBytes, s.Subscriptions = e.queued, e.queuedBytes, len(e.subs.byFilter)
	return s
}

// Negotiated returns what the last CONNACK agreed on.
func (e *Engine) Negotiated() Negotiated { return e.limits }

// Err returns why the connection has to end, nil while it has not. After a Disconnect it is [ErrClosed]. The driver
// writes what [Engine.TakeOut] still has, within reason, closes the transport and calls [Engine.Closed].
func (e *Engine) Err() error { return e.err }

// Connected reports whether the broker has accepted the connection and it has not ended.
func (e *Engine) Connected() bool { return e.state == stateConnected }

// Idle reports whether every operation is over, every acknowledgement has been written, and no subscription waits to be
// restored later.
func (e *Engine) Idle() bool {
	return e.queued == 0 && e.again.at == Never && len(e.out) == 0 && e.written == e.taken && e.acks1.n == 0 && e.acks2.n == 0
}

// Unfinished returns how many operations are not over.
func (e *Engine) Unfinished() int { return e.queued }

// TakeDone appends the operations that are over to dst. Each is returned once, and belongs to the driver again.
func (e *Engine) TakeDone(dst []*Op) []*Op {
	dst = append(dst, e.done...)
	clear(e.done)
	if e.done = e.done[:0]; cap(e.done) > keepDone {
		e.done = nil
	}
	return dst
}

// TakeEvents appends what else happened to dst. Take events before what is done: they may speak of an operation that
// is done by now.
func (e *Engine) TakeEvents(dst []Event) []Event {
	dst = append(dst, e.events...)
	clear(e.events)
	if e.events = e.events[:0]; cap(e.events) > keepEvents {
		e.events = nil
	}
	e.forgiven = 0
	return dst
}

// How many entries the lists of outputs keep room for after a burst.
const (
	keepDone   = 4096
	keepEvents = 128
)

// HasOutput reports whether TakeDone or TakeEvents have something.
func (e *Engine) HasOutput() bool { return len(e.done)+len(e.events) > 0 }

// at moves the engine's time, which never runs backwards.
func (e *Engine) at(now Instant) {
	if now > e.now {
		e.now = now
	}
}

// finish ends an operation. It is on no list and has no identifier any more.
func (e *Engine) finish(o *Op, err error) {
	if o.slow {
		o.slow = false
		e.slow--
	}
	if o.internal {
		e.internalDone(o, err)
		return
	}
	if o.queued {
		o.queued = false
		e.queued--
		e.queuedBytes -= o.size
	}
	o.Sent = o.before || e.maybeSent(o)
	if o.Kind != OpPublish && err != nil && o.Sent {
		if _, answered := err.(*ReasonError); !answered {
			e.subs.doubt(o)
		}
	}
	e.forget(o)
	o.state, o.Err = opDone, err
	e.done = append(e.done, o)
}
