package sim

import (
	"errors"
	"fmt"

	"github.com/gneiss-mqtt/gneiss-go/core/engine"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// request is an operation that the application has given to the engine.
type request struct {
	op       *engine.Op
	m        *message // of a publish
	seq      int
	index    int // in the list of those that are open
	canceled bool
	timedOut bool
	finished bool
}

func (r *request) String() string {
	if r.m != nil {
		return fmt.Sprintf("PUBLISH %d", r.m.n)
	}
	return fmt.Sprintf("%s %d", r.op.Kind, r.seq)
}

// done takes an operation back from the engine: once, and with a result that is true.
func (a *app) done(o *engine.Op) {
	c := a.c
	w := c.w
	r, _ := o.User.(*request)
	if r == nil {
		a.doneRestored(o)
		return
	}
	if r.finished {
		w.violate(kindCompletion, "%s: %s is done twice", c.name, r)
		return
	}
	r.finished = true
	a.remove(r)
	w.stats.finished(o.Err)
	if w.trace.on() {
		w.trace.line(w.now, c.name, fmt.Sprintf("done: %s, sent %v: %v", r, o.Sent, o.Err))
	}
	if o.Kind == engine.OpPublish {
		if !a.closing {
			c.watch.settled(r.m, o.Err)
		}
		a.judgePublish(r.m, o)
	} else {
		a.judgeControl(r, o)
	}
	a.judgeError(r.m, r, o)
}

// settled frees the identifier of a message that has failed without an answer.
func (v *watch) settled(m *message, err error) {
	delete(v.slow, m)
	var re *engine.ReasonError
	if err != nil && m.qos > 0 && !errors.As(err, &re) {
		v.giveUp(m)
	}
}

func (a *app) judgePublish(m *message, o *engine.Op) {
	c := a.c
	w := c.w
	m.failed = m.failed || o.Err != nil && !(a.closing && c.store != nil)
	switch {
	case o.Err == nil && m.qos > 0 && m.seen == 0 && a.blind:
		m.gone = true // taken for the repetition of one of an earlier process
	case o.Err == nil && m.qos > 0 && m.seen == 0:
		w.violate(kindUntrue, "%s: message %d is done, and the broker never had it", c.name, m.n)
	case o.Err == nil && m.qos == 0 && !m.whole:
		w.violate(kindUntrue, "%s: message %d at QoS 0 is done and not written", c.name, m.n)
	case !o.Sent && m.wroteIn != 0:
		w.violate(kindUntrue, "%s: message %d says that it was not sent, and a byte has left: %v", c.name, m.n, o.Err)
	case !o.Sent && m.seen > 0:
		w.violate(kindUntrue, "%s: message %d says that it was not sent, and the broker has it: %v", c.name, m.n, o.Err)
	case o.Sent && m.takenIn == 0 && m.process == c.process: // an earlier process may have been about to
		w.violate(kindUntrue, "%s: message %d says that it was sent, which it cannot be: %v", c.name, m.n, o.Err)
	}
}

// doneRestored takes back an operation of an earlier process. What the broker had at QoS 2 has no name any more.
func (a *app) doneRestored(o *engine.Op) {
	c := a.c
	w := c.w
	if a.restored--; a.restored < 0 {
		w.violate(kindCompletion, "%s: more operations of an earlier process are done than were restored", c.name)
		return
	}
	w.stats.finished(o.Err)
	m := w.message(o.Publish.Payload)
	if m == nil {
		a.anonymous(o)
		return
	}
	if w.trace.on() {
		w.trace.line(w.now, c.name, fmt.Sprintf("done: restored PUBLISH %d, sent %v: %v", m.n, o.Sent, o.Err))
	}
	if m.doneIn == c.process {
		w.violate(kindCompletion, "%s: restored message %d is done twice", c.name, m.n)
	}
	m.doneIn = c.process
	m.redone++
	if !a.closing {
		c.watch.settled(m, o.Err)
		if o.Err != nil && m.qos == packet.QoS2 && m.takenIn == 0 {
			c.watch.phantoms++ // that it was to be sent is stored, so its identifier has to be released
		}
	}
	a.judgePublish(m, o)
	a.judgeError(m, nil, o)
}

// anonymous is a message at QoS 2 that an earlier process had released.
func (a *app) anonymous(o *engine.Op) {
	v := &a.c.watch
	if o.Err == nil || a.closing {
		return
	}
	if errors.Is(o.Err, engine.ErrInterrupted) {
		for _, x := range v.released {
			if x.unsure || x.m != nil && x.m.process < a.c.process {
				x.ghost = true // one of these
			}
		}
	}
}

// judgeError asks whether an operation may have failed that way.
func (a *app) judgeError(m *message, r *request, o *engine.Op) {
	c, err := a.c, o.Err
	w, cfg := c.w, &a.c.plan.engine
	var re *engine.ReasonError
	var le *engine.LimitError
	ok := true
	switch {
	case err == nil:
	case errors.Is(err, engine.ErrConnectionLost):
		ok = c.closedAt == w.now && (m == nil || m.qos == packet.QoS0)
	case errors.Is(err, engine.ErrOffline):
		ok = c.closedAt == w.now && !keeps(cfg.Offline, o)
	case errors.Is(err, engine.ErrSessionLost):
		ok = a.lostAt == w.now && m != nil && m.qos > 0 ||
			a.lostAt == w.now && m == nil && r == nil
	case errors.Is(err, engine.ErrInterrupted):
		ok = c.closedAt == w.now && cfg.MaxInterrupted > 0
	case errors.Is(err, engine.ErrExpired):
		ok = m != nil && m.seconds > 0 && m.expired()
	case errors.Is(err, engine.ErrCanceled):
		ok = r != nil && r.canceled
	case errors.Is(err, engine.ErrClosed):
		ok = a.closing
	case errors.As(err, &re):
		ok = m == nil || m.refused
	case errors.As(err, &le):
		ok = c.beyond(m, le)
	default:
		ok = false
	}
	if !ok {
		w.violate(kindUntrue, "%s: %s, message %d, fails without cause: %v", c.name, o.Kind, m.number(), err)
	}
}

// judgeKept asks, at the end of a connection, whether the policy keeps what is kept. Messages under way are, in any case.
func (a *app) judgeKept() {
	c := a.c
	for _, r := range a.requests {
		if under := r.m != nil && r.m.qos > 0 && r.m.takenIn == c.watch.session; !under && !keeps(c.plan.engine.Offline, r.op) {
			c.w.violate(kindUntrue, "%s: %s is kept, against the offline policy", c.name, r)
		}
	}
}

// keeps is the offline policy, as documented.
func keeps(p engine.OfflinePolicy, o *engine.Op) bool {
	publish := o.Kind == engine.OpPublish
	switch p {
	case engine.KeepAll:
		return true
	case engine.KeepAcknowledged:
		return !publish || o.Publish.QoS > 0
	case engine.KeepPublishes:
		return publish && o.Publish.QoS > 0
	}
	return false
}

// beyond reports whether a limit of the broker really forbids an operation.
func (c *client) beyond(m *message, le *engine.LimitError) bool {
	l := &c.limits
	v5 := c.plan.engine.Version == packet.V5
	if !v5 {
		return false
	}
	switch le.Code {
	case packet.QoSNotSupported:
		return m != nil && m.qos > l.MaximumQoS.Or(packet.QoS2)
	case packet.RetainNotSupported:
		return m != nil && m.retain && l.NoRetain
	case packet.PacketTooLarge:
		return m == nil || m.size+len(m.topic)+40 > int(l.MaxPacketSize)
	case packet.TopicAliasInvalid:
		return true
	case packet.WildcardSubscriptionsNotSupported:
		return l.NoWildcards
	case packet.SharedSubscriptionsNotSupported:
		return l.NoShared
	case packet.SubscriptionIdentifiersNotSupported:
		return l.NoSubscriptionIDs
	}
	return false
}
