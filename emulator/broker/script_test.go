package broker_test

import (
	"bufio"
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/packet"
	"github.com/gneiss-mqtt/gneiss-go/emulator/broker"
)

var update = flag.Bool("update", false, "rewrite the expected lines of the transcripts")

// TestTranscripts plays every file of testdata. A transcript has one step on a line; see testdata/README.
func TestTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no transcripts: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := play(t, string(text))
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			compare(t, file, string(text), got)
		})
	}
}

// compare reports the first line that differs.
func compare(t *testing.T, file, want, got string) {
	t.Helper()
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range max(len(w), len(g)) {
		a, b := "(end)", "(end)"
		if i < len(w) {
			a = w[i]
		}
		if i < len(g) {
			b = g[i]
		}
		if a != b {
			t.Fatalf("%s:%d: the transcript says\n\t%s\nthe broker did\n\t%s", file, i+1, a, b)
		}
	}
}

// script is a broker under a transcript, and the text that comes of it.
type script struct {
	t       *testing.T
	options broker.Options
	b       *broker.Broker
	now     broker.Instant
	peers   map[string]*peer
	order   []string
	out     strings.Builder
	line    int
}

// peer is one connection of a transcript.
type peer struct {
	id       broker.ConnID
	version  packet.Version
	framer   packet.Framer
	decoder  packet.Decoder
	closed   bool
	dirty    bool // has output
	hold     bool // does not take its output
	stall    bool // takes it, and does not say that it was written
	unsaid   int
	explicit bool // shows what CONNACK says of the server's limits
}

// play runs a transcript and returns it with the lines of the broker as they happened.
func play(t *testing.T, text string) string {
	s := &script{t: t, peers: map[string]*peer{}}
	s.options.Events = 0
	scanner := bufio.NewScanner(strings.NewReader(text))
	for scanner.Scan() {
		s.line++
		line := strings.TrimRight(scanner.Text(), " ")
		fields := strings.Fields(line)
		if len(fields) == 0 || strings.HasPrefix(line, "#") {
			fmt.Fprintln(&s.out, line)
			continue
		}
		if strings.HasSuffix(fields[0], "<") || fields[0] == "!" {
			continue // what is expected is written anew
		}
		fmt.Fprintln(&s.out, line)
		s.step(fields)
	}
	return s.out.String()
}

func (s *script) fatalf(format string, args ...any) {
	s.t.Helper()
	s.t.Fatalf("line %d: %s", s.line, fmt.Sprintf(format, args...))
}

// broker returns the broker, made at the first step after the limits.
func (s *script) start() *broker.Broker {
	if s.b == nil {
		b, err := broker.New(s.options)
		if err != nil {
			s.fatalf("%v", err)
		}
		s.b = b
	}
	return s.b
}

func (s *script) step(f []string) {
	s.t.Helper()
	switch {
	case f[0] == "limits":
		s.setLimits(f[1:])
		return
	case f[0] == "hooks":
		s.setHooks(f[1:])
		return
	case f[0] == "events":
		s.options.Events = broker.EventAll
		return
	case strings.HasPrefix(f[0], "+"):
		d, err := time.ParseDuration(f[0][1:])
		if err != nil {
			s.fatalf("%v", err)
		}
		s.advance(s.now.Add(d))
	case f[0] == "server":
		s.server(f[1:])
	case strings.HasSuffix(f[0], ">"):
		s.send(strings.TrimSuffix(f[0], ">"), f[1:])
	case len(f) >= 2:
		s.command(f[0], f[1:])
	default:
		s.fatalf("unknown step %q", f[0])
	}
	s.collect()
}

// advance lets time pass, and wakes the broker whenever it asks for that.
func (s *script) advance(to broker.Instant) {
	for {
		at, ok := s.start().NextWake()
		if !ok || at > to {
			break
		}
		if at < s.now {
			s.fatalf("wake time %d is before %d", at, s.now)
		}
		s.now = at
		s.b.Wake(at)
		if again, ok := s.b.NextWake(); ok && again <= at {
			s.fatalf("the broker wants to be woken again at %d", again)
		}
		s.collect()
	}
	s.now = to
}

// peer returns the connection of a name, opened where it is not.
func (s *script) peer(name string) *peer {
	p := s.peers[name]
	if p == nil || p.closed {
		p = &peer{id: s.start().Open(s.now, broker.ConnInfo{Listener: "script", Remote: name}), version: packet.V5}
		if s.peers[name] == nil {
			s.order = append(s.order, name)
		}
		s.peers[name] = p
	}
	return p
}

// send lets a client send packets: one in words, or bytes in hexadecimal. Packets joined by "&" go in one piece.
func (s *script) send(name string, f []string) {
	p := s.peer(name)
	var data []byte
	for words := range splitWords(f) {
		var err error
		if data, err = appendWords(data, p, name, words); err != nil {
			s.fatalf("%v", err)
		}
	}
	s.b.Receive(s.now, p.id, data)
}

func (s *script) command(name string, f []string) {
	p := s.peers[name]
	if f[0] == "open" {
		p = s.peer(name)
	}
	if p == nil {
		s.fatalf("no connection %q", name)
	}
	switch f[0] {
	case "open":
	case "lost":
		p.closed = true
		s.b.Closed(s.now, p.id)
	case "hold":
		p.hold = true
	case "take":
		p.hold = false
	case "stall":
		p.stall = true
	case "read":
		p.stall = false
		s.b.Written(s.now, p.id, p.unsaid)
		p.unsaid = 0
	case "v3":
		p.version, p.decoder.Version = packet.V311, packet.V311
	case "explicit":
		p.explicit = true
	default:
		s.fatalf("unknown command %q", f[0])
	}
}

// collect writes what the broker has done as lines of the transcript. It looks only at the connections that the broker
// names, so that one forgotten there is missed here too.
func (s *script) collect() {
	for again := true; again; {
		again = false
		ready := s.b.TakeReady(nil)
		for _, name := range s.order {
			p := s.peers[name]
			p.dirty = p.dirty || slices.Contains(ready, p.id)
			if p.dirty && !p.hold && !p.closed {
				p.dirty = false
				again = s.drain(name, p) || again
			}
		}
	}
	for _, e := range s.b.TakeEvents(nil) {
		fmt.Fprintln(&s.out, "! "+formatEvent(&e))
	}
}

func (s *script) drain(name string, p *peer) bool {
	data, closing := s.b.TakeOut(p.id, nil)
	rest := data
	for len(rest) > 0 {
		f, more, ok, err := p.framer.Next(rest)
		if err != nil {
			s.fatalf("%s got a malformed stream: %v", name, err)
		}
		if !ok {
			s.fatalf("%s got half a packet", name)
		}
		rest = more
		got, err := p.decoder.Decode(f)
		if err != nil {
			s.fatalf("%s got a malformed packet: %v (% x)", name, err, f.Body)
		}
		fmt.Fprintf(&s.out, "%s< %s\n", name, formatPacket(got, s.b.Limits(), p.explicit))
	}
	if closing {
		p.closed = true
		fmt.Fprintf(&s.out, "%s< closed\n", name)
		return true
	}
	if p.stall {
		p.unsaid += len(data)
	} else if len(data) > 0 {
		s.b.Written(s.now, p.id, len(data))
	}
	return len(data) > 0
}

// splitWords yields the packets of a line.
func splitWords(f []string) func(func([]string) bool) {
	return func(yield func([]string) bool) {
		for len(f) > 0 {
			i := slices.Index(f, "&")
			if i < 0 {
				yield(f)
				return
			}
			if !yield(f[:i]) {
				return
			}
			f = f[i+1:]
		}
	}
}

func (s *script) server(f []string) {
	b := s.start()
	var err error
	switch f[0] {
	case "publish", "send", "answer":
		to, words := "", f[1:]
		if f[0] != "publish" {
			to, words = f[1], f[2:]
		}
		var p packet.Publish
		if p, err = parsePublish(words); err != nil {
			s.fatalf("%v", err)
		}
		switch f[0] {
		case "publish":
			err = b.Publish(s.now, p)
		case "send":
			err = b.Send(s.now, to, p)
		case "answer":
			b.Reply(s.now, broker.Reply{Publish: p, To: to, Only: true})
		}
	case "drop":
		err = b.Drop(s.now, f[1])
	case "drop-all":
		b.DropAll(s.now)
	case "disconnect":
		err = b.Disconnect(s.now, f[1], packet.AdministrativeAction, "enough")
	case "end-session":
		err = b.EndSession(s.now, f[1])
	case "shutdown":
		b.Shutdown(s.now)
	case "accept":
		b.ResolveConnect(s.now, s.peers[f[1]].id, broker.ConnectDecision{})
	case "refuse":
		b.ResolveConnect(s.now, s.peers[f[1]].id, broker.ConnectDecision{Code: packet.NotAuthorized, ReasonString: "no"})
	case "authenticate":
		b.ResolveAuth(s.now, s.peers[f[1]].id, broker.AuthDecision{Data: []byte("late")})
	default:
		s.fatalf("unknown server command %q", f[0])
	}
	if e, ok := errors.AsType[*packet.Error](err); ok {
		fmt.Fprintf(&s.out, "! error [%s]\n", e.Clause)
	} else if err != nil {
		fmt.Fprintf(&s.out, "! error %v\n", err)
	}
}

func formatEvent(e *broker.Event) string {
	var w bytes.Buffer
	names := map[broker.EventKind]string{
		broker.EventConnected: "connected", broker.EventRefused: "refused", broker.EventDisconnected: "disconnected",
		broker.EventSubscribed: "subscribed", broker.EventUnsubscribed: "unsubscribed", broker.EventPublished: "published",
		broker.EventDelivered: "delivered", broker.EventDropped: "dropped", broker.EventSessionEnded: "session-ended",
	}
	fmt.Fprintf(&w, "%s %s", names[e.Kind], quote(e.Client.ID))
	if e.Message != nil {
		l := &line{}
		formatPublish(l, e.Message)
		w.WriteString(l.String())
	}
	if e.SessionPresent {
		w.WriteString(" present")
	}
	if e.Consumed {
		w.WriteString(" consumed")
	}
	for _, f := range e.Filters {
		w.WriteString(" " + f)
	}
	if e.Cause != broker.CauseNone {
		fmt.Fprintf(&w, " cause=%q", e.Cause)
	}
	if e.Code != 0 {
		fmt.Fprintf(&w, " code=0x%02X", byte(e.Code))
	}
	return w.String()
}
