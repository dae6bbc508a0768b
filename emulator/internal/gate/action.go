package gate

import (
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
	"github.com/gneiss-mqtt/gneiss-go/emulator/broker"
)

// Actions is what the gate wants of the driver, in the order of the fields.
type Actions struct {
	Replies []broker.Reply
	Kicks   []Kick
	Asks    []*Ask
}

// Kick ends a connection: with a DISCONNECT where the code is a failure, else without a word.
type Kick struct {
	Conn   broker.ConnID
	Code   packet.ReasonCode
	Reason string
}

// kick asks for the end of a connection. reason is the service's word for it, detail says it to the client.
func (g *Gate) kick(id broker.ConnID, p *peer, code packet.ReasonCode, reason, detail string) {
	p.reason = reason
	g.actions.Kicks = append(g.actions.Kicks, Kick{Conn: id, Code: code, Reason: detail})
}

// TakeActions returns what has come up since the last call.
func (g *Gate) TakeActions() Actions {
	a := g.actions
	g.actions = Actions{}
	return a
}

// Empty reports whether there is nothing to do.
func (a *Actions) Empty() bool { return len(a.Replies)+len(a.Kicks)+len(a.Asks) == 0 }
