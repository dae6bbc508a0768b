package sim

import (
	"slices"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/emulator/broker"
)

// server hosts the broker: it carries bytes, restarts it, and keeps the model of what it owes to whom.
type server struct {
	w      *world
	b      *broker.Broker
	limits broker.Limits
	up     bool
	bad    time.Duration // when it was last away
	deaf   bool          // while it is down, attempts to connect are not even refused
	back   timer
	wake   timer
	links  map[broker.ConnID]*link
	unread []*link // that the broker does not read at present
	ready  []broker.ConnID
	events []broker.Event

	sessions map[string]*session
	retained map[string]*message
	current  *message // being published

	refuse int           // so many CONNECTs to be refused
	dither time.Duration // the next decision about a CONNECT takes so long
}

func (w *world) newServer() *server {
	s := &server{w: w, limits: w.plan.limits, retained: map[string]*message{}, sessions: map[string]*session{}}
	s.back.fire = s.restart
	s.wake.fire = func() {
		s.b.Wake(broker.Instant(w.now))
		s.after()
	}
	s.fresh()
	s.up = true
	return s
}

// fresh starts a broker that knows nothing.
func (s *server) fresh() {
	b, err := broker.New(broker.Options{Limits: s.limits, Hooks: s.hooks(),
		Events: broker.EventAll &^ (broker.EventPublished | broker.EventDelivered), Random: s.w.Rand})
	if err != nil {
		s.w.violate(kindModel, "broker.New: %v", err)
		return
	}
	for _, ss := range s.sessions {
		s.end(ss)
	}
	clear(s.sessions)
	clear(s.retained)
	s.b, s.links = b, map[broker.ConnID]*link{}
}

func (s *server) now() broker.Instant { return broker.Instant(s.w.now) }

func (s *server) accept(l *link) {
	l.id = s.b.Open(s.now(), broker.ConnInfo{})
	s.links[l.id] = l
	s.after()
}

func (s *server) readable(l *link) bool {
	if l.serverGone || s.b.Readable(l.id) {
		return true
	}
	l.troubled(s.w.now)
	if !slices.Contains(s.unread, l) {
		s.unread = append(s.unread, l)
	}
	return false
}

// receive hands bytes over packet by packet, so that what follows from each is seen before the next.
func (s *server) receive(l *link, p []byte) {
	for len(p) > 0 && !l.serverGone {
		n := len(p)
		if f, rest, ok, err := l.framer.Next(p); err == nil && ok {
			n -= len(rest)
			s.w.trace.packet(s.w.now, l, f, true, true)
		}
		s.b.Receive(s.now(), l.id, p[:n])
		s.current = nil
		s.after()
		p = p[n:]
	}
}

// closed tells the broker that a link has ended.
func (s *server) closed(l *link) {
	if l.serverGone {
		return
	}
	s.b.Closed(s.now(), l.id)
	delete(s.links, l.id)
	l.serverCloses(true)
	s.after()
}

// after does what follows from a call to the broker.
func (s *server) after() {
	for {
		s.events = s.b.TakeEvents(s.events[:0])
		for i := range s.events {
			s.event(&s.events[i])
		}
		if s.ready = s.b.TakeReady(s.ready[:0]); len(s.ready) == 0 {
			break
		}
		for _, id := range s.ready {
			if l := s.links[id]; l != nil {
				s.pump(l)
			} else {
				s.b.TakeOut(id, nil)
			}
		}
	}
	s.unread = slices.DeleteFunc(s.unread, func(l *link) bool {
		read := l.serverGone || s.b.Readable(l.id)
		if read {
			l.troubled(s.w.now)
			l.up.resume()
		}
		return read
	})
	if at, ok := s.b.NextWake(); ok {
		s.w.sched.setBy(&s.wake, max(s.w.now, time.Duration(at)))
	}
}

// pump writes the broker's output as far as there is room.
func (s *server) pump(l *link) {
	for !l.serverGone {
		if len(l.pending) == 0 {
			if l.closing {
				delete(s.links, l.id)
				l.serverCloses(s.w.one(3))
				return
			}
			l.pending, l.closing = s.b.TakeOut(l.id, nil)
			if len(l.pending) == 0 && !l.closing {
				return
			}
		}
		n := l.down.write(l.pending)
		l.pending = l.pending[n:]
		if n > 0 && !l.closing {
			s.b.Written(s.now(), l.id, n)
		}
		if len(l.pending) > 0 {
			l.troubled(s.w.now)
			return
		}
	}
}

// stop ends the broker abruptly, or with a word.
func (s *server) stop(polite bool) {
	w := s.w
	if polite {
		s.b.Shutdown(s.now())
	} else {
		s.b.DropAll(s.now())
	}
	s.after()
	for _, l := range w.sortedLinks() {
		s.b.Closed(s.now(), l.id)
		delete(s.links, l.id)
		if !l.serverGone {
			l.serverCloses(true)
		}
	}
	s.after()
	s.up = false
}

// restart lets the broker come back.
func (s *server) restart() {
	if s.up {
		return
	}
	s.up, s.deaf, s.bad = true, false, s.w.now
	s.b.Wake(s.now())
	s.after()
	s.w.note("broker", "up", 0)
}
