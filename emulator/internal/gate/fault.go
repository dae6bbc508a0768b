package gate

import (
	"slices"

	"github.com/gneiss-mqtt/gneiss-go/core/packet"
	"github.com/gneiss-mqtt/gneiss-go/emulator/broker"
	"github.com/gneiss-mqtt/gneiss-go/emulator/iotcore"
)

// fault is a fault that has been asked for.
type fault struct {
	iotcore.ConnectionFault
	id int
}

// maxFaults bounds what can be asked for at a time.
const maxFaults = 1000

// AddFault adds a fault and returns its number; ok is false where there are too many.
func (g *Gate) AddFault(f iotcore.ConnectionFault) (id int, ok bool) {
	if len(g.faults) >= maxFaults {
		return 0, false
	}
	g.lastFault++
	g.faults = append(g.faults, &fault{f, g.lastFault})
	return g.lastFault, true
}

// RemoveFault removes a fault. One that is not there any more is ignored.
func (g *Gate) RemoveFault(id int) {
	g.faults = slices.DeleteFunc(g.faults, func(f *fault) bool { return f.id == id })
}

// strike returns the fault for an occasion, and counts it; nil where there is none.
func (g *Gate) strike(on iotcore.Occasion, client, topic string) *iotcore.ConnectionFault {
	for i, f := range g.faults {
		switch {
		case f.On != on, f.Client != "" && f.Client != client:
			continue
		case f.Topic != "" && f.Topic != topic && !packet.Match(f.Topic, topic):
			continue
		case f.Skip > 0:
			f.Skip--
			continue
		}
		if f.Times == 1 {
			g.faults = slices.Delete(g.faults, i, i+1)
		} else if f.Times > 1 {
			f.Times--
		}
		return &f.ConnectionFault
	}
	return nil
}

// Upgrade returns the HTTP status that a fault refuses an upgrade with, 0 for none, and whether it drops the connection.
func (g *Gate) Upgrade() (status int, drop bool) {
	f := g.strike(iotcore.OnUpgrade, "", "")
	if f == nil {
		return 0, false
	}
	return f.Status, f.Drop
}

// disturbConnect applies a fault to a CONNECT that would be accepted.
func (g *Gate) disturbConnect(c *broker.Client, d broker.ConnectDecision) broker.ConnectDecision {
	f := g.strike(iotcore.OnConnect, c.ID, "")
	switch {
	case f == nil:
		return d
	case f.Drop:
		return broker.ConnectDecision{Drop: true}
	case f.OmitAck:
		return broker.ConnectDecision{Pending: true} // until the connection has waited for too long
	case f.Code.Failed():
		return refuse(f.Code, "a fault")
	}
	d.Fresh = d.Fresh || f.LoseSession
	return d
}

// answerOf returns what a fault does to an acknowledgement.
func answerOf(f *iotcore.ConnectionFault) broker.Answer {
	return broker.Answer{Omit: f.OmitAck, Delay: f.DelayAck, Drop: f.Drop}
}
