package filestore

// A scanner goes through the batches of a file. Where one is damaged it looks for the next one that is not.
type scanner struct {
	reader
	pos   int64
	id    uint64
	anyID bool   // the header is lost: the first good batch tells the id
	seq   uint64 // that the next batch must have
}

// A gap is a part of the file that is no batch.
type gap struct {
	off, end int64
	lost     int64 // records; -1 when nothing behind it tells
	torn     bool  // the last batch begins here and does not end
}

// empty reports whether nothing is wrong.
func (g gap) empty() bool { return g.off == g.end && g.lost == 0 }

// next returns the next good batch, and the gap in front of it, which may have no length: then batches are missing
// altogether. From used on there are only zeros. There next returns false, and the gap before them.
func (s *scanner) next(used int64) (b batch, g gap, more bool, err error) {
	g = gap{off: s.pos}
	for s.pos < used {
		head, ok, err := s.batch(s.pos)
		if err != nil {
			return b, g, false, err
		}
		if !ok || head.id != s.id && !s.anyID || head.end() > s.limit && s.anyID {
			// The rest of the head cannot be trusted, its length least of all.
			if s.pos, err = s.search(s.pos+1, used); err != nil {
				return b, g, false, err
			}
			continue
		}
		if head.end() <= s.limit && head.seq >= s.seq {
			if head, ok, err = s.check(head); err != nil {
				return b, g, false, err
			}
			if ok {
				g.end, g.lost, g.torn = head.off, int64(head.seq-s.seq), false
				s.pos, s.seq, s.id, s.anyID = head.end(), head.next(), head.id, false
				return head, g, true, nil
			}
		}
		// The head is good, so its length is. A batch that exceeds the file, or of which not even the checksum was
		// written, is torn.
		g.torn = s.pos == g.off && (head.end() > s.limit || head.end() >= used+batchTail)
		s.pos = head.end()
	}
	if g.end = max(used, g.off); g.end > g.off {
		g.lost = -1
		g.torn = g.torn || g.end-g.off < batchHead
	}
	return b, g, false, nil
}
