package broker

// timer is one entry of the heap. Its owner embeds it; a timer that is not set has index 0.
type timer struct {
	at    Instant
	index int // position in the heap plus one
	owner timed
}

// timed is what owns timers: connections and sessions.
type timed interface{ expired(b *Broker, t *timer) }

// timerHeap is a binary heap, earliest first.
type timerHeap []*timer

// set starts or moves a timer.
func (h *timerHeap) set(t *timer, at Instant, owner timed) {
	t.owner = owner
	if t.index == 0 {
		t.at = at
		*h = append(*h, t)
		t.index = len(*h)
		h.up(t.index - 1)
		return
	}
	earlier := at < t.at
	t.at = at
	if earlier {
		h.up(t.index - 1)
	} else {
		h.down(t.index - 1)
	}
}

func (h *timerHeap) stop(t *timer) {
	if t.index == 0 {
		return
	}
	i, last := t.index-1, len(*h)-1
	h.swap(i, last)
	(*h)[last] = nil
	*h = (*h)[:last]
	t.index = 0
	if i < last {
		h.up(i)
		h.down(i)
	}
}

// due takes the earliest timer off the heap where its time has come.
func (h *timerHeap) due(now Instant) *timer {
	if len(*h) == 0 || (*h)[0].at > now {
		return nil
	}
	t := (*h)[0]
	h.stop(t)
	return t
}

func (h timerHeap) next() (Instant, bool) {
	if len(h) == 0 {
		return 0, false
	}
	return h[0].at, true
}

func (h timerHeap) swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i+1, j+1
}

func (h timerHeap) up(i int) {
	for i > 0 {
		parent := (i - 1) / 2
		if h[parent].at <= h[i].at {
			return
		}
		h.swap(i, parent)
		i = parent
	}
}

func (h timerHeap) down(i int) {
	for {
		child := 2*i + 1
		if child >= len(h) {
			return
		}
		if child+1 < len(h) && h[child+1].at < h[child].at {
			child++
		}
		if h[i].at <= h[child].at {
			return
		}
		h.swap(i, child)
		i = child
	}
}
