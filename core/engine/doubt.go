package engine

// A broker that has lost the session makes a new one when it accepts a CONNECT, and says so in its CONNACK alone. Where
// that CONNACK never arrives, the next one says that the session is present: the new one. Nothing in the protocol tells
// it from the old. So a session that is resumed after a CONNECT without an answer is in doubt: its subscriptions are
// asked for once more, which changes nothing where they are still there, and a PUBLISH at QoS 2 without DUP is a new
// message even where its identifier is known, because one that is sent again has DUP [MQTT-3.3.1-1].
//
// The broker may come to such a CONNECT after it has accepted a later one: it was on its way, or waited for a user
// database. So the doubt stays for a while, whatever is answered meanwhile.
type doubt struct {
	answered bool    // CONNACK has come on this connection
	since    bool    // a CONNECT was sent, and the session is not known to have survived it
	until    Instant // what the broker says from then on ends the doubt
	noted    bool    // that may be so is stored
}

// doubtLasts is how long a CONNECT may be on its way.
const doubtLasts = 5 * 60 * Second

// connecting notes that a CONNECT is about to be sent: before it leaves, because the process may end before the answer.
func (e *Engine) connecting() {
	e.doubt.answered = false
	if e.cfg.Durable && e.established && !e.doubt.noted {
		e.doubt.noted = true
		e.put(keySession, append([]byte{sessionDoubted}, e.noted...))
	}
}

// settleDoubt is called at the end of a connection.
func (e *Engine) settleDoubt() {
	d := &e.doubt
	switch {
	case !d.answered && e.taken > 0: // whether or not there was a session: there may be one when the broker comes to it
		d.since, d.until = true, e.now.add(doubtLasts)
	case d.answered && e.keepAlive.last >= d.until:
		d.since = false
	}
}

// resumed is called when the broker says that the session is present, and it is known here.
func (e *Engine) resumed() {
	if !e.doubt.since {
		return
	}
	e.subs.doubted()
	for id, h := range e.inbound2.all() {
		e.inbound2.set(id, h|held2Doubted)
		if h&held2Owned != 0 {
			e.noteInbound(id, h|held2Doubted)
		}
	}
}

// undoubted decides what a PUBLISH says about an identifier that is in doubt, and returns what is known of it then.
func (e *Engine) undoubted(m *Inbound, h held2) held2 {
	if m.Dup {
		if h &^= held2Doubted; h&held2Owned != 0 {
			e.noteInbound(m.ID, h)
		}
		return h
	}
	if h&held2Owned != 0 {
		e.dropInbound(m.ID)
	}
	delete(e.lent, m.ID)
	return 0
}
