package filestore

const (
	// stepBytes and stepFactor are how much of the file an Apply looks at while a compaction is under way: at least so
	// many bytes, and so many times what it wrote, so that the compaction catches up.
	stepBytes  = 256 << 10
	stepFactor = 4
	// syncBytes is how much is copied before it is made durable, so that the end does not have to wait for all.
	syncBytes = 4 << 20
)

// A compaction copies what is in use to a new file, from the beginning of the log to its end, which moves on meanwhile.
// Since it passes everything in the order in which it was written, it needs to know nothing of the changes made while
// it runs: a value is copied if it is the one that counts now, and a deletion if the new file has what it deletes.
type compaction struct {
	scanner scanner
	f       file
	table   table
	id      uint64
	seq     uint64
	end     int64
	payload []byte // of the next batch
	count   int    // its records
	synced  int64  // what of the file is durable
	renamed error  // how the rename ended
}

// compact does a part of a compaction, or begins one, if it is worth it. Written is what the caller has just appended.
func (s *Store) compact(written int64) {
	if s.c != nil || s.end >= s.opts.MinCompact && s.worthIt() {
		s.compactFor(max(s.opts.step, stepFactor*written))
	}
}

// makeRoom compacts all there is to compact, after a write that failed. Space may be what was missing, and a compaction
// that is under way takes some: if it cannot end now, it gives it back. That an earlier one has failed does not count: since
// then somebody may have made the room that this one needs, which nobody tells.
func (s *Store) makeRoom() {
	if s.c != nil || s.garbage() > s.table.live {
		s.compactFor(s.end)
	}
}

// garbage is how much of the file is not in use.
func (s *Store) garbage() int64 { return s.end - headerSize - s.table.live }

// worthIt reports whether most of the file is garbage, and things have changed since a compaction failed.
func (s *Store) worthIt() bool {
	return s.garbage() > s.table.live && (s.end >= s.retrySize || s.table.live <= s.retryLive)
}

// compactFor goes on with a compaction, or begins one, for about so many bytes of the log.
func (s *Store) compactFor(budget int64) {
	var err error
	if s.c == nil {
		err = s.startCompaction()
	}
	if err == nil {
		err = s.step(budget)
	}
	if err != nil {
		s.abandon()
		s.failed(err)
	}
}

func (s *Store) startCompaction() error {
	id := s.opts.newID()
	f, err := s.newTmp(id)
	if err != nil {
		return err
	}
	s.c = &compaction{
		scanner: scanner{reader: reader{f: s.f}, pos: s.first, id: s.id, seq: s.firstSeq},
		f:       f, table: newTable(), id: id, end: headerSize, payload: make([]byte, 0, window),
	}
	return nil
}

// step looks at about so many bytes of the log.
func (s *Store) step(budget int64) error {
	c := s.c
	c.scanner.limit = s.end
	for c.scanner.pos < s.end {
		before := c.scanner.pos
		b, g, more, err := c.scanner.next(s.end)
		if err != nil {
			return fault("read", s.path(logName), err)
		}
		if !g.empty() {
			s.reportGap(g)
		}
		if !more {
			c.scanner.pos, c.scanner.seq = s.end, s.seq
			break
		}
		if err := s.copyBatch(b); err != nil {
			return fault("copy", s.path(logName), err)
		}
		if budget -= c.scanner.pos - before; budget <= 0 && c.scanner.pos < s.end {
			return nil
		}
	}
	return s.finish()
}

// copyBatch copies what counts of a batch.
func (s *Store) copyBatch(b batch) error {
	c := s.c
	r := &c.scanner.reader
	for off := b.start(); off < b.stop(); {
		rec, err := r.checked(off, b.stop())
		if err != nil {
			return err
		}
		off = rec.end()
		if rec.deleted {
			if _, ok := c.table.at[rec.key]; ok {
				c.table.forget(rec.key)
				err = s.copyRecord(r, rec, location{})
			}
		} else if at, ok := s.table.at[rec.key]; ok && at.off == rec.off {
			err = s.copyRecord(r, rec, at)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// copyRecord adds a record to the payload of the next batch, or makes a batch of it if it is large.
func (s *Store) copyRecord(r *reader, rec record, at location) error {
	c := s.c
	size := recordSize(rec.key, int(rec.n))
	if int64(len(c.payload))+size > window {
		if err := s.flush(); err != nil {
			return err
		}
	}
	field := uint64(0)
	if !rec.deleted {
		field = uint64(rec.n) + 1
		at.off = c.end + batchHead + int64(len(c.payload)) + size - rec.n
		c.table.put(rec.key, at)
	}
	c.payload = appendHead(c.payload, rec.key, field)
	c.count++
	if size > window {
		return s.copyLarge(r, rec, size)
	}
	return r.each(rec.off, rec.end(), func(p []byte) error {
		c.payload = append(c.payload, p...)
		return nil
	})
}

// copyLarge writes a batch of one record, of which the payload has the head.
func (s *Store) copyLarge(r *reader, rec record, size int64) error {
	s.w.begin(s.c.f, s.c.end, size, s.c.id, s.c.seq)
	s.w.bytes(s.c.payload)
	err := r.each(rec.off, rec.end(), func(p []byte) error {
		s.w.bytes(p)
		return s.w.err
	})
	if err != nil {
		return err
	}
	return s.flushed(size)
}

// flush writes the payload.
func (s *Store) flush() error {
	c := s.c
	if c.count == 0 {
		return nil
	}
	s.w.begin(c.f, c.end, int64(len(c.payload)), c.id, c.seq)
	s.w.bytes(c.payload)
	return s.flushed(int64(len(c.payload)))
}

// flushed ends the batch that was begun.
func (s *Store) flushed(size int64) error {
	c := s.c
	if err := s.w.end(); err != nil {
		return fault("write", s.path(tmpName), err)
	}
	c.end += batchSize(size)
	c.seq += uint64(c.count)
	c.payload, c.count = c.payload[:0], 0
	if c.end-c.synced < syncBytes {
		return nil
	}
	c.synced = c.end
	return fault("sync", s.path(tmpName), c.f.Sync())
}
