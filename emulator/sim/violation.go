package sim

import (
	"fmt"
	"time"
)

// Kind says which promise was broken.
type Kind string

// The promises.
const (
	kindLost       Kind = "lost"            // a message was not delivered
	kindTwice      Kind = "twice"           // a message came or was sent more often than it may
	kindOrder      Kind = "order"           // messages were sent or delivered out of order
	kindID         Kind = "packet id"       // an identifier was used twice
	kindDup        Kind = "dup"             // DUP is not right
	kindReleased   Kind = "released"        // PUBLISH after PUBREC
	kindAck        Kind = "ack"             // an acknowledgement that is not owed, or not now
	kindQuota      Kind = "receive maximum" // too much is under way
	kindAlias      Kind = "alias"           // a topic alias that the other side does not know
	kindExpiry     Kind = "expiry"          // an expired message was sent, or one with the wrong time
	kindLimit      Kind = "limit"           // a limit of the broker was not respected
	kindAfterEnd   Kind = "out of place"    // a packet before CONNECT or CONNACK, or after DISCONNECT
	kindRestore    Kind = "subscriptions"   // subscriptions were not restored, or not first
	kindCompletion Kind = "completion"      // an operation was not done exactly once
	kindUntrue     Kind = "untrue"          // the result of an operation is not true
	kindWake       Kind = "wake"            // the engine wants to be woken in the past, or not at all
	kindSlow       Kind = "slow start"      // more than one at a time
	kindPause      Kind = "pause"           // a message is sent while sending is to pause
	kindMemory     Kind = "memory"          // something grows without bounds
	kindKeepAlive  Kind = "keep alive"      // a link that works was given up
	kindProtocol   Kind = "protocol"        // one side accuses the other
	kindStuck      Kind = "stuck"           // the world does not come to rest
	kindLeft       Kind = "left over"       // at rest, something is still held
	kindStore      Kind = "store"           // stored records cannot be read
	kindModel      Kind = "model"           // the simulator contradicts itself
	kindPanic      Kind = "panic"
)

// Violation is a promise that was broken.
type Violation struct {
	Seed uint64
	At   time.Duration
	Kind Kind
	Text string
}

// String is one line.
func (v *Violation) String() string {
	return fmt.Sprintf("seed %d at %s: %s: %s", v.Seed, stamp(v.At), v.Kind, v.Text)
}

// violate notes a violation. The world ends with the first.
func (w *world) violate(kind Kind, format string, args ...any) {
	if w.violation != nil {
		return
	}
	w.violation = &Violation{Seed: w.seed, At: w.now, Kind: kind, Text: fmt.Sprintf(format, args...)}
	w.stats.Violations++
	if w.trace.on() {
		w.trace.line(w.now, "", "VIOLATION "+w.violation.String())
	}
}

func (w *world) failed() bool { return w.violation != nil }
