package emulator

import "time"

// Now returns the time on the server's clock.
func (s *Server) Now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.wall()
}

// wall returns the time on the server's clock. It is called with mu held.
func (s *Server) wall() time.Time { return s.opts.Epoch.Add(time.Duration(s.now())) }

// Advance puts the server's clock forward, and does what is due by then: keep alives run out, sessions and credentials
// expire, decisions of custom authorizers become old. What clients would have sent in the meantime they have not sent.
func (s *Server) Advance(d time.Duration) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.running {
		return ErrClosed
	}
	s.ahead += max(0, d)
	s.core.Leap(s.now())
	s.rouse()
	return nil
}
