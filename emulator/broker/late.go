package broker

import (
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// late is an acknowledgement that a hook has delayed.
type late struct {
	timer timer
	conn  *conn
	ack   packet.Packet
}

// later sends an acknowledgement after a while, where the connection still lives then.
func (c *conn) later(d time.Duration, ack packet.Packet) {
	l := &late{conn: c, ack: ack}
	c.b.timers.set(&l.timer, c.b.now.Add(d), l)
}

func (l *late) expired(*Broker, *timer) {
	if c := l.conn; c.live() {
		if l.ack.Type() == packet.PUBACK {
			c.unsentAcks++
		}
		c.send(l.ack)
	}
}

// Redeliver sends a client once more what it has not acknowledged, on the connection that it has, without the mark that
// it is sent again: AWS IoT Core does that, the specification does not allow it [MQTT-4.4.0-1].
func (b *Broker) Redeliver(now Instant, clientID string) error {
	b.tick(now)
	s := b.sessions[clientID]
	if s == nil || s.conn == nil || !s.conn.live() {
		return ErrNoClient
	}
	c := s.conn
	for d := s.flying.first; d != nil; {
		next := d.next
		if d.sent == c.id && !d.released {
			c.publish(&d.msg.pkt, outgoing{qos: d.qos, id: d.id, retain: d.retain, ids: d.ids, expireAt: d.msg.expireAt})
		}
		d = next
	}
	b.settle()
	return nil
}
