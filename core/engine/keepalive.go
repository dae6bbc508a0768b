package engine

import "github.com/gneiss-mqtt/gneiss-go/core/packet"

// keepAlive decides when a PINGREQ is due and when the broker has failed to answer one. It belongs to one connection.
//
// Only an acknowledgement proves that both directions work, so only an acknowledged packet postpones the next
// PINGREQ, and from the time it was written: the silence between two packets never exceeds the keep alive
// [MQTT-3.1.2-20].
type keepAlive struct {
	interval, timeout Duration
	due               Instant // of the next PINGREQ
	waiting           bool    // a PINGREQ is not answered; the first one decides
	end               uint64  // where it ends in the stream
	gone              bool    // it has been written
	since             Instant // it was encoded, or bytes before it made progress; once gone: it was written
	last              Instant // something was received
}

// start begins the watch. The last packet was sent at that time, perhaps long before CONNACK came.
func (k *keepAlive) start(sent Instant, interval, timeout Duration) {
	*k = keepAlive{interval: interval, timeout: min(timeout, interval/2), due: Never}
	if interval > 0 {
		k.due = sent.add(interval)
	}
}

func (k *keepAlive) stop() { *k = keepAlive{due: Never} }

// acked: a packet written at that time has been acknowledged.
func (k *keepAlive) acked(written Instant) {
	if k.interval > 0 {
		k.due = max(k.due, written.add(k.interval))
	}
}

func (k *keepAlive) heard(now Instant) { k.last = now }

// wrote: bytes up to an offset have left. Until the PINGREQ itself has, progress is as good as an answer: it may be
// queued behind a large publish on a slow link.
func (k *keepAlive) wrote(now Instant, written uint64) {
	if k.waiting && !k.gone {
		k.since = now
		k.gone = written >= k.end
	}
}

// overdue returns when the broker counts as dead. What it sends keeps it alive while an answer may be on its way
// behind it, for as long as one more interval.
func (k *keepAlive) overdue() Instant {
	if !k.waiting {
		return Never
	}
	if !k.gone {
		return k.since.add(k.timeout)
	}
	return min(max(k.since, k.last).add(k.timeout), k.since.add(k.interval))
}

func (k *keepAlive) wake() Instant {
	if k.waiting {
		return k.overdue()
	}
	return k.due
}

func (e *Engine) tickKeepAlive() {
	k := &e.keepAlive
	if k.interval == 0 {
		return
	}
	if e.now >= k.overdue() {
		e.fail(packet.KeepAliveTimeout, ErrPingTimeout)
		return
	}
	if !k.waiting && e.now >= k.due {
		e.out, _ = (&packet.Pingreq{}).Append(e.out, e.cfg.Version)
		k.waiting, k.gone, k.since = true, false, e.now
		k.end = e.taken + uint64(len(e.out))
	}
}

func (e *Engine) receivePingresp(f packet.Frame) {
	var p packet.Pingresp
	if err := p.Decode(f, &e.decoder); err != nil {
		e.malformed(err)
		return
	}
	if !e.keepAlive.waiting || e.keepAlive.end > e.taken { // not even handed to the driver
		e.forgive(packet.ProtocolError, "MQTT-3.12.4-1", "a PINGRESP that was not asked for")
		return
	}
	e.keepAlive.waiting = false
	e.keepAlive.acked(e.keepAlive.since)
}
