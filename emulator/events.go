package emulator

import (
	"sync"

	"github.com/gneiss-mqtt/gneiss-go/emulator/broker"
)

// logged is the set of events that the log gets.
const logged = broker.EventConnected | broker.EventRefused | broker.EventDisconnected

// eventKinds returns the kinds of events that somebody wants.
func (s *Server) eventKinds() (kinds broker.EventKind) {
	if s.opts.Logger != nil {
		kinds = logged
	}
	return kinds | s.handledKinds()
}

func (s *Server) handledKinds() broker.EventKind {
	switch {
	case s.opts.OnEvent == nil:
		return 0
	case s.opts.Events == 0:
		return broker.EventAll
	}
	return s.opts.Events
}

// report queues what has happened, and does what follows from it. It is called with mu held; log and OnEvent get it
// later, when nothing is held.
func (s *Server) report() {
	for {
		list := s.core.TakeEvents(nil)
		if s.events != nil {
			s.events.add(list)
		}
		if s.cloud == nil || !s.cloud.follow(list) {
			return
		}
	}
}

// observe logs an event and hands it on.
func (s *Server) observe(e broker.Event) {
	if s.opts.Logger != nil {
		s.logEvent(&e)
	}
	if e.Kind&s.handledKinds() != 0 {
		s.opts.OnEvent(e)
	}
}

func (s *Server) logEvent(e *broker.Event) {
	switch e.Kind {
	case broker.EventConnected:
		s.log.Info("client connected", "client", e.Client.ID, "version", e.Client.Version.String(),
			"listener", e.Client.Info.Listener, "remote", e.Client.Info.Remote, "session present", e.SessionPresent)
	case broker.EventRefused:
		s.log.Info("client refused", "client", e.Client.ID, "remote", e.Client.Info.Remote, "cause", e.Cause.String(),
			"code", e.Code.String(), "detail", e.Detail)
	case broker.EventDisconnected:
		s.log.Info("client disconnected", "client", e.Client.ID, "cause", e.Cause.String(), "code", e.Code.String(), "detail", e.Detail)
	}
}

// maxEvents is how many events wait for a slow OnEvent or log.
const maxEvents = 1 << 16

// eventQueue calls a function for each event, in order, on a goroutine of its own.
type eventQueue struct {
	mu      sync.Mutex
	changed *sync.Cond
	list    []broker.Event
	closed  bool
	dropped uint64
	done    chan struct{}
}

func newEventQueue(f func(broker.Event)) *eventQueue {
	q := &eventQueue{done: make(chan struct{})}
	q.changed = sync.NewCond(&q.mu)
	go q.run(f)
	return q
}

func (q *eventQueue) add(list []broker.Event) {
	if len(list) == 0 {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	room := max(0, maxEvents-len(q.list))
	if len(list) > room {
		q.dropped += uint64(len(list) - room)
		list = list[:room]
	}
	q.list = append(q.list, list...)
	q.changed.Signal()
}

func (q *eventQueue) run(f func(broker.Event)) {
	defer close(q.done)
	for {
		q.mu.Lock()
		for len(q.list) == 0 && !q.closed {
			q.changed.Wait()
		}
		list := q.list
		q.list = nil
		q.mu.Unlock()
		if len(list) == 0 {
			return
		}
		for _, e := range list {
			f(e)
		}
	}
}

// lost returns how many events were dropped.
func (q *eventQueue) lost() uint64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.dropped
}

// close hands on what is left and waits for it.
func (q *eventQueue) close() {
	q.mu.Lock()
	q.closed = true
	q.changed.Signal()
	q.mu.Unlock()
	<-q.done
}
