package engine

import (
	"maps"
	"slices"
)

// crash ends the process at any point, in the middle of storing as well, and starts another from what is stored.
func (w *modelWorld) crash() {
	for len(w.taken) > 0 && w.one(2) {
		w.save(&w.taken[0], len(w.taken[0].records))
		w.taken = w.taken[1:]
	}
	if len(w.taken) > 0 {
		w.save(&w.taken[0], w.rng.IntN(len(w.taken[0].records)+1))
	}
	w.faults++
	w.open, w.taken, w.wire, w.tokens, w.clean, w.unknown = false, nil, nil, nil, false, false
	w.b.disconnected()
	w.b.out = nil

	old, cfg := w.e, w.cfg
	cfg.QueueCount = -1
	cfg.Epoch = int64(old.now) + old.cfg.Epoch
	e, err := New(cfg)
	must(w.t, err)
	for _, key := range slices.Sorted(maps.Keys(w.store)) {
		if err := e.Load(key, w.store[key]); err != nil {
			w.t.Fatal(err)
		}
	}
	w.now = 0
	n := e.LoadDone(0)
	w.cfg.QueueCount, w.e = e.cfg.QueueCount, e
	w.reborn(n)
}

// reborn finds out what the new process knows, and whether that is enough.
func (w *modelWorld) reborn(n int) {
	before := map[int]*modelOp{}
	for _, m := range w.ops {
		if m.kind == OpPublish {
			before[m.number] = m
		}
	}
	w.ops = map[*Op]*modelOp{}
	for _, l := range w.e.lists() {
		for o := l.head; o != nil; o = o.next {
			number := w.numbers[o.seq]
			m := before[number]
			if delete(before, number); m == nil { // it was over, but for what is stored
				m = w.past[number]
			}
			m.restored, m.timedOut, m.sent = true, o.abandoned, o.Sent
			if m.left && !o.Sent && !o.before {
				w.t.Fatalf("message %d has left, and the new process does not know", number)
			}
			w.ops[o] = m
		}
	}
	if len(w.ops) != n {
		w.t.Fatalf("%d operations are there, %d were loaded", len(w.ops), n)
	}
	for number, m := range before {
		if m.left && m.qos > 0 {
			w.t.Fatalf("message %d has left, was not over, and is lost", number)
		}
	}
	w.watch.reborn()
	// What the application has is what was stored, or what the broker was told.
	for number := range w.held {
		_, stored := w.store[keyInbound|uint64(w.heldAs[number])]
		w.held[number] = w.b.acked[number] || stored && w.held[number]
	}
}

// reborn starts over with the identifiers that the new process knows. It has to know every one that the broker holds.
func (v *modelWatch) reborn() {
	e, b := v.w.e, v.w.b
	if e.established && b.session != nil {
		for id := range b.session.held {
			if e.ids.get(id) == nil {
				v.w.t.Fatalf("the broker holds identifier %d, and the new process may use it for another message", id)
			}
		}
	}
	v.ids, v.control, v.pubrecs = map[uint16]int{}, map[uint16]bool{}, nil
	for o, m := range v.w.ops {
		if o.id != 0 {
			v.ids[o.id] = m.number
		}
	}
	for g := e.ghosts.head; g != nil; g = g.next {
		v.ids[g.id] = 0
	}
	v.released = nil // in the order of their last PUBREC; what was not stored did not happen
	for _, id := range slices.Backward(v.history) {
		if o := e.ids.get(id); o != nil && o.state == opReleased && !slices.Contains(v.released, id) {
			v.released = append(v.released, id)
		}
	}
	slices.Reverse(v.released)
	if e.released.n != len(v.released) {
		v.w.t.Fatalf("%d messages are at PUBREL, %d PUBREC were seen", e.released.n, len(v.released))
	}
	v.sessionEnds(!e.established)
}
