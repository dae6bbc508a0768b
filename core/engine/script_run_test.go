package engine

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// script is one transcript being played: an engine with a simple driver around it.
type script struct {
	t       *testing.T
	file    string
	line    int
	version packet.Version
	split   bool // the broker's bytes arrive one at a time
	out     strings.Builder

	e       *Engine
	now     Instant
	hold    bool   // bytes are taken and written only when the script says so
	unsent  int    // taken, not written
	pending []byte // of lines that start with <+
	stream  []byte // taken, and not a whole packet yet
	err     error  // the last one reported
	names   map[*Op]string
	ops     map[string]*Op
	tokens  []AckToken
	store   map[uint64][]byte // of a durable configuration
	bySeq   map[uint64]string // names, by submission
}

func (s *script) print(format string, args ...any) { fmt.Fprintf(&s.out, format+"\n", args...) }

func (s *script) fatalf(format string, args ...any) {
	s.t.Helper()
	s.t.Fatalf("%s:%d: %s", s.file, s.line, fmt.Sprintf(format, args...))
}

// words cuts a line at spaces outside quotes and drops the comment.
func (s *script) words(line string) (words []string) {
	for {
		line = strings.TrimLeft(line, " ")
		if line == "" || line[0] == '#' {
			return words
		}
		n := 0
		for quoted := false; n < len(line) && (quoted || line[n] != ' '); n++ {
			if line[n] == '"' {
				quoted = !quoted
			}
		}
		words = append(words, line[:n])
		line = line[n:]
	}
}

func (s *script) do(words []string) {
	verb, args := words[0], words[1:]
	if verb == "config" {
		s.config(args)
		return
	}
	if s.e == nil {
		s.config(nil)
	}
	if handler, ok := verbs[verb]; ok {
		handler(s, args)
		return
	}
	s.fatalf("unknown verb %q", verb)
}

func (s *script) config(args []string) {
	cfg := Config{}
	var fields []string
	for _, arg := range args {
		if !strings.HasPrefix(arg, "version=") {
			fields = append(fields, arg)
		}
	}
	s.set(&cfg, fields)
	cfg.Version = s.version
	e, err := New(cfg)
	if err != nil {
		s.print("= refused: %v", err)
		return
	}
	s.e = e
}

var verbs = map[string]func(*script, []string){
	"open": (*script).open, "<": (*script).receive, "<+": (*script).buffer, "close": (*script).close,
	"disconnect": (*script).disconnect, "auth": (*script).auth,
	"publish": (*script).publish, "subscribe": (*script).subscribe, "unsubscribe": (*script).unsubscribe,
	"cancel": (*script).cancel, "ack": (*script).ack,
	"at": (*script).at, "until": (*script).until, "tick": func(s *script, _ []string) { s.e.Tick(s.now) },
	"hold": func(s *script, _ []string) { s.hold = true },
	"take": func(s *script, _ []string) { s.take() }, "wrote": (*script).wrote,
	"pause": (*script).pause, "fail": (*script).fail,
	"drop_session": func(s *script, _ []string) { s.e.DropSession(s.now) },
	"abandon":      func(s *script, _ []string) { s.e.Abandon(s.now, ErrClosed) },
	"crash":        (*script).crash, "damage": (*script).damage,
	"stored": func(s *script, _ []string) { s.print("= stored %d", len(s.store)) },
	"wake":   (*script).wake, "stats": (*script).stats, "negotiated": (*script).negotiated,
}

func (s *script) open(args []string) {
	c := &packet.Connect{}
	deadline := Never
	var fields []string
	named, hold := false, false
	for _, arg := range args {
		if arg == "hold" {
			hold = true
			continue
		}
		if d, ok := strings.CutPrefix(arg, "deadline="); ok {
			deadline = s.instant(d)
			continue
		}
		named = named || strings.HasPrefix(arg, "client_id=")
		fields = append(fields, arg)
	}
	if !named {
		c.ClientID = "c"
	}
	s.set(c, fields)
	if err := s.e.Open(s.now, c, deadline); err != nil {
		s.print("= refused: %v", err)
		return
	}
	s.err, s.stream, s.unsent, s.hold = nil, nil, 0, hold
}

func (s *script) close([]string) {
	s.e.Closed(s.now)
	s.hold, s.unsent = false, 0
}

// packet reads "hex 20 02 00 00" or "CONNACK session_present".
func (s *script) packet(args []string) []byte {
	if args[0] == "hex" {
		b, err := hex.DecodeString(strings.Join(args[1:], ""))
		if err != nil {
			s.fatalf("%v", err)
		}
		return b
	}
	var p packet.Packet
	for typ := packet.CONNECT; typ <= packet.AUTH; typ++ {
		if typ.String() == args[0] {
			p = packet.New(typ)
		}
	}
	if p == nil {
		s.fatalf("unknown packet %q", args[0])
	}
	s.set(p, args[1:])
	b, err := p.Append(nil, s.version)
	if err != nil {
		s.fatalf("%v", err)
	}
	return b
}

func (s *script) buffer(args []string) { s.pending = append(s.pending, s.packet(args)...) }

func (s *script) receive(args []string) {
	b := append(s.pending, s.packet(args)...)
	s.pending = nil
	step := len(b)
	if s.split {
		step = 1
	}
	for len(b) > 0 {
		chunk := append([]byte(nil), b[:step]...) // memory of its own, which is made unreadable below
		b = b[step:]
		for rest := chunk; ; {
			var m *Inbound
			if rest, m = s.e.Receive(s.now, rest); m == nil {
				break
			}
			s.message(m)
		}
		for i := range chunk {
			chunk[i] = 0xAA // nothing may refer to it any more
		}
	}
}

func (s *script) wrote(args []string) {
	n := s.unsent
	if len(args) > 0 && args[0] != "all" {
		n = s.int(args[0])
	}
	s.unsent -= n
	s.e.Wrote(s.now, n)
}

func (s *script) at(args []string) { s.now = s.instant(args[0]) }

// until plays a driver that sleeps until Wake, and no more.
func (s *script) until(args []string) {
	end := s.instant(args[0])
	for range 10_000 {
		wake := s.e.Wake()
		if wake > end {
			s.now = end
			return
		}
		s.now = max(s.now, wake)
		before := s.out.Len()
		s.e.Tick(s.now)
		at := s.out.String()
		s.collect()
		if s.out.Len() > before {
			text := s.out.String()[before:]
			s.out.Reset()
			s.out.WriteString(at + "@ " + s.clock() + "\n" + text)
		} else if s.e.Wake() <= s.now {
			s.fatalf("a busy loop: Wake stays at %v", time.Duration(s.e.Wake()))
		}
	}
	s.fatalf("Wake came 10,000 times")
}

func (s *script) instant(text string) Instant {
	d, err := time.ParseDuration(text)
	if err != nil {
		s.fatalf("%v", err)
	}
	return Instant(d)
}

func (s *script) int(text string) int {
	n, err := strconv.ParseInt(text, 0, 64)
	if err != nil {
		s.fatalf("%v", err)
	}
	return int(n)
}

func (s *script) clock() string { return time.Duration(s.now).String() }

func itoa(n int) string { return strconv.Itoa(n) }
