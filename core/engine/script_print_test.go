package engine

import (
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// collect prints what the engine has to say since the last line, and writes what it wants written.
func (s *script) collect() {
	if s.e == nil {
		return
	}
	s.results()
	if !s.hold {
		s.save()
	}
	for !s.hold && s.e.Pending() {
		s.take()
		s.e.Wrote(s.now, s.unsent)
		s.unsent = 0
		s.save()
		s.results()
	}
	if err := s.e.Err(); err != nil && err != s.err {
		s.err = err
		s.print("! %v", err)
	}
}

func (s *script) results() {
	for _, ev := range s.e.TakeEvents(nil) {
		s.event(ev)
	}
	for _, o := range s.e.TakeDone(nil) {
		s.done(o)
	}
}

// take prints the packets among the bytes that are to be written.
func (s *script) take() {
	p := s.e.TakeOut(s.now, nil)
	s.unsent += len(p)
	s.stream = append(s.stream, p...)
	decoder := packet.Decoder{Version: s.version}
	for len(s.stream) > 0 {
		f, n, err := packet.ScanFrame(s.stream, 0)
		if err != nil || n == 0 {
			s.fatalf("the engine wrote % x: %v", s.stream, err)
		}
		p, err := decoder.Decode(f)
		if err != nil {
			s.fatalf("the engine wrote % x: %v", s.stream[:n], err)
		}
		s.stream = s.stream[n:]
		s.print("> %s%s", p.Type(), fieldsOf(p))
	}
}

func (s *script) message(m *Inbound) {
	name := "-"
	if !m.Token.IsZero() {
		s.tokens = append(s.tokens, m.Token)
		name = "t" + itoa(len(s.tokens))
	}
	s.print("= message %s%s", name, fieldsOf(&m.Publish))
}

func (s *script) done(o *Op) {
	name := s.names[o]
	if name == "" {
		s.fatalf("an operation is done that is not the driver's: %+v", o)
	}
	if s.ops[name] == nil {
		s.fatalf("%s is done twice", name)
	}
	s.ops[name] = nil
	result := packet.Ack{Code: o.Code, ReasonString: o.ReasonString, UserProperties: o.UserProperties}
	details := fieldsOf(&result)
	if len(o.Codes) > 0 {
		details += fieldsOf(&struct{ Codes []packet.ReasonCode }{o.Codes})
	}
	switch {
	case o.Err == nil:
		s.print("= %s done%s", name, details)
		if !o.Sent {
			s.fatalf("%s is a success and not sent", name)
		}
	case o.Sent:
		s.print("= %s failed, perhaps sent: %v", name, o.Err)
	default:
		s.print("= %s failed, not sent: %v", name, o.Err)
	}
}

func (s *script) event(ev Event) {
	switch ev.Kind {
	case EventConnected:
		s.print("= connected%s", fieldsOf(ev.Connack))
	case EventTimedOut:
		s.print("= %s timed out: %v", s.names[ev.Op], ev.Err)
	case EventSubscriptionLost:
		s.print("= subscription lost: %s: %v", ev.Filter, ev.Err)
	case EventSubscriptionRestored:
		s.print("= subscription restored: %s", ev.Filter)
	case EventSubscriptionDelayed:
		s.print("= subscription delayed by %v: %s: %v", time.Duration(ev.Wait), ev.Filter, ev.Err)
	case EventAuth:
		s.print("= auth%s", fieldsOf(ev.Auth))
	case EventForgiven:
		s.print("= forgiven: %v", ev.Err)
	default:
		s.fatalf("unknown event %d", ev.Kind)
	}
}
