package broker

import "github.com/gneiss-mqtt/gneiss-go/core/packet"

// Reply is a message of the server's own, often the answer to another one.
type Reply struct {
	packet.Publish
	// To is a client that gets the message once: while it is connected whether or not it has subscribed, else where its
	// session is kept and has subscribed; empty: nobody in particular. Everyone else gets it by subscription.
	To string
	// Only keeps the message from everyone but To.
	Only bool
}

// Reply publishes messages of the server's own in their order. One that cannot be sent, for its topic or its size, is
// counted as dropped.
func (b *Broker) Reply(now Instant, list ...Reply) {
	b.tick(now)
	for i := range list {
		b.reply(&list[i])
	}
	b.settle()
}

// sendReplies publishes what the Publish hook has left.
func (b *Broker) sendReplies() {
	for len(b.replies) > 0 {
		list := b.replies
		b.replies = nil
		for i := range list {
			b.reply(&list[i])
		}
	}
}

func (b *Broker) reply(r *Reply) {
	p := &r.Publish
	if b.checkOwn(p) != nil || p.Retain && !b.retained.fits(b, p) {
		b.stats.Dropped++
		return
	}
	pub := publication{b: b, pkt: p}
	b.reportPublished(&pub, &Client{}, false)
	to := b.sessions[r.To]
	away := to != nil && (to.conn == nil || !to.conn.live())
	if r.Only {
		switch {
		case away:
			b.keepFor(to, &pub)
		case to != nil:
			to.deliver(&pub, p.QoS, false, nil, nil)
		}
		return
	}
	if away {
		to = nil // by subscription, if at all
	}
	b.distribute(&pub, nil)
	if to != nil && to.mark != b.epoch { // distribute has marked whom it reached
		to.deliver(&pub, p.QoS, false, nil, nil)
	}
}

// keepFor puts a message into the queue of one session that is not connected, if it has subscribed to it.
func (b *Broker) keepFor(s *session, pub *publication) {
	b.collect(pub.pkt.Topic, pub.pkt.QoS, nil)
	for i := range b.targets {
		if t := &b.targets[i]; t.session == s && t.group == nil {
			s.deliver(pub, min(t.qos, pub.pkt.QoS), false, t.ids, nil)
		}
	}
}
