package sim

import (
	"github.com/gneiss-mqtt/gneiss-go/core/engine"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// protocol is the engine as a client of the simulator uses it. The tests put something between the two that makes the
// mistakes of other clients, to show that they are found.
type protocol interface {
	Open(now engine.Instant, c *packet.Connect, deadline engine.Instant) error
	Receive(now engine.Instant, p []byte) ([]byte, *engine.Inbound)
	Submit(now engine.Instant, o *engine.Op) error
	Cancel(now engine.Instant, o *engine.Op) bool
	Ack(now engine.Instant, t engine.AckToken, code packet.ReasonCode, reason string) error
	Authenticate(now engine.Instant, p *packet.Auth) error
	Wrote(now engine.Instant, n int)
	Tick(now engine.Instant)
	Wake() engine.Instant
	Disconnect(now engine.Instant, p *packet.Disconnect) error
	Hold(now engine.Instant, on bool)
	Settled() bool
	Closed(now engine.Instant)
	DropSession(now engine.Instant)
	Abandon(now engine.Instant, err error)
	TakeRecords(dst []engine.Record) []engine.Record
	TakeOut(now engine.Instant, spare []byte) []byte
	TakeDone(dst []*engine.Op) []*engine.Op
	TakeEvents(dst []engine.Event) []engine.Event
	Load(key uint64, value []byte) error
	LoadDone(now engine.Instant) int
	StoredClientID() string
	Pending() bool
	Err() error
	Connected() bool
	Idle() bool
	Unfinished() int
	Stats() engine.Stats
}

var _ protocol = (*engine.Engine)(nil)
