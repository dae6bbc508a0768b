package engine

// interrupt decides, when a connection ends, what becomes of every operation. Messages at QoS 1 and 2 that are under
// way wait for the next CONNACK, which alone can tell whether the session is still there.
func (e *Engine) interrupt() {
	e.settleInbound()
	e.inUse = 0
	for o := e.first.pop(); o != nil; o = e.first.pop() {
		e.finish(o, ErrConnectionLost)
	}
	e.interruptWriting()
	e.interruptControl()
	e.interruptPublishes()
	e.interruptGhosts()
	for _, l := range e.waiting() {
		e.dropUnkept(l)
	}
	e.nextAck, e.nextSend = Never, Never
}

// interruptWriting ends the messages at QoS 0 of which a byte may have left: they are sent at most once.
func (e *Engine) interruptWriting() {
	var again opList
	for o := e.writing.pop(); o != nil; o = e.writing.pop() {
		if o.Sent = e.maybeSent(o); o.Sent || !e.cfg.Offline.keeps(o) {
			e.finish(o, ErrConnectionLost)
		} else {
			again.pushBack(o)
		}
	}
	e.requeue(&again)
}

// interruptControl frees the identifiers of SUBSCRIBE and UNSUBSCRIBE: they are no part of the session.
func (e *Engine) interruptControl() {
	var again opList
	for o := e.control.pop(); o != nil; o = e.control.pop() {
		e.ids.free(o)
		e.count(o)
		switch {
		case o.internal || o.abandoned:
			e.finish(o, ErrConnectionLost)
		case e.worn(o):
			e.finish(o, ErrInterrupted)
		case !e.cfg.Offline.keeps(o):
			e.finish(o, ErrConnectionLost)
		default:
			again.pushBack(o)
		}
	}
	e.requeue(&again)
	e.subs.settled()
}

// interruptPublishes puts what was sent in front of what was still to be sent again: the order of the first sending. A
// message of which no byte has left waits again as if it had never been encoded.
func (e *Engine) interruptPublishes() {
	var again opList
	lists := [...]opList{e.unacked, e.resend}
	e.unacked, e.resend = opList{}, opList{}
	for i := range lists {
		for o := lists[i].pop(); o != nil; o = lists[i].pop() {
			e.count(o)
			switch o.state = opWaiting; {
			case e.worn(o):
				e.giveUp(o)
				e.finish(o, ErrInterrupted)
			case !o.Sent:
				e.ids.free(o)
				again.pushBack(o)
			default:
				e.resend.pushBack(o)
			}
		}
	}
	e.requeue(&again)
	for o := e.released.head; o != nil; {
		next := o.next
		if e.count(o); e.worn(o) {
			e.released.remove(o)
			e.giveUp(o)
			e.finish(o, ErrInterrupted)
		}
		o = next
	}
}

// count notes an interruption of an operation that was under way on this connection.
func (e *Engine) count(o *Op) {
	under := o.end > 0
	o.Sent = e.maybeSent(o)
	o.start, o.end = 0, 0
	if !under || !o.Sent || o.internal {
		return
	}
	if o.interrupted < 255 {
		o.interrupted++
	}
	if (e.cfg.SlowStart || e.lastTry(o)) && !o.slow && !o.abandoned {
		o.slow = true
		e.slow++
	}
}

// lastTry reports whether the next interruption of an operation would be one too many.
func (e *Engine) lastTry(o *Op) bool {
	return e.cfg.MaxInterrupted > 0 && o.interrupted == e.cfg.MaxInterrupted
}

// worn reports whether the operation was interrupted more often than allowed: perhaps it is the reason.
func (e *Engine) worn(o *Op) bool {
	return e.cfg.MaxInterrupted > 0 && o.interrupted > e.cfg.MaxInterrupted
}

// requeue puts operations, which are in the order of their submission, back to where that belongs.
func (e *Engine) requeue(l *opList) {
	if l.head == nil {
		return
	}
	to := e.waitList(l.head)
	for o := l.tail; o != nil; o = o.prev { // stored from the last, so that no crash in between changes the order
		o.state, o.start, o.end = opWaiting, 0, 0
		e.note(o)
		e.nextExpiry = min(e.nextExpiry, o.expires)
	}
	to.merge(l)
}

// dropUnkept ends what the offline policy does not keep.
func (e *Engine) dropUnkept(l *opList) {
	for o := l.head; o != nil; {
		next := o.next
		if !e.cfg.Offline.keeps(o) {
			l.remove(o)
			e.finish(o, ErrOffline)
		}
		o = next
	}
}

// resumeSession goes on where the last connection ended [MQTT-4.4.0-1]: PUBREL first, in their order, then the
// unacknowledged PUBLISH as the new receive maximum allows.
func (e *Engine) resumeSession() {
	for g := e.ghosts.head; g != nil; g = g.next {
		e.releaseGhost(g)
	}
	for o := e.released.head; o != nil; o = o.next {
		e.inUse++
		e.sendPubrel(o)
	}
}

// loseSession starts over: the broker knows nothing, and what is known here is discarded [MQTT-3.2.2-5].
// Unacknowledged messages are sent as new ones, or fail, as the policy says. A message at QoS 2 that the broker had
// taken is failed: to send it again might deliver it twice.
func (e *Engine) loseSession() {
	e.forgetSession()
	e.ids = idTable{next: e.ids.next}
	e.inbound2, e.inbound2Now = heldTable{}, 0
	clear(e.lent)
	e.ghosts = opList{}
	for o := e.released.pop(); o != nil; o = e.released.pop() {
		o.id = 0
		e.finish(o, ErrSessionLost)
	}
	var again opList
	for o := e.resend.pop(); o != nil; o = e.resend.pop() {
		o.id = 0
		if o.abandoned || !e.cfg.Offline.keeps(o) {
			e.finish(o, ErrSessionLost)
			continue
		}
		o.before = o.before || o.Sent
		o.Sent = false // the new session has seen nothing of it: DUP is 0
		again.pushBack(o)
	}
	e.requeue(&again)
}
