package sim

import (
	"errors"
	"slices"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/engine"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// inbox is what an application does with the messages that reach it: one handler that takes its time, or with manual
// acknowledgement many that finish in any order.
type inbox struct {
	c     *client
	held  []held
	slow  time.Duration
	timer timer
}

// held is a message that the application has not finished with.
type held struct {
	m     *message
	t     *tally
	qos   packet.QoS
	token engine.AckToken
	link  *link
}

func (b *inbox) init(c *client) {
	b.c = c
	b.timer.fire = b.wake
}

// take is called with every message from the engine.
func (b *inbox) take(in *engine.Inbound) {
	c := b.c
	w := c.w
	w.stats.Deliveries++
	m := w.message(in.Payload)
	if m == nil {
		if in.Topic[0] != 'w' && len(in.Payload) > 0 {
			w.violate(kindModel, "%s is handed an unknown message on %s", c.name, in.Topic)
		} else if !in.Token.IsZero() {
			b.held = append(b.held, held{token: in.Token, qos: in.QoS, link: c.link})
		}
		return
	}
	if m.topic != in.Topic {
		w.violate(kindAlias, "%s is handed message %d of %s on %q", c.name, m.n, m.topic, in.Topic)
		return
	}
	ss := c.link.session
	if ss == nil {
		w.violate(kindModel, "%s is handed message %d without a session", c.name, m.n)
		return
	}
	t := ss.tally(m)
	if w.trace.on() {
		w.trace.line(w.now, c.name, "is handed message "+string(m.payload(0)))
	}
	b.order(ss, m, t, in)
	if in.Token.IsZero() {
		t.got[0]++
		if t.got[0] > t.atMost(m, packet.QoS0) {
			w.violate(kindTwice, "%s gets message %d at QoS 0 %d times", c.name, m.n, t.got[0])
		}
		return
	}
	if in.QoS == packet.QoS2 && t.got[2] >= t.atMost(m, packet.QoS2) {
		w.violate(kindTwice, "%s gets message %d at QoS 2 again, %d times so far: %+v", c.name, m.n, t.got[2], *t)
	}
	if !c.plan.engine.ManualAcks {
		t.got[in.QoS]++
	}
	b.held = append(b.held, held{m: m, t: t, qos: in.QoS, token: in.Token, link: c.link})
}

// order checks that what comes for the first time comes in the order in which it was published.
func (b *inbox) order(ss *session, m *message, t *tally, in *engine.Inbound) {
	if m.shared || in.Retain {
		t.handed = true
		return
	}
	f := flow{m.topic, m.from, m.qos<<2 | in.QoS}
	last := ss.first[f]
	switch {
	case t.handed || m.seen > 1: // of two copies the first may have been dropped
	case m.n < last:
		b.c.w.violate(kindOrder, "%s gets message %d after %d, of %s on %s", b.c.name, m.n, last, m.from.name, m.topic)
	default:
		ss.first[f] = m.n
	}
	t.handed = true
}

// work lets handlers finish.
func (b *inbox) work() {
	c := b.c
	w := c.w
	if len(b.held) == 0 || c.e == nil || w.failed() || b.timer.isSet() || w.now < c.frozen {
		return
	}
	p := &c.plan.handler
	if slow := w.now < b.slow; slow || !w.calm && w.percent(p.slow) {
		w.sched.set(&b.timer, max(b.slow, w.now+w.within(0, p.longest)))
		return
	}
	b.finish(len(b.held))
	c.settle()
}

func (b *inbox) wake() {
	c := b.c
	if c.e == nil || c.asleep(&b.timer) {
		return
	}
	b.finish(1 + c.w.IntN(max(1, len(b.held))))
	c.settle()
	b.work()
}

// finish acknowledges the first n messages, or with manual acknowledgement any n.
func (b *inbox) finish(n int) {
	c := b.c
	if c.plan.engine.ManualAcks {
		for ; n > 0 && len(b.held) > 0; n-- {
			i := c.w.IntN(len(b.held))
			h := b.held[i]
			last := len(b.held) - 1
			b.held[i] = b.held[last]
			b.held = b.held[:last]
			b.ack(h)
		}
		return
	}
	n = min(n, len(b.held))
	for i := 0; i < n && !c.w.failed(); i++ {
		b.ack(b.held[i])
	}
	b.held = slices.Delete(b.held, 0, n)
}

// ack acknowledges a message, which is void when the connection is another one by now.
func (b *inbox) ack(h held) {
	c := b.c
	w := c.w
	code, reason := packet.Success, ""
	if c.plan.engine.ManualAcks && !w.calm && w.percent(c.plan.handler.refuse) {
		code, reason = packet.UnspecifiedError, "not now"
	}
	valid := h.link == c.link && c.e.Connected()
	err := c.e.Ack(c.now(), h.token, code, reason)
	w.stats.Acks++
	switch {
	case err == nil && !valid && (c.plan.engine.ManualAcks || h.qos != packet.QoS2):
		w.violate(kindAck, "%s: an acknowledgement of another connection is taken", c.name)
		return
	case err != nil && valid:
		w.violate(kindAck, "%s: an acknowledgement is refused: %v", c.name, err)
		return
	case errors.Is(err, engine.ErrAckVoid):
		w.stats.Void++
		return
	case err != nil:
		w.violate(kindAck, "%s: an acknowledgement fails: %v", c.name, err)
		return
	}
	if valid && w.one(50) && c.e.Connected() {
		if err := c.e.Ack(c.now(), h.token, code, reason); !errors.Is(err, engine.ErrAckTwice) {
			w.violate(kindAck, "%s: a second acknowledgement gives %v", c.name, err)
		}
	}
	if h.t == nil {
		return
	}
	taken := code == packet.Success || c.plan.engine.Version == packet.V311
	if c.plan.engine.ManualAcks && taken {
		h.t.got[h.qos]++
	}
	if c.store != nil && h.qos == packet.QoS2 && taken {
		c.store.unsaved = append(c.store.unsaved, saved{t: h.t})
	}
}

// crash loses the messages that the application had not finished with: they have to come again.
func (b *inbox) crash() {
	for _, h := range b.held {
		if h.t != nil && !b.c.plan.engine.ManualAcks {
			h.t.got[h.qos]--
		}
	}
	b.held = b.held[:0]
	b.slow = 0
	b.c.w.sched.stop(&b.timer)
}
