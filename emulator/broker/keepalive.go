package broker

import (
	"fmt"

	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// watch makes sure that the connection's timer goes off at the latest at the given time. Timers are never moved to a
// later time when traffic comes: going off too early is cheaper than being moved for every packet.
func (c *conn) watch(at Instant) {
	if c.state >= stateEnding || c.timer.index != 0 && c.timer.at <= at {
		return
	}
	c.b.timers.set(&c.timer, at, c)
}

// expired looks at everything that a connection can be late with.
func (c *conn) expired(b *Broker, _ *timer) {
	switch {
	case c.state >= stateEnding:
		return
	case c.session == nil:
		if b.now >= c.deadline {
			c.fail(packet.UnspecifiedError, CauseConnectTimeout, "no CONNECT was accepted in time")
			return
		}
		c.watch(c.deadline)
		return
	case c.state == statePending && b.now >= c.deadline:
		c.fail(packet.NotAuthorized, CauseNotAuthorized, "the authentication was not decided in time")
		return
	case c.state == statePending:
		c.watch(c.deadline)
	}
	if !c.readable() {
		c.lastPacket = b.now // the silence is the server's, which does not read
	}
	if c.keepAlive != 0 {
		if b.now >= c.lastPacket+c.keepAlive { // [MQTT-3.1.2-22], 3.1.1: [MQTT-3.1.2-24]
			c.fail(packet.KeepAliveTimeout, CauseKeepAlive, fmt.Sprintf("nothing was received for %v", b.now.Sub(c.lastPacket)))
			return
		}
		c.watch(c.lastPacket + c.keepAlive)
	}
	if c.progress != 0 {
		if due := (c.progress - 1).Add(b.limits.WriteTimeout); b.now >= due {
			c.silent = true // it would not be read either
			c.end(packet.UnspecifiedError, CauseStalled, "the client does not read")
		} else {
			c.watch(due)
		}
	}
}

// setKeepAlive applies the server's limits to the client's keep alive and returns what CONNACK says of it.
func (c *conn) setKeepAlive(asked uint16) (announce packet.Opt[uint16]) {
	l := &c.b.limits
	effective := asked
	if l.MaxKeepAlive != 0 && (asked == 0 || asked > l.MaxKeepAlive) {
		effective = l.MaxKeepAlive
	}
	if effective != 0 && effective < l.MinKeepAlive {
		effective = l.MinKeepAlive
	}
	if effective != asked || l.AlwaysKeepAlive {
		announce = packet.Some(effective) // [MQTT-3.2.2-21]
	}
	c.keepAlive = Instant(seconds(uint32(effective)) * 3 / 2)
	return announce
}
