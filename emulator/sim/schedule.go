package sim

import "time"

// schedule is the virtual time of a world: the timers that are set, earliest first, those of the same instant in the
// order in which they were set.
type schedule struct {
	heap []*timer
	seq  uint64
}

// timer fires once at the time it was last set to.
type timer struct {
	at    time.Duration
	seq   uint64
	index int // position in the heap plus one; 0: not set
	fire  func()
}

func (t *timer) isSet() bool { return t.index != 0 }

func (s *schedule) set(t *timer, at time.Duration) {
	s.stop(t)
	s.seq++
	t.at, t.seq = at, s.seq
	s.heap = append(s.heap, t)
	t.index = len(s.heap)
	s.up(t.index - 1)
}

// setBy sets a timer unless it is set to an earlier time.
func (s *schedule) setBy(t *timer, at time.Duration) {
	if !t.isSet() || t.at > at {
		s.set(t, at)
	}
}

func (s *schedule) stop(t *timer) {
	if t.index == 0 {
		return
	}
	i, last := t.index-1, len(s.heap)-1
	s.swap(i, last)
	s.heap[last] = nil
	s.heap = s.heap[:last]
	t.index = 0
	if i < last {
		s.up(i)
		s.down(i)
	}
}

// next takes the earliest timer, nil where none is set.
func (s *schedule) next() *timer {
	if len(s.heap) == 0 {
		return nil
	}
	t := s.heap[0]
	s.stop(t)
	return t
}

func (s *schedule) less(i, j int) bool {
	a, b := s.heap[i], s.heap[j]
	return a.at < b.at || a.at == b.at && a.seq < b.seq
}

func (s *schedule) swap(i, j int) {
	h := s.heap
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i+1, j+1
}

func (s *schedule) up(i int) {
	for i > 0 {
		parent := (i - 1) / 2
		if !s.less(i, parent) {
			return
		}
		s.swap(i, parent)
		i = parent
	}
}

func (s *schedule) down(i int) {
	for {
		child := 2*i + 1
		if child >= len(s.heap) {
			return
		}
		if child+1 < len(s.heap) && s.less(child+1, child) {
			child++
		}
		if !s.less(child, i) {
			return
		}
		s.swap(i, child)
		i = child
	}
}
