package emulator

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	mathrand "math/rand/v2"
	"net"
	"sync"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/emulator/broker"
	"github.com/gneiss-mqtt/gneiss-go/emulator/internal/ca"
	"github.com/gneiss-mqtt/gneiss-go/emulator/internal/gate"
	"github.com/gneiss-mqtt/gneiss-go/emulator/internal/statedir"
)

// A Server is a running broker. Its methods may be called from any goroutine.
type Server struct {
	opts  Options
	log   *slog.Logger
	ca    *ca.Authority // nil without TLS
	cloud *cloud        // nil without the AWS profile
	web   *web          // nil without a listener for HTTP
	began time.Time

	mu         sync.Mutex // guards what follows; never held while waiting for anything
	core       *broker.Broker
	links      map[broker.ConnID]*link
	listeners  []*listener
	handshakes map[net.Conn]struct{} // connections in a TLS handshake
	running    bool
	stopping   bool // killed, and not all goroutines have ended
	closed     bool
	timer      *time.Timer
	armed      broker.Instant
	ready      []broker.ConnID
	events     *eventQueue
	ahead      time.Duration // what Advance has added to the clock

	wg sync.WaitGroup // goroutines of connections and listeners
}

// Start starts a server. It listens when Start returns.
func Start(o Options) (*Server, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	if o.Seed == 0 {
		var seed [8]byte
		_, _ = rand.Read(seed[:]) // never fails
		o.Seed = binary.LittleEndian.Uint64(seed[:])
	}
	s := &Server{opts: o, log: slog.New(slog.DiscardHandler), began: time.Now(), links: map[broker.ConnID]*link{}, handshakes: map[net.Conn]struct{}{}}
	if o.Logger != nil {
		s.log = o.Logger
	}
	if o.Profile == AWS {
		if err := s.newCloud(); err != nil {
			return nil, err
		}
	}
	if err := s.newCore(); err != nil {
		return nil, err
	}
	if err := s.open(); err != nil {
		return nil, errors.Join(err, s.release())
	}
	if s.eventKinds() != 0 {
		s.events = newEventQueue(s.observe)
	}
	s.timer = time.AfterFunc(time.Hour, s.wake)
	s.running = true
	s.serveAll()
	if s.cloud != nil && s.cloud.keeper != nil {
		go s.keepState()
	}
	return s, nil
}

// open makes ready what has to be given back: the directory of state and the listeners. On an error no listener stays open.
func (s *Server) open() error {
	if s.opts.TLSAddr != "" || s.opts.WSSAddr != "" || s.opts.Profile == AWS {
		if err := s.newAuthority(); err != nil {
			return err
		}
	}
	return s.listenAll()
}

// newAuthority makes an authority, or takes the one that was kept with everything else.
func (s *Server) newAuthority() (err error) {
	if s.opts.StateDir == "" {
		s.ca, err = ca.New()
		return err
	}
	dir, err := statedir.Open(s.opts.StateDir)
	if errors.Is(err, statedir.ErrLocked) {
		return fmt.Errorf("%w: %s", ErrStateDir, s.opts.StateDir)
	}
	if err != nil {
		return err
	}
	s.cloud.state = dir
	if s.ca, err = loadAuthority(dir); err != nil {
		return err
	}
	return s.loadState(dir)
}

// newCore makes a broker without sessions.
func (s *Server) newCore() error {
	options := broker.Options{Limits: s.opts.Limits, Hooks: s.opts.Hooks, Events: s.eventKinds(), Random: mathrand.NewPCG(s.opts.Seed, 0)}
	if s.cloud != nil {
		options.Limits = overlay(gate.Limits(s.opts.IoT), s.opts.Limits)
		options.Hooks = s.cloud.gate.Hooks()
		options.Events |= gate.Events
		options.AssignID = s.cloud.gate.AssignID
	}
	core, err := broker.New(options)
	if err != nil {
		return err
	}
	s.core = core
	return nil
}

// now returns the time on the server's clock, which does not go back. It is called with mu held.
func (s *Server) now() broker.Instant { return broker.Instant(time.Since(s.began) + s.ahead) }

// do runs f with the broker and passes on what comes out of it.
func (s *Server) do(f func(now broker.Instant) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.running {
		return ErrClosed
	}
	err := f(s.now())
	s.flush()
	if s.cloud != nil && s.cloud.keeper != nil {
		s.cloud.keeper.note()
	}
	return err
}

// flush wakes the writers of connections with output, hands on events and sets the timer. It is called with mu held.
func (s *Server) flush() {
	s.report()
	s.ready = s.core.TakeReady(s.ready[:0])
	for _, id := range s.ready {
		if l := s.links[id]; l != nil {
			if closing, silent := s.core.Closing(id); closing {
				l.hurry(silent)
			}
			signal(l.output)
		}
	}
	if !s.running {
		return
	}
	if at, ok := s.nextWake(); ok && at != s.armed {
		s.armed = at
		s.timer.Reset(max(0, time.Duration(at-s.now())))
	}
}

// wake lets the broker do what is due.
func (s *Server) wake() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.running {
		return
	}
	s.rouse()
}

// rouse does what is due. It is called with mu held.
func (s *Server) rouse() {
	s.armed = 0
	if s.cloud != nil {
		s.cloud.gate.Wake(s.now())
	}
	s.core.Wake(s.now())
	s.flush()
}

// nextWake returns when something is due.
func (s *Server) nextWake() (broker.Instant, bool) {
	at, ok := s.core.NextWake()
	if s.cloud != nil {
		if other, due := s.cloud.gate.NextWake(); due && (!ok || other < at) {
			return other, true
		}
	}
	return at, ok
}

// Close tells every client that the server shuts down, closes all connections and listeners, and waits for its
// goroutines: at most a few seconds, since every write has a deadline, and until OnEvent has seen all events, so that
// OnEvent must not call it. A second call does nothing.
func (s *Server) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	if s.running {
		s.core.Shutdown(s.now())
		s.flush()
	}
	for conn := range s.handshakes {
		_ = conn.Close()
	}
	s.running = false
	s.timer.Stop()
	err := s.closeListeners()
	s.mu.Unlock()
	s.wait()
	if s.events != nil {
		s.events.close()
	}
	if s.cloud != nil && s.cloud.keeper != nil {
		err = errors.Join(err, s.cloud.keeper.close())
	}
	return errors.Join(err, s.release())
}

// release leaves the directory of state to somebody else.
func (s *Server) release() error {
	if s.cloud == nil || s.cloud.state == nil {
		return nil
	}
	return s.cloud.state.Close()
}

// wait waits for the goroutines of connections and listeners. Connections that do not end when they are asked to, as one
// from elsewhere may that knows no deadlines, are closed after a while.
func (s *Server) wait() {
	t := time.AfterFunc(2*lastWrite, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, l := range s.links {
			go l.conn.Close()
		}
	})
	s.wg.Wait()
	t.Stop()
}

func (s *Server) closeListeners() error {
	var errs []error
	if s.cloud != nil && s.cloud.end != nil {
		s.cloud.end()
	}
	s.stopWeb()
	for _, l := range s.listeners {
		if err := l.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
