package sim

import "github.com/gneiss-mqtt/gneiss-go/core/packet"

// took judges what the driver takes from the engine: whole packets.
func (v *watch) took(p []byte) {
	w := v.c.w
	if len(p) > 0 {
		v.silence()
	}
	work, last := 0, 0 // bytes of what waits for room; of the last such packet
	for len(p) > 0 && !w.failed() {
		f, n, err := packet.ScanFrame(p, 0)
		if err != nil || n == 0 {
			v.violate(kindAfterEnd, "not whole packets: % x: %v", p[:min(len(p), 32)], err)
			return
		}
		p = p[n:]
		w.trace.packet(w.now, v.c.link, f, false, false)
		switch f.Type() {
		case packet.PUBLISH, packet.SUBSCRIBE, packet.UNSUBSCRIBE:
			work, last = work+n, n
		}
		sp := span{start: v.takenBytes, end: v.takenBytes + uint64(n)}
		v.takenBytes = sp.end
		v.sent(f, n, &sp)
		if sp.m != nil || sp.rel != nil {
			v.spans = append(v.spans, sp)
		}
	}
	if limit := v.c.outLimit(); work-last > limit {
		v.violate(kindMemory, "%d bytes of operations are encoded at a time, the limit is %d", work, limit)
	}
}

// silence between two packets is never longer than the keep alive [MQTT-3.1.2-20], but for a PINGREQ that waits for the
// disk behind records.
func (v *watch) silence() {
	c := v.c
	limit := v.keepAlive
	if c.store != nil {
		limit += commit
	}
	if quiet := c.clock() - v.spoke; v.connected && v.keepAlive > 0 && quiet > limit && c.healthy(c.link) {
		v.violate(kindKeepAlive, "nothing was sent for %v, the keep alive is %v", quiet, v.keepAlive)
	}
	v.spoke = c.clock()
}

// inflight is the client's own limit of messages under way, default included.
func (c *client) inflight() int {
	switch n := c.plan.engine.MaxInflight; {
	case n > 0:
		return n
	case c.plan.engine.Version == packet.V311:
		return 20
	}
	return 65535
}

func (c *client) outLimit() int {
	if l := c.plan.engine.OutLimit; l > 0 {
		return l
	}
	return 64 << 10
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

func (v *watch) sentPubrel(f packet.Frame, sp *span) {
	a := v.ack[2]
	if !v.decode(a, f) {
		return
	}
	x := v.ids[ackOf(a).ID]
	switch {
	case x == nil && v.phantoms > 0 && ackOf(a).Code == packet.PacketIdentifierNotFound:
		v.phantoms--
		x = &exchange{id: ackOf(a).ID, ghost: true, unsure: true, ended: true}
		v.ids[x.id] = x
	case x == nil:
		if !v.revived {
			v.violate(kindAck, "PUBREL %d of nothing", ackOf(a).ID)
		}
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
