package engine

import (
	"fmt"
	"testing"

	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// TestInvariants drives engines through random lives, each from a seed, and looks after every step for what must never
// happen. At the end the network is calm and the broker answers: everything has to come to an end.
func TestInvariants(t *testing.T) {
	t.Parallel()
	seeds, steps := 300, 1500
	if slow || testing.Short() {
		seeds = 30
	}
	for seed := range seeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			w := newModelWorld(t, uint64(seed))
			for range steps {
				w.step()
			}
			w.comeToRest()
		})
	}
}

// comeToRest lets everything arrive that is on its way.
func (w *modelWorld) comeToRest() {
	w.calm = true
	for range 20_000 {
		if !w.open {
			w.connect()
		}
		w.take()
		w.write(1 << 20)
		w.brokerReads(len(w.wire))
		w.b.flush()
		w.clientReads(len(w.b.out))
		w.ack()
		w.settle()
		if w.atRest() {
			w.restChecks()
			return
		}
		if w.one(5) {
			w.time()
			w.settle()
		}
	}
	w.t.Fatalf("no rest: %d operations, stats %+v", len(w.ops), w.e.Stats())
}

func (w *modelWorld) atRest() bool {
	return w.open && w.e.Connected() && len(w.ops) == 0 && w.e.Idle() && w.e.first.n+w.e.control.n+w.e.ghostsUnderWay() == 0 &&
		len(w.taken)+len(w.wire)+len(w.b.out)+len(w.b.later)+len(w.tokens) == 0
}

// ghostsUnderWay counts the identifiers in quarantine that are being freed. Those whose PUBREL was interrupted too often
// stay.
func (e *Engine) ghostsUnderWay() (n int) {
	for g := e.ghosts.head; g != nil; g = g.next {
		if g.state == opReleased {
			n++
		}
	}
	return n
}

func (w *modelWorld) restChecks() {
	t, e := w.t, w.e
	if e.queued != 0 || e.queuedBytes != 0 || e.inUse != 0 || e.slow != 0 || e.ids.used != e.ghosts.n {
		t.Errorf("left over: %d operations of %d bytes, quota %d, slow start %d, %d identifiers and %d in quarantine",
			e.queued, e.queuedBytes, e.inUse, e.slow, e.ids.used, e.ghosts.n)
	}
	if e.inbound2Now != 0 || len(e.lent) != 0 {
		t.Errorf("%d inbound messages still count", e.inbound2Now)
	}
	for filter, sub := range e.subs.byFilter {
		if _, ok := w.b.session.subs[filter]; !ok && !sub.lost {
			t.Errorf("%s counts as subscribed, and the broker does not have it", filter)
		}
	}
	for number, taken := range w.b.acked {
		if taken && !w.held[number] && w.isQoS2(number) {
			t.Errorf("message %d was acknowledged and never handed up", number)
		}
	}
}

// isQoS2 reports whether the application was ever given that message at QoS 2.
func (w *modelWorld) isQoS2(number int) bool {
	_, ok := w.held[number]
	return ok
}

// check looks at the engine from inside.
func (v *modelWatch) check() {
	e := v.w.e
	if n := inspect(v.w.t, e); n != len(v.w.ops) {
		v.w.t.Fatalf("%d operations, the driver has %d", n, len(v.w.ops))
	}
	if e.state == stateConnected && packet.Version(v.w.cfg.Version) == packet.V5 && e.acks1.n+e.inbound2Now > e.inboundMax {
		v.w.t.Fatalf("%d inbound messages, the receive maximum is %d", e.acks1.n+e.inbound2Now, e.inboundMax)
	}
}

// inspect compares what an engine counts with what it has, and returns how many operations of the driver that are.
func inspect(t testing.TB, e *Engine) (n int) {
	t.Helper()
	if !e.cfg.Durable && e.HasRecords() {
		t.Fatal("records that nobody will take")
	}
	bytes, ids, slow := 0, e.ghosts.n, 0
	for _, l := range e.lists() {
		count := 0
		var prev *Op
		for o := l.head; o != nil; prev, o = o, o.next {
			if o.list != l || o.prev != prev {
				t.Fatalf("a list is broken at %+v", o)
			}
			count++
			if o.queued {
				n++
				bytes += o.size
			}
			if o.slow {
				slow++
			}
			if o.id != 0 {
				ids++
				if e.ids.get(o.id) != o {
					t.Fatalf("identifier %d does not lead to its operation", o.id)
				}
			}
		}
		if count != l.n || l.tail != prev {
			t.Fatalf("a list of %d says %d", count, l.n)
		}
	}
	if n != e.queued || bytes != e.queuedBytes || slow != e.slow {
		t.Fatalf("%d operations of %d bytes, %d slow ones; counted are %d of %d bytes, %d slow", n, bytes, slow, e.queued, e.queuedBytes, e.slow)
	}
	if ids != e.ids.used {
		t.Fatalf("%d identifiers are held, %d are in use", ids, e.ids.used)
	}
	if e.state == stateConnected && !e.keepRecords && e.inUse != e.unacked.n+e.released.n+e.ghostsUnderWay() { // an abandoned engine sends nothing
		t.Fatalf("the quota counts %d, under way are %d", e.inUse, e.unacked.n+e.released.n+e.ghostsUnderWay())
	}
	for _, l := range [...]*opList{&e.waitPublish, &e.waitQoS0, &e.waitControl, &e.resend, &e.unacked, &e.writing} {
		for o := l.head; o != nil && o.next != nil; o = o.next {
			if o.seq >= o.next.seq {
				t.Fatalf("out of order: %d before %d", o.seq, o.next.seq)
			}
		}
	}
	here := 0
	for _, h := range e.inbound2.all() {
		if h&held2Here != 0 {
			here++
		}
	}
	if here != e.inbound2Now {
		t.Fatalf("%d inbound messages of this connection, %d are counted", here, e.inbound2Now)
	}
	return n
}
