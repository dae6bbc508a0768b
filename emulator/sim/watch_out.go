package sim

import (
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// took judges what the driver takes from the engine: whole packets.
func (v *watch) took(p []byte) {
	w := v.c.w
	for len(p) > 0 && !w.failed() {
		f, n, err := packet.ScanFrame(p, 0)
		if err != nil || n == 0 {
			v.violate(kindAfterEnd, "not whole packets: % x: %v", p[:min(len(p), 32)], err)
			return
		}
		p = p[n:]
		w.trace.packet(w.now, v.c.link, f, false, false)
		sp := span{start: v.takenBytes, end: v.takenBytes + uint64(n)}
		v.takenBytes = sp.end
		v.sent(f, n, &sp)
		if sp.m != nil || sp.rel != nil {
			v.spans = append(v.spans, sp)
		}
	}
}

func (v *watch) sent(f packet.Frame, size int, sp *span) {
	t := f.Type()
	switch {
	case v.bye:
		v.violate(kindAfterEnd, "%s after DISCONNECT", t)
		return
	case (t == packet.CONNECT) == v.greeted:
		v.violate(kindAfterEnd, "%s, the first packet was %v", t, v.greeted)
		return
	case !v.connected && t != packet.CONNECT && t != packet.AUTH && t != packet.DISCONNECT:
		v.violate(kindAfterEnd, "%s before CONNACK", t)
		return
	case v.maxPacket > 0 && size > v.maxPacket && t != packet.CONNECT:
		v.violate(kindLimit, "%s of %d bytes, the broker takes %d", t, size, v.maxPacket)
	}
	v.c.w.stats.PacketsOut++
	v.greeted = true
	switch t {
	case packet.PUBLISH:
		v.sentPublish(f, sp)
	case packet.SUBSCRIBE:
		v.sentSubscribe(f)
	case packet.UNSUBSCRIBE:
		p := new(packet.Unsubscribe)
		if v.decode(p, f) {
			v.firstThings(t)
			v.use(p.ID, &exchange{id: p.ID, conn: v.conn})
		}
	case packet.PUBACK:
		v.pubacks = v.sentAck(f, 0, v.pubacks)
	case packet.PUBREC:
		v.pubrecs = v.sentAck(f, 1, v.pubrecs)
	case packet.PUBCOMP:
		v.pubcomps = v.sentAck(f, 3, v.pubcomps)
	case packet.PUBREL:
		v.sentPubrel(f, sp)
	case packet.DISCONNECT:
		v.bye = true
	}
}

func (v *watch) decode(p packet.Packet, f packet.Frame) bool {
	if err := p.Decode(f, &v.o); err != nil {
		v.violate(kindProtocol, "sends what cannot be read: %v", err)
		return false
	}
	return true
}

// held returns the exchange that an identifier belongs to. One that was lost in a crash belongs to nobody: its end was not
// stored in time, or not a byte of it was written.
func (v *watch) held(id uint16) *exchange {
	x := v.ids[id]
	if x != nil && x.unsure && (x.ended || x.m != nil && x.m.wroteIn != v.session) {
		return nil
	}
	return x
}

// use takes an identifier, which must be free.
func (v *watch) use(id uint16, x *exchange) {
	if old := v.held(id); old != nil {
		v.violate(kindID, "a SUBSCRIBE or UNSUBSCRIBE takes %s", old)
	}
	v.ids[id] = x
}

// sentAck checks an acknowledgement: of a message of this connection, in the order in which they came, once.
func (v *watch) sentAck(f packet.Frame, kind int, owed []uint16) []uint16 {
	a := v.ack[kind]
	if !v.decode(a, f) {
		return owed
	}
	id := ackOf(a).ID
	if len(owed) == 0 || owed[0] != id {
		v.violate(kindAck, "%s %d, owed are %v", f.Type(), id, owed[:min(len(owed), 20)])
		return owed
	}
	return owed[1:]
}

func ackOf(p packet.Packet) *packet.Ack {
	switch p := p.(type) {
	case *packet.Puback:
		return &p.Ack
	case *packet.Pubrec:
		return &p.Ack
	case *packet.Pubrel:
		return &p.Ack
	case *packet.Pubcomp:
		return &p.Ack
	}
	return nil
}

// firstThings: restored subscriptions come before everything else.
func (v *watch) firstThings(t packet.Type) {
	for filter := range v.restore {
		if v.c.app.wants(filter) {
			v.violate(kindRestore, "%s before %s is subscribed again", t, filter)
		}
	}
}

func (v *watch) sentSubscribe(f packet.Frame) {
	p := new(packet.Subscribe)
	if !v.decode(p, f) {
		return
	}
	for i := range p.Filters {
		delete(v.restore, p.Filters[i].Filter)
	}
	v.use(p.ID, &exchange{id: p.ID, conn: v.conn})
}

func (v *watch) sentPublish(f packet.Frame, sp *span) {
	p := &v.pub
	if !v.decode(p, f) {
		return
	}
	w := v.c.w
	m := w.message(p.Payload)
	if m == nil {
		v.violate(kindModel, "PUBLISH of an unknown message")
		return
	}
	v.firstThings(packet.PUBLISH)
	v.sentAlias(p, m)
	v.sentExpiry(p, m)
	sp.m = m
	if m.from != v.c || p.QoS != m.qos || len(p.Payload) != m.size || p.Retain != m.retain {
		v.violate(kindModel, "PUBLISH %d is not what was submitted", m.n)
	}
	line := min(int(p.QoS), 1)
	if m.n <= v.last[line] {
		v.violate(kindOrder, "message %d is sent after %d", m.n, v.last[line])
	}
	v.last[line] = m.n
	if p.QoS == packet.QoS0 {
		if m.takenIn != 0 {
			v.violate(kindTwice, "message %d at QoS 0 is sent twice", m.n)
		}
		m.takenIn = v.session
		return
	}
	v.sentUnacked(p, m)
	m.takenIn = v.session
	if v.flying++; v.flying > v.limit {
		v.violate(kindQuota, "%d messages are under way, the broker's receive maximum is %d", v.flying, v.limit)
	}
}

// sentUnacked checks identifier and DUP of a PUBLISH at QoS 1 or 2.
func (v *watch) sentUnacked(p *packet.Publish, m *message) {
	x := v.held(p.ID)
	if x != nil && x.m != m {
		v.violate(kindID, "message %d takes %s", m.n, x)
		return
	}
	before := m.takenIn == v.session
	if x == nil {
		v.restart(m)
		x = &exchange{id: p.ID, m: m}
		v.ids[p.ID] = x
		switch {
		case !before && p.Dup && m.process == v.c.process:
			v.violate(kindDup, "message %d has DUP, and this session has not seen it", m.n)
		case before && m.process == v.c.process && m.wroteIn == v.session:
			v.violate(kindID, "message %d is sent again with another identifier", m.n)
		case before && m.wroteIn == v.session && !p.Dup:
			v.violate(kindDup, "message %d is sent again without DUP", m.n)
		}
	} else {
		switch {
		case x.conn == v.conn:
			v.violate(kindTwice, "message %d is sent twice on a connection", m.n)
		case x.released && !x.unsure:
			v.violate(kindReleased, "message %d is sent again after its PUBREC", m.n)
		case !p.Dup && !x.unsure:
			v.violate(kindDup, "message %d is sent again without DUP", m.n)
		}
		if x.released {
			x.released = false
			v.unrelease(x)
		}
	}
	x.conn, x.unsure = v.conn, false
}

// restart forgets what a crash has left of an earlier exchange of a message.
func (v *watch) restart(m *message) {
	if m.process == v.c.process {
		return
	}
	for id, x := range v.ids {
		if x.m == m && x.unsure {
			delete(v.ids, id)
		}
	}
}

func (v *watch) sentAlias(p *packet.Publish, m *message) {
	topic := p.Topic
	if a := p.TopicAlias; a != 0 {
		switch {
		case a > v.aliasMax:
			v.violate(kindAlias, "topic alias %d, the broker allows %d", a, v.aliasMax)
		case topic != "":
			if v.alias == nil {
				v.alias = map[uint16]string{}
			}
			v.alias[a] = topic
		default:
			topic = v.alias[a]
		}
	}
	if topic != m.topic {
		v.violate(kindAlias, "message %d of %s goes to %q with alias %d", m.n, m.topic, topic, p.TopicAlias)
	}
}

// sentExpiry: what has expired is not sent for the first time, and what is sent carries the time that is left. The packet
// was encoded at some time since the last bytes were taken.
func (v *watch) sentExpiry(p *packet.Publish, m *message) {
	c := v.c
	got, ok := p.MessageExpiry.Get()
	if c.plan.engine.Version != packet.V5 || ok != (m.seconds > 0) {
		if ok || m.seconds > 0 && c.plan.engine.Version == packet.V5 {
			v.violate(kindExpiry, "message %d has expiry %v", m.n, p.MessageExpiry)
		}
		return
	}
	if !ok {
		return
	}
	since := c.wall() - (c.now() - c.tookAt) // when it can have been encoded at the earliest
	if !p.Dup && m.expires <= since {
		v.violate(kindExpiry, "message %d is sent %v after it has expired", m.n, time.Duration(since-m.expires))
	}
	most := max(1, (time.Duration(m.expires-since)+time.Second-1)/time.Second)
	if got < m.left() || time.Duration(got) > most {
		v.violate(kindExpiry, "message %d says that it expires in %d s, it is %d to %d", m.n, got, m.left(), most)
	}
}

func (v *watch) sentPubrel(f packet.Frame, sp *span) {
	a := v.ack[2]
	if !v.decode(a, f) {
		return
	}
	x := v.ids[ackOf(a).ID]
	switch {
	case x == nil:
		v.violate(kindAck, "PUBREL %d of nothing", ackOf(a).ID)
		return
	case x.ghost:
	case !x.released && !x.unsure:
		v.violate(kindAck, "PUBREL %d before PUBREC", x.id)
	case x.unsure:
	default:
		for len(v.pubrels) > 0 && (v.pubrels[0].unsure || v.pubrels[0].ghost) {
			v.pubrels = v.pubrels[1:]
		}
		if len(v.pubrels) == 0 || v.pubrels[0] != x {
			v.violate(kindAck, "PUBREL %d out of order", x.id)
		} else {
			v.pubrels = v.pubrels[1:]
		}
	}
	x.relTaken = true
	sp.rel = x
}

// wrote notes that bytes have left.
func (v *watch) wrote(n int) {
	v.wroteBytes += uint64(n)
	for len(v.spans) > 0 && v.spans[0].start < v.wroteBytes {
		sp := &v.spans[0]
		if sp.m != nil {
			sp.m.wroteIn = v.session
		} else {
			sp.rel.relWrote = true
		}
		if sp.end > v.wroteBytes {
			return
		}
		if sp.m != nil {
			sp.m.whole = true
		}
		v.spans = v.spans[1:]
	}
}
