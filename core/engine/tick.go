package engine

import "github.com/gneiss-mqtt/gneiss-go/core/packet"

// Wake returns when Tick has to be called at the latest, [Never] where nothing is to come. It may be early, never
// late.
func (e *Engine) Wake() Instant {
	switch e.state {
	case stateConnecting:
		return min(e.deadline, e.nextExpiry)
	case stateConnected:
		return min(e.keepAlive.wake(), e.nextAck, e.nextExpiry, e.nextSend, e.again.at)
	}
	return e.nextExpiry
}

// Tick does what is due: PINGREQ, timeouts, expiry. Calling it early or often does no harm.
func (e *Engine) Tick(now Instant) {
	e.at(now)
	if e.now >= e.nextExpiry {
		e.expire()
	}
	switch e.state {
	case stateConnecting:
		if e.now >= e.deadline {
			e.end(ErrConnectTimeout)
		}
	case stateConnected:
		if e.now >= e.nextAck {
			e.overdue()
		}
		if e.state == stateConnected && e.now >= e.again.at {
			e.restoreLater()
		}
		if e.state == stateConnected { // and not given up just now: nothing follows a DISCONNECT [MQTT-3.14.4-1]
			e.tickKeepAlive()
		}
		if e.now >= e.nextSend {
			e.pump()
		}
	}
}

// overdue reports the operations whose acknowledgement has not come in time. They stay where they are: the
// acknowledgement may come, and their identifiers are not free before.
func (e *Engine) overdue() {
	e.nextAck = Never
	for _, l := range e.sent() {
		for o := l.head; o != nil; o = o.next {
			due := o.sentAt.add(e.cfg.AckTimeout)
			if due > e.now { // the list is in the order of sending
				e.nextAck = min(e.nextAck, due)
				break
			}
			if !o.abandoned {
				e.abandon(o)
			}
		}
	}
	if stalled := e.stalled(); stalled <= e.now {
		e.fail(packet.UnspecifiedError, ErrAckTimeout)
	} else {
		e.nextAck = min(e.nextAck, stalled)
	}
	e.pump()
}

// sent returns the lists of what waits for an acknowledgement, each in the order of sending.
func (e *Engine) sent() [3]*opList { return [...]*opList{&e.unacked, &e.released, &e.control} }

func (e *Engine) abandon(o *Op) {
	o.abandoned = true
	if o.slow {
		o.slow = false
		e.slow--
	}
	if !o.internal {
		e.events = append(e.events, Event{Kind: EventTimedOut, Op: o, Err: ErrAckTimeout})
	}
}

// stallTimeout is how long a connection is kept on which nothing more can be sent, at least.
const stallTimeout = 60 * Second

// stalled returns when a connection is given up on which the broker owes every acknowledgement: while all of the quota
// is held by messages that are long overdue no other can be sent, and only a new connection has a new quota. The same
// goes for a subscription that is not restored.
func (e *Engine) stalled() Instant {
	patience := max(2*e.cfg.AckTimeout, stallTimeout)
	stalled := Never
	if e.state == stateConnected && !e.quota() {
		var newest Instant
		for _, l := range [...]*opList{&e.unacked, &e.released} {
			if l.tail != nil {
				newest = max(newest, l.tail.sentAt)
			}
		}
		for g := e.ghosts.head; g != nil; g = g.next {
			newest = max(newest, g.sentAt)
		}
		stalled = newest.add(patience)
	}
	for o := e.control.head; o != nil && o.abandoned; o = o.next {
		if o.internal {
			return min(stalled, o.sentAt.add(patience))
		}
	}
	return stalled
}

// expire ends the messages that have waited too long. What was sent once is not expired any more [MQTT-4.3.3-7].
func (e *Engine) expire() {
	e.nextExpiry = Never
	for _, l := range e.waiting() {
		for o := l.head; o != nil; {
			next := o.next
			if o.expires <= e.now {
				l.remove(o)
				e.stats.Expired++
				e.finish(o, ErrExpired)
			} else {
				e.nextExpiry = min(e.nextExpiry, o.expires)
			}
			o = next
		}
	}
}
