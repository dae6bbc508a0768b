package mqtt

import "github.com/gneiss-mqtt/gneiss-go/core/packet"

// DropPolicy says which messages at QoS 0 are dropped while a handler is too far behind.
type DropPolicy uint8

// The drop policies.
const (
	// DropNewest drops what comes, and keeps what waits. The default.
	DropNewest DropPolicy = iota
	// DropOldest drops what has waited longest, for messages that are soon out of date.
	DropOldest
)

// drops decides, while handlers are too far behind, whether this one is among them: one that is stuck costs others no
// message, until there are so many that the memory is used up. c.mu is held.
func (s *Subscription) drops() bool {
	limit := s.c.cfg.InboundBytes
	return s.in.bytes > limit/8 || s.c.inboundBytes > 2*limit
}

// makeRoom drops old messages for a new one that takes size bytes, where that is the policy, and reports whether there is
// room for it then. It drops a quarter of what waits at a time, so that the work for each message stays small. c.mu is held.
func (s *Subscription) makeRoom(size int) bool {
	if s.opts.Drop != DropOldest {
		return false
	}
	want, freed, kept := max(size, s.in.bytes/4), 0, s.in.list[:0]
	for i := range s.in.list {
		m := &s.in.list[i]
		if m.QoS == packet.QoS0 && freed < want {
			freed += perMessage + len(m.Payload)
			s.c.stats.Dropped++
			continue
		}
		kept = append(kept, *m)
	}
	clear(s.in.list[len(kept):])
	s.in.list = kept
	s.in.bytes -= freed
	if s.opts.Borrow {
		s.in.repack()
	}
	s.c.consumed(freed)
	return freed >= size
}

// repack gives the payloads that are left an arena of their own: the old one holds those that were dropped.
func (b *batch) repack() {
	n := 0
	for i := range b.list {
		n += len(b.list[i].Payload)
	}
	b.arena = make([]byte, 0, n)
	for i := range b.list {
		p := &b.list[i].Payload
		from := len(b.arena)
		b.arena = append(b.arena, *p...)
		*p = b.arena[from:len(b.arena):len(b.arena)]
	}
}
