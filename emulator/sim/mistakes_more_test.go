package sim

import (
	"encoding/binary"
	"errors"
	"slices"

	"github.com/gneiss-mqtt/gneiss-go/core/engine"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// forgetful does not know inbound messages at QoS 2 again on another connection: to the engine they have other
// identifiers.
func forgetful(c *client, e *engine.Engine) protocol {
	p := planted(c, e)
	shift := uint16(0)
	p.opened = func() { shift += 3000 }
	p.in = func(v packet.Version, pk packet.Packet, raw []byte) []byte {
		switch pk := pk.(type) {
		case *packet.Publish:
			if pk.QoS > 0 {
				pk.ID = max(1, pk.ID+shift)
				return encode(v, pk)
			}
		case *packet.Pubrel:
			pk.ID = max(1, pk.ID+shift)
			return encode(v, pk)
		}
		return raw
	}
	p.out = func(v packet.Version, pk packet.Packet, raw []byte) []byte {
		switch pk.(type) {
		case *packet.Puback, *packet.Pubrec, *packet.Pubcomp:
			ackOf(pk).ID -= shift
			return encode(v, pk)
		}
		return raw
	}
	return p
}

// resentful takes messages of a new session for those of the one that is lost.
func resentful(c *client, e *engine.Engine) protocol {
	r := &grudge{plant: planted(c, e), open: map[uint16]bool{}, old: map[uint16]bool{}}
	r.in = func(_ packet.Version, pk packet.Packet, raw []byte) []byte {
		switch pk := pk.(type) {
		case *packet.Connack:
			if !pk.SessionPresent {
				r.old, r.open = r.open, map[uint16]bool{}
			}
		case *packet.Pubrel:
			delete(r.open, pk.ID)
			delete(r.old, pk.ID)
		}
		return raw
	}
	return r
}

type grudge struct {
	*plant
	open, old map[uint16]bool // identifiers of messages at QoS 2 that are not released
}

func (r *grudge) Receive(now engine.Instant, b []byte) ([]byte, *engine.Inbound) {
	for {
		rest, m := r.plant.Receive(now, b)
		if m == nil || m.QoS != packet.QoS2 {
			return rest, m
		}
		if !r.old[m.ID] {
			r.open[m.ID] = true
			return rest, m
		}
		_ = r.Ack(now, m.Token, packet.Success, "")
		b = rest
	}
}

// backwards sends again the last first.
func backwards(c *client, e *engine.Engine) protocol { return &reversed{planted(c, e)} }

type reversed struct{ *plant }

func (r *reversed) TakeOut(now engine.Instant, spare []byte) []byte {
	b := r.plant.TakeOut(now, spare)
	var frames [][]byte
	for rest := b; len(rest) > 0; {
		f, n, err := packet.ScanFrame(rest, 0)
		pub := new(packet.Publish)
		if err != nil || n == 0 || pub.Decode(f, &r.decoder) != nil || !pub.Dup || pub.TopicAlias != 0 {
			return b
		}
		frames = append(frames, slices.Clone(rest[:n]))
		rest = rest[n:]
	}
	slices.Reverse(frames)
	return append(b[:0], slices.Concat(frames...)...)
}

// oldPing still waits for an answer that an earlier connection owed.
func oldPing(c *client, e *engine.Engine) protocol {
	p := planted(c, e)
	waiting, deaf := false, false
	p.closed = func() { deaf, waiting = waiting, false }
	p.out = func(_ packet.Version, pk packet.Packet, raw []byte) []byte {
		if pk.Type() == packet.PINGREQ {
			waiting = true
		}
		return raw
	}
	p.in = func(_ packet.Version, pk packet.Packet, raw []byte) []byte {
		if pk.Type() == packet.PINGRESP {
			if deaf {
				return nil
			}
			waiting = false
		}
		return raw
	}
	return p
}

// lateRecords stores what bytes depend on after they were written.
func lateRecords(c *client, e *engine.Engine) protocol { return &late{protocol: e} }

type late struct {
	protocol
	held []engine.Record
}

func (l *late) TakeRecords(dst []engine.Record) []engine.Record {
	next := l.protocol.TakeRecords(nil)
	for i := range next {
		if next[i].Value != nil {
			next[i].Value = slices.Clone(next[i].Value)
		}
	}
	dst = append(dst, l.held...)
	l.held = next
	return dst
}

// lostCompletion forgets operations that a disconnect ends.
func lostCompletion(c *client, e *engine.Engine) protocol {
	return &careless{e, func(o *engine.Op, dst []*engine.Op) []*engine.Op {
		if errors.Is(o.Err, engine.ErrConnectionLost) {
			return dst
		}
		return append(dst, o)
	}}
}

// doubleCompletion says it again.
func doubleCompletion(c *client, e *engine.Engine) protocol {
	return &careless{e, func(o *engine.Op, dst []*engine.Op) []*engine.Op {
		if o.Kind == engine.OpUnsubscribe {
			dst = append(dst, o)
		}
		return append(dst, o)
	}}
}

// liar says of failed operations that they were not sent.
func liar(c *client, e *engine.Engine) protocol {
	return &careless{e, func(o *engine.Op, dst []*engine.Op) []*engine.Op {
		if o.Err != nil {
			o.Sent = false
		}
		return append(dst, o)
	}}
}

type careless struct {
	protocol
	done func(o *engine.Op, dst []*engine.Op) []*engine.Op
}

func (k *careless) TakeDone(dst []*engine.Op) []*engine.Op {
	for _, o := range k.protocol.TakeDone(nil) {
		dst = k.done(o, dst)
	}
	return dst
}

// earlySuccess takes what is written for acknowledged.
func earlySuccess(c *client, e *engine.Engine) protocol {
	p := planted(c, e)
	p.out = func(v packet.Version, pk packet.Packet, raw []byte) []byte {
		if pub, ok := pk.(*packet.Publish); ok && pub.QoS == packet.QoS1 {
			p.inject = append(p.inject, encode(v, &packet.Puback{Ack: packet.Ack{ID: pub.ID}})...)
		}
		return raw
	}
	p.in = func(_ packet.Version, pk packet.Packet, raw []byte) []byte {
		if pk.Type() == packet.PUBACK {
			return nil
		}
		return raw
	}
	return p
}

// noExpiry sends what has expired in the queue.
func noExpiry(c *client, e *engine.Engine) protocol {
	p := planted(c, e)
	seconds := map[string]packet.Opt[uint32]{}
	p.out = func(v packet.Version, pk packet.Packet, raw []byte) []byte {
		if pub, ok := pk.(*packet.Publish); ok && seconds[string(pub.Payload)].IsSet() {
			pub.MessageExpiry = seconds[string(pub.Payload)]
			return encode(v, pub)
		}
		return raw
	}
	return &timeless{p, seconds}
}

type timeless struct {
	*plant
	seconds map[string]packet.Opt[uint32]
}

func (t *timeless) Submit(now engine.Instant, o *engine.Op) error {
	if o.Publish.MessageExpiry.IsSet() {
		t.seconds[string(o.Publish.Payload)] = o.Publish.MessageExpiry
		o.Publish.MessageExpiry = packet.Opt[uint32]{}
	}
	return t.plant.Submit(now, o)
}

// younger takes what is stored with a later time of day than now for messages that were accepted then.
func younger(c *client, e *engine.Engine) protocol {
	y := &newborn{plant: planted(c, e), by: map[string]uint32{}}
	y.out = func(v packet.Version, pk packet.Packet, raw []byte) []byte {
		pub, ok := pk.(*packet.Publish)
		if !ok || y.by[string(pub.Payload)] == 0 {
			return raw
		}
		pub.MessageExpiry = packet.Some(pub.MessageExpiry.Or(0) + y.by[string(pub.Payload)])
		return encode(v, pub)
	}
	return y
}

type newborn struct {
	*plant
	by map[string]uint32 // by payload, by how many seconds a message is too young
}

func (y *newborn) Load(key uint64, value []byte) error {
	const messages = 2
	if f, n, err := packet.ScanFrame(value[min(8, len(value)):], 0); key>>56 == messages && err == nil && n > 0 {
		pub := new(packet.Publish)
		ahead := int64(binary.BigEndian.Uint64(value)) - epoch - int64(y.c.wall())
		if err := pub.Decode(f, new(packet.Decoder)); err == nil && pub.MessageExpiry.IsSet() && ahead > 0 {
			y.by[string(pub.Payload)] = uint32(ahead / int64(engine.Second))
		}
	}
	return y.plant.Load(key, value)
}

// afterwards goes on after DISCONNECT.
func afterwards(c *client, e *engine.Engine) protocol {
	p := planted(c, e)
	p.out = func(v packet.Version, pk packet.Packet, raw []byte) []byte {
		if pk.Type() == packet.DISCONNECT {
			return slices.Concat(raw, encode(v, &packet.Pingreq{}))
		}
		return raw
	}
	return p
}

// alwaysPresent does not ask whether the session is still there.
func alwaysPresent(c *client, e *engine.Engine) protocol {
	p := planted(c, e)
	known := false
	p.in = func(v packet.Version, pk packet.Packet, raw []byte) []byte {
		ack, ok := pk.(*packet.Connack)
		if !ok || ack.Code.Failed() {
			return raw
		}
		if known && !p.c.clean {
			ack.SessionPresent = true
		}
		known = true
		return encode(v, ack)
	}
	return p
}

// anyOrder acknowledges as it comes.
func anyOrder(c *client, e *engine.Engine) protocol {
	p := planted(c, e)
	var kept []byte
	p.opened = func() { kept = nil }
	p.out = func(_ packet.Version, pk packet.Packet, raw []byte) []byte {
		if pk.Type() != packet.PUBACK {
			return raw
		}
		if kept == nil {
			kept = slices.Clone(raw)
			return nil
		}
		both := slices.Concat(raw, kept)
		kept = nil
		return both
	}
	return p
}

// restless wants to be woken at once, always.
func restless(c *client, e *engine.Engine) protocol { return &waker{protocol: e, busy: true} }

// sleepy never wants to be woken.
func sleepy(c *client, e *engine.Engine) protocol { return &waker{protocol: e} }

type waker struct {
	protocol
	busy bool
	now  engine.Instant
}

func (w *waker) Tick(now engine.Instant) {
	w.now = now
	w.protocol.Tick(now)
}

func (w *waker) Wake() engine.Instant {
	if w.busy {
		return w.now
	}
	return engine.Never
}

// unbounded has a queue without a limit.
func unbounded(c *client, _ *engine.Engine) protocol {
	return other(c, func(cfg *engine.Config) { cfg.QueueCount, cfg.QueueBytes = -1, -1 })
}

// wasteful knows no rate of bytes.
func wasteful(c *client, _ *engine.Engine) protocol {
	return other(c, func(cfg *engine.Config) { cfg.PublishBytes = 0 })
}

// breathless does not stop before its connection is replaced.
func breathless(_ *client, e *engine.Engine) protocol { return &runner{protocol: e} }

// impatient does not wait for what is under way.
func impatient(_ *client, e *engine.Engine) protocol { return &runner{protocol: e, stops: true} }

type runner struct {
	protocol
	stops bool
}

func (r *runner) Hold(now engine.Instant, on bool) {
	if r.stops {
		r.protocol.Hold(now, on)
	}
}

func (r *runner) Settled() bool { return r.stops || r.protocol.Settled() }

// hasty knows no rate.
func hasty(c *client, _ *engine.Engine) protocol {
	return other(c, func(cfg *engine.Config) { cfg.PublishRate = 0 })
}

// other returns an engine that is not configured as it ought to be.
func other(c *client, change func(*engine.Config)) protocol {
	cfg := c.plan.engine
	cfg.Epoch = epoch + int64(c.wall())
	change(&cfg)
	e, err := engine.New(cfg)
	if err != nil {
		panic(err)
	}
	return e
}

// noRestore takes its subscriptions for granted again.
func noRestore(c *client, e *engine.Engine) protocol {
	p := planted(c, e)
	fresh := false
	p.in = func(_ packet.Version, pk packet.Packet, raw []byte) []byte {
		if ack, ok := pk.(*packet.Connack); ok {
			fresh = !ack.SessionPresent
		}
		return raw
	}
	p.out = func(v packet.Version, pk packet.Packet, raw []byte) []byte {
		sub, ok := pk.(*packet.Subscribe)
		if !ok {
			fresh = fresh && pk.Type() == packet.CONNECT
			return raw
		}
		if !fresh || c.process == 1 && len(c.app.belief) == 0 {
			return raw
		}
		codes := make([]packet.ReasonCode, len(sub.Filters))
		p.inject = append(p.inject, encode(v, &packet.Suback{ID: sub.ID, Codes: codes})...)
		return nil
	}
	return p
}
