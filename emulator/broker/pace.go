package broker

import "time"

// pace holds back what a session has kept for its client, where the limits say so. Messages that come meanwhile queue up
// behind.
type pace struct {
	timer timer
	left  int     // messages that have to wait their turn
	began Instant // of the present second
	sent  int     // in it
}

// begin counts what has been kept.
func (p *pace) begin(s *session) {
	p.left, p.sent, p.began = 0, 0, s.b.now
	if s.b.limits.StoredPerSecond > 0 {
		p.left = s.flying.n + s.waiting.n
	}
}

// take reports whether one more may be sent now. Where not, the session is pumped again when one may.
func (p *pace) take(s *session) bool {
	if p.left == 0 {
		return true
	}
	b := s.b
	if b.now.Sub(p.began) >= time.Second {
		p.began, p.sent = b.now, 0
	}
	if p.sent >= b.limits.StoredPerSecond {
		b.timers.set(&p.timer, p.began.Add(time.Second), s)
		return false
	}
	p.sent++
	p.left--
	return true
}

// skip counts one that was kept and is not sent.
func (p *pace) skip() { p.left = max(0, p.left-1) }
