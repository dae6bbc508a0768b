package sim

import (
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// received reads what is about to be given to the engine.
func (v *watch) received(p []byte) {
	w := v.c.w
	for len(p) > 0 && !v.over {
		f, rest, ok, err := v.in.Next(p)
		if err != nil {
			v.violate(kindModel, "the broker sends what is no packet: %v", err)
			return
		}
		if !ok {
			return
		}
		p = rest
		w.stats.PacketsIn++
		if w.trace.on() {
			w.trace.packet(w.now, v.c.link, f, true, false)
		}
		v.got(f)
	}
}

func (v *watch) read(p packet.Packet, f packet.Frame) bool {
	if err := p.Decode(f, &v.d); err != nil {
		v.violate(kindModel, "the broker sends what cannot be read: %v", err)
		return false
	}
	return true
}

func (v *watch) got(f packet.Frame) {
	switch t := f.Type(); t {
	case packet.CONNACK:
		p := new(packet.Connack)
		if v.read(p, f) {
			v.gotConnack(p)
		}
	case packet.PUBLISH:
		if v.read(&v.pub, f) {
			v.gotPublish(&v.pub)
		}
	case packet.PUBACK, packet.PUBREC, packet.PUBREL, packet.PUBCOMP:
		a := v.ack[t-packet.PUBACK]
		if v.read(a, f) {
			v.gotAck(t, ackOf(a))
		}
	case packet.SUBACK:
		p := new(packet.Suback)
		if v.read(p, f) {
			v.free(p.ID)
		}
	case packet.UNSUBACK:
		p := new(packet.Unsuback)
		if v.read(p, f) {
			v.free(p.ID)
		}
	case packet.DISCONNECT:
		v.over = true
	}
}

func (v *watch) gotConnack(p *packet.Connack) {
	c := v.c
	if p.Code.Failed() {
		v.over = true
		return
	}
	if p.SessionPresent && !v.established && !c.plan.engine.ResumeUnknown {
		v.over, v.strange = true, true // the engine refuses it
		return
	}
	if !p.SessionPresent || !v.established {
		c.app.blind = p.SessionPresent
		v.forget()
		if !p.SessionPresent {
			v.inbound = map[uint16]*tally{}
		}
		v.restore = c.app.toRestore()
	}
	v.mistaken(c.link.session)
	v.connected, v.established = true, true
	v.keepAlive = time.Duration(p.ServerKeepAlive.Or(c.plan.connect.KeepAlive)) * time.Second
	if p.ReceiveMaximum != 0 {
		v.limit = min(v.limit, int(p.ReceiveMaximum))
	}
	v.maxPacket, v.aliasMax = int(p.MaximumPacketSize), p.TopicAliasMaximum
	v.pubrels = append(v.pubrels[:0], v.released...)
}

// mistaken notes that the client resumes another session than it knows, because the CONNACK that said so was lost.
func (v *watch) mistaken(s *session) {
	if s == v.with {
		return
	}
	v.with = s
	clear(v.stale)
	if len(v.inbound) > 0 && v.stale == nil {
		v.stale = map[uint16]bool{}
	}
	for id := range v.inbound {
		v.stale[id] = true
	}
}

func (v *watch) gotPublish(p *packet.Publish) {
	switch p.QoS {
	case packet.QoS1:
		v.pubacks = append(v.pubacks, p.ID)
	case packet.QoS2:
		v.pubrecs = append(v.pubrecs, p.ID)
		if m := v.c.w.message(p.Payload); m != nil && v.c.link.session != nil {
			t := v.c.link.session.tally(m)
			if v.stale[p.ID] && p.Dup {
				t.dropped++ // nothing tells it from the old one
			}
			delete(v.stale, p.ID)
			v.inbound[p.ID] = t
		}
	}
}

func (v *watch) gotAck(t packet.Type, a *packet.Ack) {
	if t == packet.PUBREL {
		v.pubcomps = append(v.pubcomps, a.ID)
		delete(v.inbound, a.ID)
		delete(v.stale, a.ID)
		return
	}
	x := v.ids[a.ID]
	if x == nil {
		return // the engine says so, where it is not right
	}
	switch {
	case t == packet.PUBREC && !a.Code.Failed():
		if !x.released {
			x.released = true
			v.released = append(v.released, x)
			v.pubrels = append(v.pubrels, x)
		}
	default:
		if x.released {
			v.unrelease(x)
		}
		v.free(a.ID)
	}
}

// free ends an exchange.
func (v *watch) free(id uint16) {
	x := v.ids[id]
	if x == nil {
		return
	}
	if x.m != nil && x.conn == v.conn {
		v.flying--
	}
	delete(v.ids, id)
	if s := v.c.store; s != nil && (x.m != nil || x.ghost) {
		s.unsaved = append(s.unsaved, saved{x: x, v: v})
	}
}
