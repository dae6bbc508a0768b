package filestore

import "cmp"

// finish gives the name of the log to the new file.
func (s *Store) finish() error {
	c := s.c
	if err := s.flush(); err != nil {
		return err
	}
	if err := c.f.Sync(); err != nil {
		return fault("sync", s.path(tmpName), err)
	}
	err := c.f.Close()
	if c.f = nil; err != nil {
		return fault("close", s.path(tmpName), err)
	}
	_ = s.f.Close() // all of it is durable; some systems do not rename open files
	s.f, s.c, s.pending = nil, nil, c
	c.renamed = fault("rename", s.path(tmpName), s.opts.fs.rename(s.path(tmpName), s.path(logName)))
	// Both files hold the same, durably, so the changes of this call survive, whichever is found under the name. If
	// that remains unknown, the next call has to find out before it writes.
	_ = s.settle()
	return nil
}

// settle finds out which file has the name of the log, after a rename that failed or not, and makes that durable.
func (s *Store) settle() error {
	c := s.pending
	if s.f == nil {
		if err := s.reopen(c); err != nil {
			return err
		}
	}
	if err := s.opts.fs.syncDir(s.dir); err != nil {
		return fault("sync", s.dir, err)
	}
	s.pending = nil
	if s.id == c.id {
		s.compactions++
		s.compactError, s.retrySize, s.retryLive = nil, 0, 0
		return nil
	}
	_ = s.opts.fs.remove(s.path(tmpName))
	s.failed(cmp.Or(c.renamed, error(ErrReplaced)))
	return nil
}

// reopen opens the log and goes on with what it is: the old file or the new one.
func (s *Store) reopen(c *compaction) error {
	f, err := s.opts.fs.open(s.path(logName), 0)
	if err != nil {
		return fault("open", s.path(logName), err)
	}
	id, ok, err := readID(f)
	if err != nil {
		_ = f.Close()
		return fault("read", s.path(logName), err)
	}
	switch {
	case ok && id == c.id:
		s.table, s.id, s.headless = c.table, c.id, false
		s.first, s.firstSeq = headerSize, 0
		s.end, s.seq = c.end, c.seq
		clear(s.known)
	case ok && id == s.id, !ok && s.headless:
	default:
		_ = f.Close()
		return fault("open", s.path(logName), ErrReplaced)
	}
	s.f, s.alloc = f, s.end
	return nil
}

// readID reads the id in the header of a file.
func readID(f file) (id uint64, ok bool, err error) {
	size, err := f.size()
	if err != nil {
		return 0, false, err
	}
	var p [headerSize]byte
	if err := readFull(f, p[:min(size, headerSize)], 0); err != nil {
		return 0, false, err
	}
	h, ok := parseHeader(p[:headerCopy])
	if !ok {
		h, ok = parseHeader(p[headerCopy:])
	}
	return h.id, ok, nil
}

// abandon ends a compaction that is under way.
func (s *Store) abandon() {
	if s.c == nil {
		return
	}
	if s.c.f != nil {
		_ = s.c.f.Close()
	}
	s.c = nil
	_ = s.opts.fs.remove(s.path(tmpName)) // else the next attempt, or Open, does
}

// failed notes why a compaction came to nothing. The next attempt waits until there is more to gain, or less to do.
func (s *Store) failed(reason error) {
	s.compactError = reason
	s.retrySize = s.end + max(s.end/4, s.opts.MinCompact)
	s.retryLive = s.table.live / 2
}
