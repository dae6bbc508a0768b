package sim

import "time"

// pipe is one direction of a link, with the sender's and the receiver's buffers in it: bytes arrive in order, in pieces
// of any size, late, or not at all.
type pipe struct {
	w       *world
	timer   timer
	deliver func(p []byte)
	ended   func() // nothing more comes
	drained func() // there is room again
	ready   func() bool

	buf     []byte
	from    int // of buf: delivered already
	window  int // bytes that are taken before the sender has to wait
	full    bool
	latency time.Duration
	style   style

	stalled time.Duration // nothing arrives before
	cut     int           // the link breaks after so many more bytes; negative: it does not
	onCut   func()
	hole    bool // nothing arrives any more, and nobody is told
	dead    bool // the receiver is gone
	closed  bool // the sender has closed: the end comes after the last byte
}

// style is how a stream is cut into pieces.
type style uint8

const (
	styleWhole style = iota
	stylePieces
	styleBytes
	numStyles
)

// room returns how many bytes the sender can still write.
func (p *pipe) room() int { return p.window - (len(p.buf) - p.from) }

// write takes what there is room for.
func (p *pipe) write(b []byte) int {
	if p.dead || p.closed {
		return len(b) // into the void: the sender has not noticed yet
	}
	n := min(len(b), max(0, p.room()))
	p.full = n < len(b)
	if n == 0 {
		return 0
	}
	if p.from > 0 && p.from == len(p.buf) {
		p.buf, p.from = p.buf[:0], 0
	}
	p.buf = append(p.buf, b[:n]...)
	p.arm(p.latency + time.Duration(p.w.Int64N(int64(p.latency)/2)))
	return n
}

// arm schedules the next arrival.
func (p *pipe) arm(after time.Duration) {
	if p.hole || p.dead || p.timer.isSet() {
		return
	}
	if p.from == len(p.buf) && !p.closed {
		return
	}
	p.w.sched.set(&p.timer, max(p.w.now+after, p.stalled))
}

// stall keeps everything back for a time.
func (p *pipe) stall(until time.Duration) {
	if p.stalled = max(p.stalled, until); p.timer.isSet() && p.timer.at < until {
		p.w.sched.set(&p.timer, until)
	}
}

// arrive is called when bytes, or the end, come out of the pipe.
func (p *pipe) arrive() {
	if p.hole || p.dead {
		return
	}
	if p.ready != nil && !p.ready() {
		return // the receiver does not read; it calls resume
	}
	left := len(p.buf) - p.from
	if left == 0 {
		if p.closed {
			p.dead = true
			p.ended()
		}
		return
	}
	n := left
	switch p.style {
	case stylePieces:
		n = 1 + p.w.IntN(left)
	case styleBytes:
		if left < 400 { // more than that would take too long
			n = 1 + p.w.IntN(min(left, 3))
		}
	}
	if p.cut >= 0 {
		n = min(n, p.cut)
		p.cut -= n
	}
	if n > 0 {
		chunk := p.buf[p.from : p.from+n]
		p.from += n
		p.deliver(chunk)
		if p.from == len(p.buf) {
			p.buf, p.from = p.buf[:0], 0
		}
	}
	if p.cut == 0 {
		p.onCut()
		return
	}
	if p.full && p.room() > 0 && !p.dead {
		p.full = false
		p.drained()
	}
	p.arm(time.Duration(p.w.Int64N(int64(2 * time.Millisecond))))
}

// resume goes on after the receiver did not read.
func (p *pipe) resume() { p.arm(0) }

// close ends the stream after what is in it.
func (p *pipe) close() {
	p.closed = true
	p.arm(p.latency)
}

// kill ends the stream at once: what is in it is lost, and the receiver is not told.
func (p *pipe) kill() {
	p.dead = true
	p.w.sched.stop(&p.timer)
	p.buf, p.from = nil, 0
}

// spill lets a part of what is under way still arrive, as when a connection is reset.
func (p *pipe) spill() {
	if left := len(p.buf) - p.from; left > 0 && !p.dead && !p.hole && (p.ready == nil || p.ready()) {
		n := p.w.upTo(left)
		chunk := p.buf[p.from : p.from+n]
		p.from += n
		if n > 0 {
			p.deliver(chunk)
		}
	}
}

func (p *pipe) empty() bool { return p.from == len(p.buf) }
