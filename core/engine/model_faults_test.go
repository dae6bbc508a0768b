package engine

import (
	"errors"

	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// trouble opens a connection, cuts one, or changes the application's mind.
func (w *modelWorld) trouble() {
	switch {
	case !w.open:
		w.connect()
	case w.calm:
	case w.one(6):
		w.cut()
	case w.one(6):
		w.cancel()
	case w.one(40):
		if err := w.e.Disconnect(w.now, nil); err != nil {
			w.t.Fatal(err)
		}
	case w.one(40):
		w.e.DropSession(w.now)
	case w.cfg.Durable && w.one(6):
		w.crash()
	}
}

// cancel takes back an operation, one of those that can be taken back.
func (w *modelWorld) cancel() {
	var waiting []*Op
	for _, l := range w.e.waiting() {
		for o := l.head; o != nil; o = o.next {
			waiting = append(waiting, o)
		}
	}
	if len(waiting) == 0 {
		return
	}
	o := waiting[w.rng.IntN(len(waiting))]
	if sent := o.Kind != OpPublish && o.interrupted > 0; w.e.Cancel(w.now, o) == sent {
		w.t.Fatalf("of what waits, one that was sent: %v, was canceled: %v", sent, !sent)
	}
}

func (w *modelWorld) connect() {
	c := &packet.Connect{ClientID: "c", KeepAlive: uint16(w.rng.IntN(3)) * 5, CleanStart: w.clean || !w.calm && w.one(12)}
	if w.cfg.Version == packet.V5 {
		c.SessionExpiry, c.ReceiveMaximum = 100, uint16(w.rng.IntN(5))
	}
	if !w.calm && w.one(20) { // and sometimes the session is dropped while nothing is open
		w.e.DropSession(w.now)
	}
	w.watch.sessionEnds(!w.e.established || c.CleanStart)
	if err := w.e.Open(w.now, c, w.now.add(10*Second)); err != nil {
		w.t.Fatal(err)
	}
	w.open = true
	w.b.connected()
	w.watch.connected()
}

// cut loses what is on its way, in both directions.
func (w *modelWorld) cut() {
	w.faults++
	w.open, w.wire = false, nil
	for i := range w.taken {
		w.taken[i].bytes = nil
	}
	w.b.disconnected()
	w.b.out = nil
	w.tokens = append(w.tokens[:0], w.tokens...)
	w.e.Closed(w.now)
	w.clean = w.clean || w.unknown
	w.unknown = false
	w.watch.sessionEnds(!w.e.established)
	w.watch.disconnected()
}

// settle is what a driver does after every call.
func (w *modelWorld) settle() {
	for _, ev := range w.e.TakeEvents(nil) {
		w.event(ev)
	}
	for _, o := range w.e.TakeDone(nil) {
		w.done(o)
	}
	if err := w.e.Err(); err != nil && w.open {
		if pe, ok := errors.AsType[*ProtocolError](err); ok {
			if w.unknown = pe.Clause == "MQTT-3.2.2-4"; !w.unknown || w.e.established {
				w.t.Fatalf("the broker is right, and yet: %v", err)
			}
		}
		if w.one(2) {
			w.take() // the last words, perhaps
			w.write(1000)
			w.b.receive(w.wire)
		}
		w.cut()
		w.settle()
	}
	w.watch.check()
}

func (w *modelWorld) event(ev Event) {
	switch ev.Kind {
	case EventConnected:
		w.clean = false
		if !ev.Connack.SessionPresent {
			w.watch.sessionEnds(true)
		}
	case EventTimedOut:
		m := w.ops[ev.Op]
		if m == nil || m.timedOut {
			w.t.Fatalf("timed out twice, or when it was done: %+v", m)
		}
		m.timedOut = true
	case EventForgiven:
		w.t.Fatalf("there was nothing to forgive: %v", ev.Err)
	}
}

func (w *modelWorld) done(o *Op) {
	m := w.ops[o]
	if m == nil {
		w.t.Fatalf("an operation is done twice: %+v", o)
	}
	delete(w.ops, o)
	w.past[m.number] = m
	w.watch.done(o, m)
	if m.kind != OpPublish {
		return
	}
	if o.Err == nil && m.restored && o.User != nil {
		w.t.Fatal("an operation of an earlier process has a User")
	}
	taken := w.b.accepted[m.number]
	switch {
	case o.Err == nil && m.qos > 0 && taken == 0:
		w.t.Fatalf("message %d is done, and the broker never saw it", m.number)
	case o.Err != nil && !o.Sent && (taken > 0 || m.left):
		w.t.Fatalf("message %d is not sent, it says: %v; the broker took it %d times", m.number, o.Err, taken)
	case m.qos == 0 && taken > 1:
		w.t.Fatalf("message %d at QoS 0 was taken %d times", m.number, taken)
	case o.Sent && !m.taken && !m.restored:
		w.t.Fatalf("message %d cannot have left", m.number)
	}
}
