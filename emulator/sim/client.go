package sim

import (
	"fmt"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/engine"
	"github.com/gneiss-mqtt/gneiss-go/emulator/broker"
)

// client is a device: an application, the engine, and a driver between it and the network that does what the one in
// core/mqtt does.
type client struct {
	w    *world
	plan *clientPlan
	name string

	// The process.
	e       protocol // nil: none is running
	process int      // counts them
	began   time.Duration
	latest  engine.Instant // time given to the engine
	clean   bool           // the next CONNECT asks for a new session

	// Its time.
	offset  time.Duration // of its clock from the world's
	day     time.Duration // of the time of day from its clock, in this process
	lost    time.Duration // how much the time of day falls back before the next one
	frozen  time.Duration // it is suspended until then
	dozed   time.Duration // since
	counted bool          // its clock goes on meanwhile
	thaw    timer
	trouble time.Duration // until when something was wrong with its time or its store

	// The driver.
	state    state
	link     *link
	out      []byte // taken from the engine, not written
	spare    []byte
	stuck    bool // there was no room for all of out
	attempts int
	since    time.Duration // when it was connected
	deadline time.Duration // of the attempt
	refused  int           // so many attempts to dial fail
	hang     bool          // the next attempt to dial is never answered
	ending   bool          // the engine has ended the connection
	reauth   bool          // a re-authentication is under way
	dropping bool          // the session ends with the connection
	paused   bool          // nothing is sent that would have to be acknowledged
	patience timer         // for that
	closedAt time.Duration // when a connection ended last
	limits   broker.Limits // of the broker that accepted
	tookAt   engine.Instant
	spins    int
	spunAt   time.Duration
	done     []*engine.Op
	events   []engine.Event
	dial     timer // backoff, or the answer to an attempt
	wake     timer
	last     timer // closes the transport, whatever is still to be written

	store *store
	app   app
	inbox inbox
	watch watch
}

// String says in what state a client is.
func (c *client) String() string {
	if c == nil || c.e == nil {
		return "no process"
	}
	return fmt.Sprintf("%s: %d operations, %d bytes to write, storing %v, %d messages held, %+v", c.name, c.app.open(), len(c.out),
		c.storing(), len(c.inbox.held), c.e.Stats())
}

type state uint8

const (
	stateOff     state = iota // no process
	stateWaiting              // for the next attempt
	stateDialing
	stateOpen // there is a link
)

func (w *world) newClient(p *clientPlan) *client {
	c := &client{w: w, plan: p, name: p.name, closedAt: -1}
	if p.durable {
		c.store = newStore(c)
	}
	c.dial.fire = c.dialTimer
	c.thaw.fire = c.thawed
	c.wake.fire = c.tick
	c.last.fire = c.lastWords
	c.patience.fire = c.goOn
	c.app.init(c)
	c.inbox.init(c)
	c.watch.init(c)
	return c
}

// clock is the client's own time; wall is what it takes for the time of day, less that of the beginning of the world.
func (c *client) clock() time.Duration { return c.w.now + c.offset }
func (c *client) now() engine.Instant {
	t := engine.Instant(c.clock() - c.began)
	if t < c.latest {
		c.w.violate(kindModel, "%s: its time runs backwards by %v", c.name, time.Duration(c.latest-t))
	}
	c.latest = t
	return t
}
func (c *client) wall() engine.Instant { return engine.Instant(c.clock() + c.day) }

// epoch is the wall time of the beginning of the world.
const epoch = int64(1_700_000_000_000_000_000)

// start runs a new process.
func (c *client) start() {
	w := c.w
	c.began, c.latest = c.clock(), 0
	c.process++
	c.loseTime()
	cfg := c.plan.engine
	cfg.Epoch = epoch + int64(c.wall())
	e, err := engine.New(cfg)
	if err != nil {
		w.violate(kindModel, "engine.New: %v", err)
		return
	}
	c.e = e
	if w.wrap != nil {
		c.e = w.wrap(c, e)
	}
	if c.store != nil {
		c.store.load()
	}
	c.state, c.attempts, c.clean, c.tookAt = stateWaiting, 0, c.plan.connect.CleanStart, 0
	w.note(c.name, "starts", c.process)
	w.sched.set(&c.dial, w.now+w.within(0, time.Second))
	c.app.started()
	c.settle()
}

// asleep postpones what a timer was to do while the client is suspended.
func (c *client) asleep(t *timer) bool {
	if c.w.now >= c.frozen {
		return false
	}
	c.w.sched.set(t, c.frozen)
	return true
}

// received hands bytes of the broker to the engine.
func (c *client) received(l *link, p []byte) {
	if c.link != l || c.e == nil || c.w.now < c.frozen {
		return
	}
	c.w.trace.bytes(p)
	if c.e.Err() == nil {
		c.watch.received(p)
	}
	for {
		rest, m := c.e.Receive(c.now(), p)
		if m == nil {
			break
		}
		c.inbox.take(m)
		p = rest
	}
	c.settle()
	c.inbox.work()
}

// writable goes on writing.
func (c *client) writable(l *link) {
	if c.link == l && c.stuck && c.w.now >= c.frozen {
		c.stuck = false
		c.push()
		c.settle()
	}
}

// tick runs when the engine wants to be woken.
func (c *client) tick() {
	if c.e == nil || c.asleep(&c.wake) {
		return
	}
	w := c.w
	c.e.Tick(c.now())
	if at := c.e.Wake(); at <= c.now() {
		if c.spins++; c.spunAt != w.now {
			c.spins, c.spunAt = 0, w.now
		}
		if c.spins > 3 {
			w.violate(kindWake, "%s wants to be woken at %v, after a Tick at %v", c.name, time.Duration(at), time.Duration(c.now()))
			return
		}
	}
	c.settle()
}

// settle does what follows from any call to the engine.
func (c *client) settle() {
	if c.e == nil || c.w.failed() {
		return
	}
	c.collect()
	c.flush()
	c.replaced()
	if c.link != nil && c.e.Err() != nil {
		c.end()
	}
	c.arm()
	c.check()
}

// arm sets the timer to the engine's next deadline.
func (c *client) arm() {
	wake := c.e.Wake()
	if wake == engine.Never {
		c.w.sched.stop(&c.wake)
		return
	}
	at := max(c.w.now, time.Duration(wake)+c.began-c.offset)
	if !c.wake.isSet() || c.wake.at != at {
		c.w.sched.set(&c.wake, at)
	}
}
