package sim

import (
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

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
	v.paced(int(sp.end - sp.start))
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
	if v.c.paused {
		v.violate(kindPause, "message %d is sent while nothing new is to be", m.n)
	}
	v.sentUnacked(p, m)
	m.takenIn = v.session
	if v.flying++; v.flying > v.limit {
		v.violate(kindQuota, "%d messages are under way, the broker's receive maximum is %d", v.flying, v.limit)
	}
}

// paced: no more PUBLISH than the rate allows. They are seen here when they are written, not when they were encoded, so
// what counts is the time since the connection was opened.
func (v *watch) paced(size int) {
	v.published, v.bytes, v.most = v.published+1, v.bytes+size, max(v.most, size)
	e, took := &v.c.plan.engine, (v.c.clock() - v.since).Seconds()
	if rate := e.PublishRate; rate > 0 && float64(v.published) > 1+float64(rate)*(took+1) {
		v.violate(kindLimit, "%d messages in %.1f s, the rate is %d a second", v.published, took, rate)
	}
	if rate := e.PublishBytes; rate > 0 && float64(v.bytes) > float64(v.most)+float64(rate)*(took+1) {
		v.violate(kindLimit, "%d bytes in %.1f s, the rate is %d a second", v.bytes, took, rate)
	}
}

// settledAll is called when the engine says that the broker has acknowledged everything.
func (v *watch) settledAll() {
	if v.flying > 0 {
		v.violate(kindPause, "%d messages are under way when all is said to be acknowledged", v.flying)
	}
}

// sentUnacked checks identifier and DUP of a PUBLISH at QoS 1 or 2.
func (v *watch) sentUnacked(p *packet.Publish, m *message) {
	x := v.held(p.ID)
	if x != nil && x.m != m {
		v.violate(kindID, "message %d takes %s", m.n, x)
		return
	}
	v.unhurried(m)
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

// unhurried: slow start sends one message at a time until those that were interrupted are over.
func (v *watch) unhurried(m *message) {
	e := &v.c.plan.engine
	if !e.SlowStart || e.AckTimeout > 0 || len(v.slow) == 0 { // those that are overdue hold nobody up
		return
	}
	for _, x := range v.ids {
		if x.m != nil && x.conn == v.conn {
			v.violate(kindSlow, "message %d is sent beside another, and %d that were interrupted are not over", m.n, len(v.slow))
		}
	}
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
