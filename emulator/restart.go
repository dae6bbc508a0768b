package emulator

import (
	"errors"
	"fmt"
)

// Survival says what a broker still has after a restart.
type Survival int

// What is left after a restart.
const (
	// KeepSessions: sessions, their queues, retained messages and wills are there, as with a broker that had written
	// everything to disk in time.
	KeepSessions Survival = iota
	// LoseSessions: nothing is left.
	LoseSessions
)

// Kill stops the server abruptly: every connection is closed without a word and nobody listens any more. What it knew
// is kept for [Server.Restart].
func (s *Server) Kill() error {
	s.mu.Lock()
	if !s.running {
		s.mu.Unlock()
		return ErrClosed
	}
	s.core.DropAll(s.now())
	s.flush()
	for conn := range s.handshakes {
		_ = conn.Close()
	}
	s.running, s.stopping = false, true
	s.timer.Stop()
	err := s.closeListeners()
	s.mu.Unlock()
	s.wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopping = false
	return err
}

// Restart starts a killed server again on the addresses it had.
func (s *Server) Restart(what Survival) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return ErrClosed
	case s.running || s.stopping:
		return errors.New("emulator: restart: the server is running")
	}
	if what == LoseSessions {
		if err := s.newCore(); err != nil {
			return err
		}
	}
	for i, l := range s.listeners {
		opened, err := l.listen()
		if err != nil {
			for _, l := range s.listeners[:i] {
				_ = l.Close()
			}
			return fmt.Errorf("emulator: restart: %w", err)
		}
		l.Listener = opened
	}
	s.running = true
	s.serveAll()
	s.rouse()
	return nil
}
