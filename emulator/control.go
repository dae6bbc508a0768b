package emulator

import (
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
	"github.com/gneiss-mqtt/gneiss-go/emulator/broker"
)

// Publish distributes a message of the server's own to everyone who has subscribed.
func (s *Server) Publish(p packet.Publish) error {
	return s.do(func(now broker.Instant) error { return s.core.Publish(now, p) })
}

// Send delivers a message to one client, whether or not it has subscribed to the topic.
func (s *Server) Send(clientID string, p packet.Publish) error {
	return s.do(func(now broker.Instant) error { return s.core.Send(now, clientID, p) })
}

// DropClient closes a client's connection without a word, as a failing network does. Its session and its will live on.
func (s *Server) DropClient(clientID string) error {
	return s.do(func(now broker.Instant) error { return s.core.Drop(now, clientID) })
}

// DropAll closes every connection without a word.
func (s *Server) DropAll() error {
	return s.do(func(now broker.Instant) error { s.core.DropAll(now); return nil })
}

// DisconnectClient ends a client's connection with a DISCONNECT; MQTT 3.1.1 clients are only closed.
func (s *Server) DisconnectClient(clientID string, code packet.ReasonCode, reason string) error {
	return s.do(func(now broker.Instant) error { return s.core.Disconnect(now, clientID, code, reason) })
}

// EndSession ends a client's connection and forgets its session.
func (s *Server) EndSession(clientID string) error {
	return s.do(func(now broker.Instant) error { return s.core.EndSession(now, clientID) })
}

// ResolveConnect brings the decision that a Connect hook has postponed.
func (s *Server) ResolveConnect(id broker.ConnID, d broker.ConnectDecision) error {
	return s.do(func(now broker.Instant) error {
		s.core.ResolveConnect(now, id, d)
		s.unblock(id)
		return nil
	})
}

// ResolveAuth brings the decision that an Auth hook has postponed.
func (s *Server) ResolveAuth(id broker.ConnID, d broker.AuthDecision) error {
	return s.do(func(now broker.Instant) error {
		s.core.ResolveAuth(now, id, d)
		s.unblock(id)
		return nil
	})
}

// unblock lets a reader look again whether it may go on.
func (s *Server) unblock(id broker.ConnID) {
	if l := s.links[id]; l != nil {
		signal(l.room)
	}
}

// Clients lists the sessions, connected or not, by client identifier.
func (s *Server) Clients() []broker.ClientInfo {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.core.Clients()
}

// Retained returns the retained messages that a filter matches.
func (s *Server) Retained(filter string) []packet.Publish {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.core.Retained(s.now(), filter)
}

// Stats is the broker's counters and the server's own.
type Stats struct {
	broker.Stats
	// EventsDropped counts events that OnEvent or the log did not get because they were too slow.
	EventsDropped uint64
}

// Stats returns the counters. Those of the broker begin anew with a restart that loses the sessions.
func (s *Server) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := Stats{Stats: s.core.Stats()}
	if s.events != nil {
		st.EventsDropped = s.events.lost()
	}
	return st
}
