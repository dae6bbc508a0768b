package gate

import (
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
	"github.com/gneiss-mqtt/gneiss-go/emulator/broker"
)

// Actions is what the gate wants of the driver, in the order of the fields.
type Actions struct {
	Replies []broker.Reply
	Kicks   []Kick
}

// Kick ends a connection.
type Kick struct {
	Conn   broker.ConnID
	Code   packet.ReasonCode
	Reason string
}

// TakeActions returns what has come up since the last call.
func (g *Gate) TakeActions() Actions {
	a := g.actions
	g.actions = Actions{}
	return a
}

// Empty reports whether there is nothing to do.
func (a *Actions) Empty() bool { return len(a.Replies)+len(a.Kicks) == 0 }
