package emulator

import (
	"sync"

	"github.com/gneiss-mqtt/gneiss-go/emulator/broker"
)

// logged is the set of events that the log gets.
const logged = broker.EventConnected | broker.EventRefused | broker.EventDisconnected

// report logs and hands on what happened. It is called with mu held.
func (s *Server) report() {
	list := s.core.TakeEvents(nil)
	for i := range list {
		s.logEvent(&list[i])
	}
	if s.events == nil {
		return
	}
	if kinds := s.opts.Events; kinds != 0 {
		kept := list[:0]
		for _, e := range list {
			if e.Kind&kinds != 0 {
				kept = append(kept, e)
			}
		}
		list = kept
	}
	s.events.add(list)
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

// maxEvents is how many events wait for a slow OnEvent.
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

// close hands on what is left and waits for it.
func (q *eventQueue) close() {
	q.mu.Lock()
	q.closed = true
	q.changed.Signal()
	q.mu.Unlock()
	<-q.done
}
