package broker

import (
	"math/rand/v2"

	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// A Broker is the state of an MQTT server. Its methods must not be called at the same time.
type Broker struct {
	opts   Options
	limits Limits
	random *rand.Rand
	now    Instant

	lastConn ConnID
	conns    map[ConnID]*conn
	sessions map[string]*session
	trie     trie
	retained retainedStore
	timers   timerHeap

	ready  []*conn // have output or are to be closed
	doomed []*conn // ended inside the current call, not yet taken apart
	events []Event
	stats  Stats

	// Scratch of the publish path, so that a message costs no memory of its own.
	pub     packet.Publish
	matched []*node
	targets []target
	acks    acks
	ids     []uint32
	epoch   uint64
	replies []Reply // of the Publish hook, until the acknowledgement is out
	answer  Answer  // of the Publish hook
	refusal string  // of the Subscribe hook, for the SUBACK

	free      *delivery
	freeCount int
}

// New returns a broker without connections or sessions.
func New(o Options) (*Broker, error) {
	l := o.Limits.withDefaults()
	if err := l.validate(); err != nil {
		return nil, err
	}
	if o.Random == nil {
		o.Random = rand.NewPCG(1, 2)
	}
	return &Broker{
		opts:     o,
		limits:   l,
		random:   rand.New(o.Random),
		conns:    map[ConnID]*conn{},
		sessions: map[string]*session{},
		trie:     trie{below: l.HashBelowOnly},
	}, nil
}

// Limits returns the limits in force, defaults filled in.
func (b *Broker) Limits() Limits { return b.limits }

// tick takes over the driver's time, which never goes back.
func (b *Broker) tick(now Instant) { b.now = max(b.now, now) }

// Open tells of a new network connection. Where there are too many, the connection is to be closed at once.
func (b *Broker) Open(now Instant, info ConnInfo) ConnID {
	b.tick(now)
	b.lastConn++
	c := &conn{b: b, id: b.lastConn, state: stateOpen}
	c.client.Conn, c.client.Info = c.id, info
	c.framer.Limit = b.limits.MaxPacketSize
	c.decoder.Strict = b.limits.StrictText
	b.conns[c.id] = c
	b.stats.Opened++
	if len(b.conns) > b.limits.MaxConnections {
		c.fail(packet.QuotaExceeded, CauseQuota, "too many connections")
	} else {
		c.deadline = b.now.Add(b.limits.ConnectTimeout)
		b.timers.set(&c.timer, c.deadline, c)
	}
	b.settle()
	return c.id
}

// Receive hands over bytes of a connection, in any split. They are not kept.
func (b *Broker) Receive(now Instant, id ConnID, p []byte) {
	b.tick(now)
	if c := b.conns[id]; c != nil && c.state < stateEnding {
		c.receive(p)
	}
	b.settle()
}

// Closed tells that a connection has ended, for whatever reason.
func (b *Broker) Closed(now Instant, id ConnID) {
	b.tick(now)
	if c := b.conns[id]; c != nil && c.state == stateClosed {
		delete(b.conns, id)
	} else if c != nil {
		c.silent, c.gone = true, true
		c.end(packet.UnspecifiedError, CauseLost, "the connection was lost")
	}
	b.settle()
}

// Written tells that n of the bytes taken with [Broker.TakeOut] have left.
func (b *Broker) Written(now Instant, id ConnID, n int) {
	b.tick(now)
	if c := b.conns[id]; c != nil {
		c.written(n)
	}
	b.settle()
}

// Readable reports whether the driver should read on. It is false while a client leaves too many answers unread and while
// a decision about it is pending; [Broker.Receive] takes bytes nevertheless, up to a limit. Look again after
// [Broker.Written] and after bringing a decision.
func (b *Broker) Readable(id ConnID) bool {
	c := b.conns[id]
	return c == nil || c.readable()
}

// Wake lets everything happen that is due.
func (b *Broker) Wake(now Instant) {
	b.tick(now)
	for {
		t := b.timers.due(b.now)
		if t == nil {
			break
		}
		t.owner.expired(b, t)
		b.settle()
	}
}

// NextWake returns when [Broker.Wake] is due; ok is false where nothing is. It can be earlier than anything happens: then
// Wake only finds the next time. After Wake it is always later than the time given there.
func (b *Broker) NextWake() (at Instant, ok bool) { return b.timers.next() }

// TakeReady appends the connections that have new output or are to be closed, in the order in which that happened. Each
// must be followed up with [Broker.TakeOut], at once or when the last bytes taken have left.
func (b *Broker) TakeReady(dst []ConnID) []ConnID {
	for i, c := range b.ready {
		c.ready = false
		dst = append(dst, c.id)
		b.ready[i] = nil
	}
	b.ready = b.ready[:0]
	return dst
}

// TakeOut returns the output of a connection and whether it is to be closed after it; it is forgotten then. The
// connection goes on with spare as its buffer; the result is the caller's.
func (b *Broker) TakeOut(id ConnID, spare []byte) (out []byte, closing bool) {
	c := b.conns[id]
	if c == nil {
		return nil, true
	}
	if c.state == stateClosed {
		delete(b.conns, id)
	}
	return c.take(spare), c.state == stateClosed
}

// Closing reports whether the connection is to be closed once its output has been taken, and whether that is without a
// last packet.
func (b *Broker) Closing(id ConnID) (closing, silent bool) {
	c := b.conns[id]
	if c == nil {
		return true, true
	}
	return c.state == stateClosed, c.silent || len(c.out) == 0
}

// settle takes connections apart that ended inside the call. Ending one can publish a will and thereby end another.
func (b *Broker) settle() {
	for i := 0; i < len(b.doomed); i++ {
		b.detach(b.doomed[i])
	}
	clear(b.doomed)
	b.doomed = b.doomed[:0]
}

// markReady puts a connection on the list of those with output.
func (b *Broker) markReady(c *conn) {
	if !c.ready {
		c.ready = true
		b.ready = append(b.ready, c)
	}
}
