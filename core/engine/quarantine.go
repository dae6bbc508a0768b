package engine

import "github.com/gneiss-mqtt/gneiss-go/core/packet"

// A ghost stands for a message at QoS 2 that was given up although the broker may hold it. Its identifier must not name
// another message, which the broker would take for a repetition and drop [MQTT-4.3.3-10]. A PUBREL ends the exchange
// whether the broker holds the message or not; its PUBCOMP frees the identifier.
//
// At QoS 1 there is nothing to wait for: the next connection knows nothing of an identifier that is not sent on it.

// giveUp frees the identifier of an operation of an earlier connection, or leaves it to a ghost.
func (e *Engine) giveUp(o *Op) {
	if o.Kind != OpPublish || o.Publish.QoS != packet.QoS2 || !o.Sent {
		e.ids.free(o)
		return
	}
	ghost := &Op{Kind: OpPublish, Sent: true, progress: progress{internal: true, state: opWaiting}}
	ghost.Publish.QoS = packet.QoS2
	if o.state == opReleased { // it was the PUBREL that was interrupted too often: no more of them
		ghost.interrupted = o.interrupted
	}
	e.ids.replace(o, ghost)
	e.noteGhost(ghost.id)
	e.ghosts.pushBack(ghost)
	if e.state == stateConnected {
		e.releaseGhost(ghost)
	}
}

// releaseGhost sends the PUBREL of a ghost, unless that has been interrupted too often as well. Then the identifier stays
// out of use until the session ends.
func (e *Engine) releaseGhost(ghost *Op) {
	if e.worn(ghost) {
		return
	}
	e.inUse++
	from := len(e.out)
	ghost.state = opReleased
	e.reply(packet.PUBREL, ghost.id, packet.PacketIdentifierNotFound, "")
	e.encoded(ghost, from)
}

// interruptGhosts prepares the ghosts for the next connection.
func (e *Engine) interruptGhosts() {
	for g := e.ghosts.head; g != nil; g = g.next {
		if g.end > 0 && e.taken > g.start && g.interrupted < 255 {
			g.interrupted++
		}
		g.state, g.start, g.end = opWaiting, 0, 0
	}
}
