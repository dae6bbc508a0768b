package sim

import (
	"errors"
	"slices"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/engine"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// app is an application that uses a client, and what it may believe.
type app struct {
	c        *client
	timer    timer // the next operation
	requests []*request
	restored int // operations of an earlier process that are not over
	seq      int
	belief   map[string]*belief
	lostAt   time.Duration // when the session was last lost
	closing  bool          // the client is being closed for good
	blind    bool          // the broker goes on with a session of which this process knows nothing
}

// belief is what the application knows of one subscription.
type belief struct {
	seq    int // of the request that was answered last
	filter packet.Filter
	id     uint32
	held   bool // it is granted
	unsure bool // a request has failed of which the broker may have seen a part
}

func (a *app) init(c *client) {
	a.c = c
	a.belief = map[string]*belief{}
	a.timer.fire = a.act
	a.lostAt = -1
}

// started subscribes, in every new process.
func (a *app) started() {
	c := a.c
	c.w.sched.set(&a.timer, c.w.now+c.w.about(c.w.plan.opEvery))
	a.subscribe(c.plan.filters)
}

// open returns how many operations the engine has.
func (a *app) open() int { return len(a.requests) + a.restored }

func (a *app) remove(r *request) {
	last := a.requests[len(a.requests)-1]
	a.requests[r.index], last.index = last, r.index
	a.requests = a.requests[:len(a.requests)-1]
}

// submit gives an operation to the engine, which may refuse it.
func (a *app) submit(o *engine.Op, m *message) *request {
	c := a.c
	w := c.w
	a.seq++
	r := &request{op: o, m: m, seq: a.seq}
	o.User = r
	connected := c.e.Connected()
	if err := c.e.Submit(c.now(), o); err != nil {
		w.stats.Refused++
		if m != nil {
			m.gone = true
		}
		a.judgeRefusal(r, connected, err)
		return nil
	}
	w.stats.Ops[o.Kind]++
	r.index = len(a.requests)
	a.requests = append(a.requests, r)
	if m != nil {
		m.req = r
		if c.store != nil && m.qos > 0 {
			c.store.unsaved = append(c.store.unsaved, saved{m: m})
		}
	}
	return r
}

func (a *app) judgeRefusal(r *request, connected bool, err error) {
	c := a.c
	ok := false
	var le *engine.LimitError
	if errors.As(err, &le) {
		ok = c.plan.forbids(r.op, le)
	}
	switch err {
	case engine.ErrOffline:
		ok = !connected && !keeps(c.plan.engine.Offline, r.op)
	case engine.ErrQueueFull:
		s := c.e.Stats()
		count, bytes := c.queueLimits()
		ok = s.Queued >= count || s.QueuedBytes+2000 > bytes
	}
	if !ok {
		c.w.violate(kindUntrue, "%s: %s is refused without cause: %v", c.name, r, err)
	}
}

// forbids reports whether the service has a limit that an operation is beyond, and which the client knows of.
func (c *clientPlan) forbids(o *engine.Op, le *engine.LimitError) bool {
	e := &c.engine
	switch le.Code {
	case packet.PacketTooLarge:
		return e.MaxPayload > 0 && len(o.Publish.Payload) > e.MaxPayload
	case packet.QoSNotSupported:
		beyond := func(f packet.Filter) bool { return f.QoS > c.maximumQoS() }
		return o.Publish.QoS > c.maximumQoS() || slices.ContainsFunc(o.Subscribe.Filters, beyond)
	}
	return false
}

// queueLimits are those of the engine, defaults included.
func (c *client) queueLimits() (count, bytes int) {
	if count = c.plan.engine.QueueCount; count == 0 {
		count = 10_000
	}
	if bytes = c.plan.engine.QueueBytes; bytes == 0 {
		bytes = 64 << 20
	}
	return count, bytes
}

// publish submits a message.
func (a *app) publish(topic string, qos packet.QoS, with func(m *message, p *packet.Publish)) *request {
	c := a.c
	w := c.w
	m := w.newMessage(c, topic, qos)
	size := w.plan.size(w.chance)
	buf := m.payload(size)
	o := &engine.Op{Publish: packet.Publish{Topic: topic, QoS: qos, Payload: buf}}
	m.size = len(buf)
	if with != nil {
		with(m, &o.Publish)
	}
	m.retain = o.Publish.Retain
	w.note(c.name, "publishes", m.n)
	r := a.submit(o, m)
	for i := range buf { // the engine has its own copy, or has encoded it
		buf[i] = '?'
	}
	return r
}

func (a *app) subscribe(filters []packet.Filter) {
	if len(filters) == 0 {
		return
	}
	c := a.c
	o := &engine.Op{Kind: engine.OpSubscribe, OptionalID: true, Subscribe: packet.Subscribe{Filters: filters}}
	if c.plan.engine.Version == packet.V5 && c.w.one(2) {
		o.Subscribe.SubscriptionID = uint32(1 + c.w.IntN(300))
	}
	c.w.note(c.name, "subscribes", len(filters))
	a.submit(o, nil)
}

func (a *app) unsubscribe(filters ...string) {
	c := a.c
	c.w.note(c.name, "unsubscribes", len(filters))
	a.submit(&engine.Op{Kind: engine.OpUnsubscribe, Unsubscribe: packet.Unsubscribe{Filters: filters}}, nil)
}

// judgeControl notes what a SUBSCRIBE or UNSUBSCRIBE has brought.
func (a *app) judgeControl(r *request, o *engine.Op) {
	w := a.c.w
	answered := len(o.Codes) > 0
	if !answered && o.Err == nil {
		w.violate(kindUntrue, "%s: %s is done without an answer", a.c.name, r)
		return
	}
	names := o.Unsubscribe.Filters
	if o.Kind == engine.OpSubscribe {
		names = nil
		for i := range o.Subscribe.Filters {
			names = append(names, o.Subscribe.Filters[i].Filter)
		}
	}
	for i, name := range names {
		b := a.belief[name]
		if b == nil {
			b = &belief{}
			a.belief[name] = b
		}
		switch {
		case !answered:
			b.unsure = b.unsure || o.Sent
		case r.seq < b.seq || o.Codes[i].Failed():
		case o.Kind == engine.OpSubscribe:
			*b = belief{seq: r.seq, filter: o.Subscribe.Filters[i], id: o.Subscribe.SubscriptionID, held: true}
		default:
			*b = belief{seq: r.seq}
		}
	}
}

func (a *app) lostSubscription(filter string, err error) {
	w := a.c.w
	w.note(a.c.name, "loses a subscription", 0)
	var re *engine.ReasonError
	var le *engine.LimitError
	limits := &a.c.limits // of which MQTT 3.1.1 is told by a refusal
	may := w.plan.refuseFilters > 0 || a.c.plan.engine.Version == packet.V311 && (limits.NoShared || limits.NoWildcards)
	if refused := errors.As(err, &re) && may; !refused && !(errors.As(err, &le) && a.c.beyond(nil, le)) {
		w.violate(kindRestore, "%s: the subscription to %s is given up without cause: %v", a.c.name, filter, err)
	}
	if b := a.belief[filter]; b != nil {
		b.held = false
	}
}

// delayedSubscription judges a refusal that is to pass.
func (a *app) delayedSubscription(ev *engine.Event) {
	w := a.c.w
	w.stats.Delayed++
	w.note(a.c.name, "has a subscription delayed", int(ev.Wait/engine.Second))
	var re *engine.ReasonError
	if !errors.As(ev.Err, &re) || re.Code != packet.QuotaExceeded && re.Code != packet.PacketIdentifierInUse || w.plan.refuseFilters == 0 {
		w.violate(kindRestore, "%s: the subscription to %s is put off without cause: %v", a.c.name, ev.Filter, ev.Err)
	}
}

// wants reports whether the application holds a subscription for certain.
func (a *app) wants(filter string) bool {
	b := a.belief[filter]
	return b != nil && b.held && !b.unsure
}

// toRestore returns the filters that a new session has to have before anything else.
func (a *app) toRestore() map[string]bool {
	all := map[string]bool{}
	for name, b := range a.belief {
		if b.held && !b.unsure {
			all[name] = true
		}
	}
	return all
}

// sessionLost is called when the client's session ends.
func (a *app) sessionLost() {
	a.lostAt = a.c.w.now
}
