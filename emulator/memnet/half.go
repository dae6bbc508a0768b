package memnet

import (
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"time"
)

// half is one direction of a connection.
type half struct {
	link    Link
	life    *lifetime
	writing chan struct{} // one Write at a time, as with a file descriptor

	mu          sync.Mutex
	changed     *sync.Cond
	splits      *rand.Rand // sizes of reads, apart from the jitter: the two are used by different goroutines
	jitter      *rand.Rand
	segments    []segment
	size        int // bytes in segments
	lastAt      time.Time
	eofAt       time.Time // when the end of the stream arrives
	writeClosed bool      // by the writing end
	readClosed  bool      // by the reading end
	broken      bool
	stalled     bool
	arrival     *time.Timer // of the next segment
	readBy      deadline
	writeBy     deadline
}

// segment is bytes that arrive at a time; the zero time is "at once".
type segment struct {
	data []byte
	at   time.Time
}

// lifetime is how many bytes both directions of a connection may still carry.
type lifetime struct {
	mu      sync.Mutex
	left    int
	limited bool
	cut     func()
}

// use takes bytes off, and reports how many of them may be carried.
func (l *lifetime) use(n int) int {
	if !l.limited {
		return n
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	n = min(n, l.left)
	l.left -= n
	return n
}

func (l *lifetime) exhausted() bool {
	if !l.limited {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.left == 0
}

const defaultBuffer = 64 << 10

func newHalf(link Link, life *lifetime, seed uint64) *half {
	if link.Buffer <= 0 {
		link.Buffer = defaultBuffer
	}
	h := &half{link: link, life: life, writing: make(chan struct{}, 1), splits: rand.New(rand.NewPCG(seed, 1)), jitter: rand.New(rand.NewPCG(seed, 2))}
	h.changed = sync.NewCond(&h.mu)
	return h
}

func (h *half) write(p []byte) (n int, err error) {
	h.writing <- struct{}{}
	defer func() { <-h.writing }()
	h.mu.Lock()
	defer h.mu.Unlock()
	for {
		switch {
		case h.writeClosed:
			return n, net.ErrClosed
		case h.broken:
			return n, errReset
		case h.writeBy.passed:
			return n, errLate
		case h.readClosed:
			return n, errBroken
		case len(p) == 0:
			return n, nil
		}
		if room := h.link.Buffer - h.size; room > 0 {
			k := h.life.use(min(room, len(p)))
			h.push(p[:k])
			n, p = n+k, p[k:]
			if h.life.exhausted() {
				h.mu.Unlock()
				h.life.cut()
				h.mu.Lock()
			}
			continue
		}
		h.changed.Wait()
	}
}

// push queues bytes for their arrival.
func (h *half) push(p []byte) {
	at := h.arriveAt()
	h.size += len(p)
	if i := len(h.segments) - 1; i >= 0 && h.segments[i].at.Equal(at) {
		h.segments[i].data = append(h.segments[i].data, p...)
	} else {
		h.segments = append(h.segments, segment{data: append([]byte(nil), p...), at: at})
	}
	h.changed.Broadcast()
}

// arriveAt returns when what is written now arrives, not before what was written earlier.
func (h *half) arriveAt() time.Time {
	if h.link.Latency <= 0 && h.link.Jitter <= 0 {
		return time.Time{}
	}
	at := time.Now().Add(h.link.Latency)
	if h.link.Jitter > 0 {
		at = at.Add(time.Duration(h.jitter.Int64N(int64(h.link.Jitter))))
	}
	if at.Before(h.lastAt) {
		at = h.lastAt
	}
	h.lastAt = at
	return at
}

func (h *half) read(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for {
		switch {
		case h.readClosed:
			return 0, net.ErrClosed
		case h.broken:
			return 0, errReset
		case h.readBy.passed:
			return 0, errLate
		case len(p) == 0:
			return 0, nil
		}
		if !h.stalled {
			if len(h.segments) > 0 {
				if h.arrived(h.segments[0].at) {
					return h.pop(p), nil
				}
			} else if h.writeClosed && h.arrived(h.eofAt) {
				return 0, io.EOF
			}
		}
		h.changed.Wait()
	}
}

// arrived reports whether the time has come, and otherwise sets a timer for it.
func (h *half) arrived(at time.Time) bool {
	wait := time.Until(at)
	if at.IsZero() || wait <= 0 {
		return true
	}
	if h.arrival == nil {
		h.arrival = time.AfterFunc(wait, h.wake)
	} else {
		h.arrival.Reset(wait)
	}
	return false
}

func (h *half) wake() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.changed.Broadcast()
}

// pop moves bytes of the first segment to p.
func (h *half) pop(p []byte) int {
	if m := h.link.MaxRead; m > 0 {
		if h.link.RandomRead {
			m = 1 + h.splits.IntN(m)
		}
		p = p[:min(m, len(p))]
	}
	s := &h.segments[0]
	n := copy(p, s.data)
	h.size -= n
	if s.data = s.data[n:]; len(s.data) == 0 {
		h.segments[0] = segment{}
		h.segments = h.segments[1:]
	}
	h.changed.Broadcast()
	return n
}

// closeWrite ends the stream, and reports whether it was open.
func (h *half) closeWrite() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.writeClosed {
		return false
	}
	h.writeClosed, h.eofAt = true, h.arriveAt()
	h.writeBy.stop()
	h.changed.Broadcast()
	return true
}

// closeRead throws away what nobody will read.
func (h *half) closeRead() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.readClosed {
		return false
	}
	h.readClosed = true
	h.discard()
	return true
}

func (h *half) cut() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.broken = true
	h.discard()
}

func (h *half) discard() {
	h.segments, h.size = nil, 0
	if h.arrival != nil {
		h.arrival.Stop()
	}
	h.readBy.stop()
	h.changed.Broadcast()
}

func (h *half) stall(on bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.stalled = on
	h.changed.Broadcast()
}

// over reports whether the direction is of no more use to anyone.
func (h *half) over() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.broken || h.readClosed && h.writeClosed
}
