package sim

import (
	"maps"
	"slices"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/engine"
)

// store is a session store that keeps what its contract asks for and not a byte more: after a crash it holds a prefix
// of the changes it was given, at least to the end of the last ones it has confirmed.
type store struct {
	c    *client
	keys map[uint64][]byte

	batch []engine.Record // being stored
	busy  bool
	timer timer
	fails int // so many attempts to store fail
	slow  time.Duration

	unsaved []saved // what the engine has noted since the last batch
	saving  []saved // what is in the batch
}

// saved is something that becomes durable: a message that was submitted, one that was taken, the end of an exchange, that
// its message was given up, or that the session was lost.
type saved struct {
	m   *message
	t   *tally
	x   *exchange
	v   *watch
	was *message // that was given up
	end bool     // of the session
}

func newStore(c *client) *store {
	s := &store{c: c, keys: map[uint64][]byte{}}
	s.timer.fire = s.written
	return s
}

// commit is how long a disk in good health takes at the longest. What is due meanwhile is written that much later.
const commit = 20 * time.Millisecond

// load gives a new engine what is there, in ascending order.
func (s *store) load() {
	c, w := s.c, s.c.w
	for _, key := range slices.Sorted(maps.Keys(s.keys)) {
		if err := c.e.Load(key, s.keys[key]); err != nil {
			w.violate(kindStore, "%s: record %x: %v", c.name, key, err)
		}
	}
	id := c.e.StoredClientID()
	if id != "" && id != c.plan.connect.ClientID {
		w.violate(kindStore, "%s: the stored session is of %q", c.name, id)
	}
	switch v := &c.watch; {
	case id == "" && v.established: // it was not stored in time
		v.forget()
	case id != "" && !v.established: // that it was dropped was not stored in time
		v.established, v.revived = true, true
	}
	c.app.restored = c.e.LoadDone(c.now())
	w.stats.Restored += uint64(c.app.restored)
}

// take gets the changes that have to be stored before the bytes that the engine hands out next are written.
func (s *store) take() {
	s.batch = s.c.e.TakeRecords(s.batch[:0])
	s.saving = append(s.saving[:0], s.unsaved...)
	s.unsaved = s.unsaved[:0]
}

// save stores the batch, at once or after a while. The values are valid until the next TakeRecords, which comes after.
func (s *store) save() {
	w := s.c.w
	w.stats.Batches++
	d := time.Duration(0)
	switch {
	case s.fails > 0:
		d = w.within(10*time.Millisecond, time.Second)
	case s.slow > 0:
		d, s.slow = s.slow, 0
	case w.percent(w.plan.slowStore):
		d = w.within(0, commit)
	}
	if s.busy = true; d == 0 {
		s.apply(len(s.batch))
		return
	}
	if d > 100*time.Millisecond {
		s.c.trouble = max(s.c.trouble, w.now+d)
	}
	w.sched.set(&s.timer, w.now+d)
}

func (s *store) written() {
	c := s.c
	if c.asleep(&s.timer) {
		return
	}
	if s.fails > 0 { // the connection is over, and the changes are tried again
		s.fails--
		c.out = nil
		if c.link != nil {
			c.linkEnded(c.link)
		}
		s.save()
		return
	}
	s.apply(len(s.batch))
	c.push()
	c.settle()
}

// apply makes the first changes of the batch.
func (s *store) apply(n int) {
	for _, r := range s.batch[:n] {
		if r.Value == nil {
			delete(s.keys, r.Key)
		} else {
			s.keys[r.Key] = slices.Clone(r.Value)
		}
	}
	s.c.w.stats.Records += uint64(n)
	if n < len(s.batch) {
		return
	}
	for _, x := range s.saving {
		if x.m != nil {
			x.m.stored = storedYes
		}
	}
	s.busy = false
	s.batch, s.saving = s.batch[:0], s.saving[:0]
}

// crash loses what was not stored, and of what was being stored all but a prefix.
func (s *store) crash() {
	w := s.c.w
	if s.busy {
		n := w.upTo(len(s.batch))
		s.batch = s.batch[:n]
		for _, x := range s.saving {
			x.unsure()
		}
		s.saving = s.saving[:0]
		s.apply(n)
	}
	for _, x := range s.unsaved {
		if x.m == nil {
			x.unsure()
		}
	}
	s.unsaved = s.unsaved[:0]
	w.sched.stop(&s.timer)
	s.busy, s.fails = false, 0
}

// unsure marks a thing that may be stored or not.
func (x saved) unsure() {
	switch {
	case x.end: // the next process may go on with what it was, and release what the broker does not know
		x.v.revived = true
	case x.m != nil:
		x.m.stored = storedMaybe
	case x.t != nil:
		x.t.maybe++
	case x.was != nil && x.v.ids[x.x.id] == x.x: // the next process may go on with the message, or end it
		x.x.m, x.x.ghost, x.x.unsure = x.was, false, true
	case x.was != nil:
	case x.v.ids[x.x.id] == nil: // it may go on
		x.v.ids[x.x.id] = x.x
		x.x.unsure, x.x.ended = true, true
	}
}
