package engine

import (
	"maps"
	"slices"
)

// save stores what has to be stored before anything more is written.
func (s *script) save() {
	for _, r := range s.e.TakeRecords(nil) {
		if r.Value == nil {
			delete(s.store, r.Key)
		} else {
			s.store[r.Key] = slices.Clone(r.Value)
		}
	}
}

// crash starts the next process from what is stored. Its clock starts at zero; the time of day goes on, and is set by as
// much as the argument says.
func (s *script) crash(args []string) {
	cfg := s.e.cfg
	cfg.Epoch += int64(s.now)
	if len(args) > 0 {
		cfg.Epoch += int64(s.instant(args[0]))
	}
	e, err := New(cfg)
	if err != nil {
		s.fatalf("%v", err)
	}
	s.e, s.now, s.hold, s.unsent, s.err, s.stream = e, 0, false, 0, nil, nil
	for _, key := range slices.Sorted(maps.Keys(s.store)) {
		value := slices.Clone(s.store[key])
		if err := e.Load(key, value); err != nil {
			s.print("= lost: %v", err)
		}
		for i := range value {
			value[i] = 0xAA // it is valid for this call alone
		}
	}
	n := e.LoadDone(s.now)
	for _, l := range e.lists() {
		for o := l.head; o != nil; o = o.next {
			name := s.bySeq[o.seq]
			s.names[o], s.ops[name] = name, o
		}
	}
	s.print("= restored %d, session %q", n, e.StoredClientID())
}

// damage cuts off the end of a record.
func (s *script) damage(args []string) {
	kind := map[string]uint64{"session": keySession, "message": keyMessage, "state": keyState, "inbound": keyInbound}[args[0]]
	key := kind
	if len(args) > 1 {
		key |= uint64(s.int(args[1]))
	}
	value, ok := s.store[key]
	if !ok || len(value) < 2 {
		s.fatalf("%v is not stored", args)
	}
	s.store[key] = value[:len(value)/2]
}
