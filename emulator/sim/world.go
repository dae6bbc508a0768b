package sim

import (
	"maps"
	"runtime/debug"
	"slices"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/engine"
)

// world is one life: some clients, a broker, the links between them, and what goes wrong, all of it decided by a seed.
type world struct {
	chance
	seed  uint64
	plan  *plan
	now   time.Duration
	sched schedule
	trace trace
	stats Stats

	server  *server
	clients []*client
	byName  map[string]*client
	fault   timer
	calm    bool

	messages  []*message
	ends      int
	violation *Violation

	wrap func(c *client, e *engine.Engine) protocol // of the tests
}

func newWorld(seed uint64, p func(chance) *plan) *world {
	w := &world{chance: newChance(seed), seed: seed, byName: map[string]*client{}, messages: []*message{nil}}
	w.trace.hash = 0xcbf29ce484222325
	w.plan = p(w.chance)
	w.fault.fire = w.misfortune
	return w
}

// live runs the world to its end.
func (w *world) live() {
	defer func() {
		if v := recover(); v != nil {
			w.violation = nil
			w.violate(kindPanic, "%v\n%s", v, debug.Stack())
		}
		w.stats.Seeds, w.stats.Simulated = 1, w.now
	}()
	w.server = w.newServer()
	for _, p := range w.plan.clients {
		c := w.newClient(p)
		w.clients = append(w.clients, c)
		w.byName[c.name] = c
	}
	w.introduce()
	for _, c := range w.clients {
		c.start()
	}
	for range w.plan.rounds {
		w.storm()
		w.rest()
		w.verify()
		w.probe()
		w.rest()
		w.verify()
		if w.failed() {
			return
		}
	}
}

// step lets the next thing happen.
func (w *world) step() bool {
	t := w.sched.next()
	if t == nil || w.failed() {
		return false
	}
	if t.at < w.now {
		w.violate(kindModel, "time runs backwards")
		return false
	}
	w.now = t.at
	w.trace.mix(uint64(w.now))
	t.fire()
	return !w.failed()
}

// storm lets everything go wrong for a while.
func (w *world) storm() {
	w.calm = false
	w.sched.set(&w.fault, w.now+w.about(w.plan.faultEvery))
	for _, c := range w.clients {
		w.sched.setBy(&c.app.timer, w.now+w.about(w.plan.opEvery))
	}
	for end := w.now + w.plan.storm; w.now < end && w.step(); {
	}
}

// heal ends all misfortune. What a client has to find out by itself it still has to.
func (w *world) heal() {
	w.calm = true
	w.note("world", "is calm", 0)
	w.sched.stop(&w.fault)
	s := w.server
	s.refuse, s.dither = 0, 0
	if !s.up {
		w.sched.stop(&s.back)
		s.restart()
	}
	for _, l := range w.sortedLinks() {
		for _, p := range []*pipe{&l.up, &l.down} {
			p.cut = -1
			if p.stalled = 0; p.timer.isSet() {
				w.sched.set(&p.timer, min(p.timer.at, w.now+time.Second))
			}
		}
		if l.trouble > w.now && l.trouble != forever {
			l.trouble = w.now
		}
	}
	for _, c := range w.clients {
		c.refused, c.hang, c.inbox.slow = 0, false, 0
		if c.store != nil {
			c.store.fails, c.store.slow = 0, 0
		}
		if w.now < c.frozen {
			c.frozen = w.now
			w.sched.stop(&c.thaw)
			c.thawed()
		}
		for _, t := range []*timer{&c.inbox.timer, &c.dial, &c.wake, &c.last} {
			if t.isSet() {
				w.sched.set(t, min(t.at, w.now+30*time.Second))
			}
		}
		if l := c.link; l != nil && (l.trouble == forever || l.serverGone) && c.watch.keepAlive == 0 {
			c.link.sever(0, 0) // nobody would ever find out
		}
	}
}

// patience is how long a world that comes to rest may go on without an operation that ends. A link may be so slow that
// the rest of a queue takes hours.
const patience = 3 * time.Hour

// rest lets everything come to an end.
func (w *world) rest() {
	if w.failed() {
		return
	}
	w.heal()
	for end, done := w.now+patience, uint64(0); w.now < end; {
		if w.resting() {
			return
		}
		if !w.step() {
			break
		}
		if n := w.stats.Succeeded + w.stats.Failed; n > done {
			end, done = w.now+patience, n
		}
	}
	if c, why := w.unrest(); !w.failed() {
		w.violate(kindStuck, "no rest: %s; %s", why, c)
	}
}

func (w *world) resting() bool {
	_, why := w.unrest()
	return why == ""
}

// unrest says what is not at rest, and whose it is.
func (w *world) unrest() (c *client, why string) {
	for _, c := range w.clients {
		switch l := c.link; {
		case c.e == nil || l == nil || !c.e.Connected() || l.serverGone || l.trouble == forever:
			return c, "it is not connected"
		case c.app.open() > 0 || !c.e.Idle() || len(c.out) > 0 || c.storing():
			return c, "it has operations that are not done, or bytes to write"
		case len(c.inbox.held) > 0 || !l.quiet():
			return c, "it has messages in its hands or on the way"
		}
	}
	for _, i := range w.server.b.Clients() {
		if i.Waiting+i.Inflight > 0 {
			return w.byName[i.ID], "the broker has messages for it"
		}
	}
	return nil, ""
}

// probe publishes to everybody, to see that everybody still listens.
func (w *world) probe() {
	if w.failed() {
		return
	}
	for _, c := range w.clients {
		qos := min(c.limits.MaximumQoS.Or(2), c.plan.maximumQoS())
		for _, topic := range []string{"p/" + c.name + "/0", "all/0", "s/0"} {
			for range 3 {
				if c.e != nil {
					c.app.publish(topic, qos, nil)
				}
			}
		}
		if c.e != nil {
			c.settle()
		}
	}
}

func (w *world) sortedLinks() []*link {
	var list []*link
	for _, id := range slices.Sorted(maps.Keys(w.server.links)) {
		list = append(list, w.server.links[id])
	}
	return list
}
