package engine

// Hold stops sending messages at QoS 1 and 2, or goes on with it; those that come meanwhile wait. Once [Engine.Settled]
// reports true, ending the connection leaves nothing that would have to be sent twice. The next connection begins
// without it.
func (e *Engine) Hold(now Instant, on bool) {
	e.at(now)
	if e.hold = on && e.state == stateConnected; !e.hold {
		e.pump()
	}
}

// Settled reports whether the broker has acknowledged all that was sent.
func (e *Engine) Settled() bool { return e.unacked.n+e.released.n+e.control.n == 0 }
