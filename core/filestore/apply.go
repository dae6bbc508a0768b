package filestore

import "github.com/gneiss-mqtt/gneiss-go/core/mqtt"

// Apply makes changes, in order, and waits for the disk once for each MiB of them. When it returns nil they survive (see
// [Options.NoSync] for the exception). After an error a part of them may have been made, a prefix; the store is as good
// as before, and the same changes can be applied again. While it cannot get back to a known state, for instance because
// the disk has gone, every call fails. Errors are [ErrTooLarge], [ErrClosed], [ErrBusy] and [*Error].
//
// An Apply may also do a part of a compaction. It then reads, and writes, at most 256 KiB or four times the size of its
// own changes, whichever is more, and up to one batch (1 MiB, or one larger value) beyond that; once in 4 MiB, and at
// the end, it waits for the disk once or twice more. Failures of a compaction do not fail it; see [Stats]. An Apply that
// fails does all that is left of a compaction, because the disk may be full.
func (s *Store) Apply(changes []mqtt.Change) error {
	if !s.mu.TryLock() {
		return ErrBusy
	}
	defer s.mu.Unlock()
	if err := s.ready(); err != nil {
		return err
	}
	for i := range changes {
		if len(changes[i].Value) > MaxValue {
			return ErrTooLarge
		}
	}
	if len(changes) == 0 {
		return nil
	}
	defer s.publish()
	before := s.end
	for len(changes) > 0 {
		n, size := cut(changes)
		if err := s.write(changes[:n], size); err != nil {
			s.dirty = true
			if s.ready() == nil { // now if possible, else in the next call
				s.makeRoom()
			}
			return err
		}
		changes = changes[n:]
	}
	s.compact(s.end - before)
	return nil
}

// cut returns how many changes go into one batch, and the size of its payload.
func cut(changes []mqtt.Change) (n int, size int64) {
	for i := range changes {
		c := &changes[i]
		next := recordSize(c.Key, len(c.Value))
		if i > 0 && size+next > maxBatch {
			return i, size
		}
		size += next
	}
	return len(changes), size
}

// write writes a batch, makes it durable, and only then believes in it.
func (s *Store) write(changes []mqtt.Change, size int64) error {
	s.reserve(s.end + batchSize(size))
	s.w.begin(s.f, s.end, size, s.id, s.seq)
	for i := range changes {
		s.w.record(changes[i].Key, changes[i].Value)
	}
	if err := s.w.end(); err != nil {
		return fault("write", s.path(logName), err)
	}
	if !s.opts.NoSync {
		if err := s.f.Sync(); err != nil {
			return fault("sync", s.path(logName), err)
		}
	}
	off := s.end + batchHead
	for i := range changes {
		c := &changes[i]
		end := off + recordSize(c.Key, len(c.Value))
		if n := len(c.Value); c.Value == nil {
			s.table.forget(c.Key)
		} else {
			s.table.put(c.Key, location{off: end - int64(n), n: uint32(n), crc: checksum(c.Value)})
		}
		off = end
	}
	s.end += batchSize(size)
	s.seq += uint64(len(changes))
	return nil
}

// What is taken in advance, in bytes: a quarter of the file, within these limits.
const (
	minReserve = 64 << 10
	maxReserve = 1 << 20
)

// reserve makes the file at least so long, and more. Failing is no harm: the write will tell.
func (s *Store) reserve(size int64) {
	if size <= s.alloc {
		return
	}
	to := size + min(max(size/4, minReserve), maxReserve)
	if s.f.reserve(s.alloc, to) == nil {
		s.alloc = to
	}
}
