package sink

import (
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/bench/internal/usage"
	"github.com/gneiss-mqtt/gneiss-go/bench/internal/wire"
)

// Server is a sink in this process.
type Server struct {
	listener net.Listener
	registry registry
	conns    sync.WaitGroup

	mu     sync.Mutex
	open   map[net.Conn]struct{} // nil once closed
	closed chan struct{}
}

// Listen starts a sink on a free port of the loopback interface.
func Listen() (*Server, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("sink: %w", err)
	}
	s := &Server{listener: listener, open: make(map[net.Conn]struct{}), closed: make(chan struct{})}
	go s.accept()
	return s, nil
}

// Addr implements [Control].
func (s *Server) Addr() string { return s.listener.Addr().String() }

// Await implements [Control].
func (s *Server) Await(clientID string, published, pubacks uint64, timeout time.Duration) (Counts, error) {
	return s.registry.await(clientID, published, pubacks, timeout)
}

// CPU implements [Control]. It counts the whole process.
func (s *Server) CPU() (time.Duration, error) { return usage.CPU(), nil }

// Close ends every connection and waits for their goroutines.
func (s *Server) Close() error {
	s.mu.Lock()
	open := s.open
	s.open = nil
	s.mu.Unlock()
	_ = s.listener.Close()
	for conn := range open {
		_ = conn.Close()
	}
	<-s.closed
	s.conns.Wait()
	return nil
}

func (s *Server) accept() {
	defer close(s.closed)
	for {
		conn, err := s.listener.Accept()
		if err != nil {
			_ = s.listener.Close() // out of descriptors: refuse rather than keep waiting
			return
		}
		if s.add(conn) {
			s.conns.Go(func() {
				defer s.remove(conn)
				s.serve(conn)
			})
		}
	}
}

func (s *Server) add(conn net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open == nil {
		_ = conn.Close()
		return false
	}
	s.open[conn] = struct{}{}
	return true
}

func (s *Server) remove(conn net.Conn) {
	_ = conn.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, conn)
}

// serve runs one connection. A source writes before the next read: the client
// has nothing to say meanwhile but acknowledgements, which fit in the socket.
func (s *Server) serve(conn net.Conn) {
	var rec *record
	sess := &session{joined: func(clientID string) { rec = s.registry.join(clientID) }}
	defer func() {
		if rec != nil {
			s.registry.leave(rec)
		}
	}()
	var buf wire.Buffer
	for {
		if err := buf.Fill(conn); err != nil {
			return
		}
		consumed, err := sess.feed(buf.Unread())
		buf.Skip(consumed)
		if err != nil && !errors.Is(err, errDisconnected) {
			sess.counts.Failure = err.Error()
		}
		if rec != nil { // before the client can see an answer
			rec.set(&sess.counts)
		}
		if err != nil || flush(conn, sess) != nil {
			return
		}
	}
}

func flush(conn net.Conn, sess *session) error {
	if len(sess.out) > 0 {
		_, err := conn.Write(sess.out)
		if sess.out = sess.out[:0]; err != nil {
			return err
		}
	}
	for chunk := sess.chunk(); len(chunk) > 0; chunk = sess.chunk() {
		if _, err := conn.Write(chunk); err != nil {
			return err
		}
	}
	return nil
}
