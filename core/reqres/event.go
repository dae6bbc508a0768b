package reqres

import (
	"errors"
	"fmt"
	"runtime/debug"
)

// tell notes a change, and queues it for the application. c.mu is held.
func (s *Stream) tell(e StreamEvent) {
	first := !s.established
	if s.closed || s.status == Halted || e.Status == Lost && (s.status == Lost || first) {
		return
	}
	s.status, s.err = e.Status, e.Err
	if e.Status == Established {
		s.established = true
	}
	if first {
		close(s.ready)
	}
	if s.opts.Event == nil {
		return
	}
	s.events = append(s.events, e)
	if !s.telling {
		s.telling = true
		go s.announce()
	}
}

// halt ends the stream for good. c.mu is held.
func (s *Stream) halt(err error) {
	s.tell(StreamEvent{Status: Halted, Err: err})
	s.deaf()
}

// announce calls the application. It exists only while there is something to tell.
func (s *Stream) announce() {
	c := s.c
	for {
		c.mu.Lock()
		if len(s.events) == 0 {
			s.telling = false
			c.mu.Unlock()
			return
		}
		e := s.events[0]
		s.events = s.events[1:]
		c.mu.Unlock()
		s.call(e)
	}
}

// call survives a panic of the application, and reports it.
func (s *Stream) call(e StreamEvent) {
	over := false
	defer func() {
		if over {
			return
		}
		err := errors.New("runtime.Goexit")
		v := recover()
		if v != nil {
			err = fmt.Errorf("%v\n%s", v, debug.Stack())
		}
		s.c.report(fmt.Errorf("reqres: the event function of stream %q ended with: %w", s.opts.Filter, err))
		if v == nil { // the goroutine ends
			go s.announce()
		}
	}()
	s.opts.Event(e)
	over = true
}
