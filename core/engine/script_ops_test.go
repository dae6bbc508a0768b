package engine

import (
	"errors"
	"strings"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

func (s *script) publish(args []string) { s.submit(OpPublish, args) }

func (s *script) subscribe(args []string) { s.submit(OpSubscribe, args) }

func (s *script) unsubscribe(args []string) { s.submit(OpUnsubscribe, args) }

// submit hands an operation to the engine, and destroys what the caller may reuse after that.
func (s *script) submit(kind OpKind, args []string) {
	o := &Op{Kind: kind}
	name, fields := args[0], []string{}
	for _, arg := range args[1:] {
		switch arg {
		case "static":
			o.Static = true
		case "optional_id":
			o.OptionalID = true
		default:
			fields = append(fields, arg)
		}
	}
	switch kind {
	case OpSubscribe:
		s.set(&o.Subscribe, fields)
	case OpUnsubscribe:
		s.set(&o.Unsubscribe, fields)
	default:
		s.set(&o.Publish, fields)
	}
	if s.ops[name] != nil {
		s.fatalf("%s is used already", name)
	}
	payload := o.Publish.Payload
	if err := s.e.Submit(s.now, o); err != nil {
		s.print("= %s refused: %v", name, err)
		return
	}
	s.names[o], s.ops[name], s.bySeq[o.seq] = name, o, name
	if !o.Static {
		for i := range payload {
			payload[i] = 'Z'
		}
	}
}

func (s *script) op(name string) *Op {
	o := s.ops[name]
	if o == nil {
		s.fatalf("no operation %q", name)
	}
	return o
}

func (s *script) cancel(args []string) {
	if !s.e.Cancel(s.now, s.op(args[0])) {
		s.print("= %s is under way", args[0])
	}
}

func (s *script) ack(args []string) {
	n := s.int(strings.TrimPrefix(args[0], "t"))
	if n < 1 || n > len(s.tokens) {
		s.fatalf("no message %s", args[0])
	}
	var a packet.Ack
	for _, arg := range args[1:] {
		if reason, ok := strings.CutPrefix(arg, "reason="); ok {
			a.ReasonString = s.literal(reason)
		} else {
			s.set(&a, []string{arg})
		}
	}
	if err := s.e.Ack(s.now, s.tokens[n-1], a.Code, a.ReasonString); err != nil {
		s.print("= refused: %v", err)
	}
}

func (s *script) disconnect(args []string) {
	var p *packet.Disconnect
	if len(args) > 0 {
		p = new(packet.Disconnect)
		s.set(p, args)
	}
	if err := s.e.Disconnect(s.now, p); err != nil {
		s.print("= refused: %v", err)
	}
}

func (s *script) pause(args []string) {
	s.e.Hold(s.now, args[0] == "on")
	s.print("= settled %v", s.e.Settled())
}

func (s *script) fail(args []string) {
	var p packet.Disconnect
	s.set(&p, args)
	s.e.Fail(s.now, p.Code, errors.New("the driver knows why"))
}

func (s *script) auth(args []string) {
	p := new(packet.Auth)
	s.set(p, args)
	if err := s.e.Authenticate(s.now, p); err != nil {
		s.print("= refused: %v", err)
	}
}

func (s *script) wake([]string) {
	if w := s.e.Wake(); w == Never {
		s.print("= wake never")
	} else {
		s.print("= wake %v", time.Duration(w))
	}
}

func (s *script) stats([]string) {
	stats := s.e.Stats()
	s.print("= stats%s", fieldsOf(&stats))
}

func (s *script) negotiated([]string) {
	n := s.e.Negotiated()
	s.print("= negotiated%s", fieldsOf(&n))
}
