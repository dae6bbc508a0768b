package filestore

import (
	"errors"
	"io/fs"
)

// restore reads the file, mends it, and makes durable what it found: the client acts upon it.
func (s *Store) restore() error {
	s.table = newTable()
	rewrite, err := s.read()
	if err != nil {
		return err
	}
	if err := s.f.Sync(); err != nil {
		return fault("sync", s.path(logName), err)
	}
	err = s.opts.fs.remove(s.path(tmpName)) // of a compaction that was not finished
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fault("remove", s.path(tmpName), err)
	}
	if err := s.opts.fs.syncDir(s.dir); err != nil {
		return fault("sync", s.dir, err)
	}
	if rewrite {
		s.compactFor(s.end) // if that fails, the next Open finds the damage again
	}
	return s.ready()
}

// read opens the file and builds the table. It reports whether there is damage in front of good batches, which only a
// new file mends.
func (s *Store) read() (rewrite bool, err error) {
	s.f, err = s.opts.fs.open(s.path(logName), 0)
	if errors.Is(err, fs.ErrNotExist) {
		return false, s.create()
	}
	if err != nil {
		return false, fault("open", s.path(logName), err)
	}
	if s.alloc, err = s.f.size(); err != nil {
		return false, fault("read", s.path(logName), err)
	}
	sc := scanner{reader: reader{f: s.f, limit: s.alloc}}
	used, err := sc.used()
	if err != nil {
		return false, fault("read", s.path(logName), err)
	}
	if used == 0 {
		return false, s.renew(Damage{Length: s.alloc, Lost: -1, Reason: reasonEmpty})
	}
	damage, err := s.readHeader(&sc)
	if err != nil {
		return false, err
	}
	if damage != nil {
		s.report(*damage)
	}
	rewrite, err = s.readBatches(&sc, used)
	return rewrite || damage != nil, err
}

// readHeader starts the scanner behind the header, and returns the copy of it that cannot be read. If that is both, the
// scanner starts at the beginning and has yet to find out which batches belong to the file.
func (s *Store) readHeader(sc *scanner) (*Damage, error) {
	var p [headerSize]byte
	size := min(s.alloc, headerSize)
	if err := readFull(s.f, p[:size], 0); err != nil {
		return nil, fault("read", s.path(logName), err)
	}
	h1, ok1 := parseHeader(p[:headerCopy])
	h2, ok2 := parseHeader(p[headerCopy:])
	if v := max(h1.version, h2.version); v > formatVersion {
		return nil, &VersionError{Path: s.path(logName), Version: v}
	}
	s.first, s.end = headerSize, headerSize
	sc.pos = headerSize
	var damage *Damage
	switch {
	case ok1 && ok2:
		sc.id = h1.id
	case ok1:
		sc.id = h1.id
		damage = &Damage{Offset: headerCopy, Length: size - headerCopy, Reason: reasonHeader}
	case ok2:
		sc.id = h2.id
		damage = &Damage{Length: headerCopy, Reason: reasonHeader}
	default:
		sc.pos, sc.anyID, s.headless = 0, true, true
	}
	s.id = sc.id
	return damage, nil
}

// readBatches builds the table. It reports whether there was damage in front of a good batch.
func (s *Store) readBatches(sc *scanner, used int64) (damaged bool, err error) {
	for {
		b, g, more, err := sc.next(used)
		switch {
		case err != nil:
			return false, fault("read", s.path(logName), err)
		case sc.anyID:
			return false, s.renew(Damage{Length: used, Lost: -1, Reason: reasonHeader})
		case !more:
			return damaged, s.cutTail(g)
		case s.headless && !damaged:
			s.report(Damage{Length: b.off, Lost: g.lost, Reason: reasonHeader})
			s.first, s.firstSeq = b.off, b.seq
			damaged = true
		case !g.empty():
			s.reportGap(g)
			damaged = true
		}
		if err := s.readBatch(&sc.reader, b); err != nil {
			return false, fault("read", s.path(logName), err)
		}
		s.id, s.seq, s.end = sc.id, sc.seq, sc.pos
	}
}

// readBatch notes the records of a batch that was checked.
func (s *Store) readBatch(r *reader, b batch) error {
	for off := b.start(); off < b.stop(); {
		rec, err := r.checked(off, b.stop())
		if err != nil {
			return err
		}
		if off = rec.end(); rec.deleted {
			s.table.forget(rec.key)
			continue
		}
		crc, err := r.sum(0, rec.off, rec.end())
		if err != nil {
			return err
		}
		s.table.put(rec.key, location{off: rec.off, n: uint32(rec.n), crc: crc})
	}
	return nil
}

// cutTail removes what is behind the last good batch, unless it is zeros.
func (s *Store) cutTail(g gap) error {
	if g.empty() {
		return nil
	}
	s.reportGap(g)
	if err := s.f.Truncate(s.end); err != nil {
		return fault("truncate", s.path(logName), err)
	}
	s.alloc = s.end
	return nil
}

// renew begins a new file where nothing in the old one can be read. The old one is moved aside, if it holds anything.
func (s *Store) renew(d Damage) error {
	name, err := s.savedName(d.Offset, d.Length)
	if err != nil {
		return err
	}
	_ = s.f.Close() // some systems do not rename open files
	s.f, s.headless = nil, false
	if d.Reason != reasonEmpty {
		if err := s.opts.fs.rename(s.path(logName), name); err != nil {
			return fault("rename", s.path(logName), err)
		}
		d.Saved = name
	}
	s.found(d)
	return s.create()
}
