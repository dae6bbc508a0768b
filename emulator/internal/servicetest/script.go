// Package servicetest plays scripts against the emulated services, for their tests.
package servicetest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/emulator/internal/service"
)

// Service is what a script can be played against.
type Service interface {
	Handle(*service.Request) ([]service.Message, bool)
}

// waker is a service that does something by itself.
type waker interface {
	NextWake() (time.Time, bool)
	Wake(time.Time) []service.Message
}

// Player plays one script. Its lines are:
//
//	# comment
//	+ 5s                  time passes, from 1000 s after 1970
//	> suffix payload      client "c" publishes to Prefix + suffix
//	! words               a command of the test, see Command
//	< suffix payload      the next message: for everyone who has subscribed,
//	<1 suffix payload     for the client that asked alone,
//	<* suffix payload     for that client in any case, and for everyone who has subscribed
//
// Every message has to be expected.
type Player struct {
	T       *testing.T
	Service Service
	Prefix  string // of all topics
	// Command does what a line with ! says.
	Command func(now time.Time, words []string) ([]service.Message, error)

	Now   time.Time
	where string
	out   []service.Message
}

// Run plays all files that match the pattern, each as a test of its own with the player that open returns.
func Run(t *testing.T, pattern string, open func(t *testing.T) *Player) {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Fatal(err, files)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			p := open(t)
			p.Now = time.Unix(1000, 0)
			for i, line := range strings.Split(string(text), "\n") {
				p.where = fmt.Sprintf("%s:%d", file, i+1)
				p.line(line)
			}
			p.done()
		})
	}
}

func (p *Player) line(line string) {
	p.T.Helper()
	word, rest, _ := strings.Cut(line, " ")
	switch word {
	case "", "#":
	case "+":
		p.done()
		d, err := time.ParseDuration(rest)
		if err != nil {
			p.T.Fatal(p.where, err)
		}
		p.advance(p.Now.Add(d))
	case ">":
		p.done()
		suffix, payload, _ := strings.Cut(rest, " ")
		var ok bool
		p.out, ok = p.Service.Handle(&service.Request{Now: p.Now, ClientID: "c", Topic: p.Prefix + suffix, Payload: []byte(payload)})
		if !ok {
			p.T.Fatalf("%s: not an operation", p.where)
		}
	case "!":
		p.done()
		var err error
		if p.out, err = p.Command(p.Now, strings.Fields(rest)); err != nil {
			p.T.Fatalf("%s: %v", p.where, err)
		}
	case "<", "<1", "<*":
		p.expect(word, rest)
	default:
		p.T.Fatalf("%s: %q", p.where, line)
	}
}

// advance lets time pass and the service do what is due on the way, at the moment when it is.
func (p *Player) advance(to time.Time) {
	for w, ok := p.Service.(waker); ok; {
		at, some := w.NextWake()
		if !some || at.After(to) {
			break
		}
		p.Now = at
		p.out = append(p.out, w.Wake(at)...)
	}
	p.Now = to
}

func (p *Player) expect(word, rest string) {
	p.T.Helper()
	if len(p.out) == 0 {
		p.T.Fatalf("%s: no message is left for %s", p.where, rest)
	}
	m := p.out[0]
	p.out = p.out[1:]
	kind := "<"
	switch {
	case m.To == "c" && m.Fan:
		kind = "<*"
	case m.To == "c":
		kind = "<1"
	}
	got := kind + " " + strings.TrimPrefix(m.Packet.Topic, p.Prefix) + " " + string(m.Packet.Payload)
	if want := word + " " + rest; got != want {
		p.T.Fatalf("%s:\n got %s\nwant %s", p.where, got, want)
	}
	if m.Packet.QoS != 1 {
		p.T.Errorf("%s: QoS %d", p.where, m.Packet.QoS)
	}
}

func (p *Player) done() {
	p.T.Helper()
	for _, m := range p.out {
		p.T.Errorf("%s: before it came also %s %s", p.where, m.Packet.Topic, m.Packet.Payload)
	}
	p.out = nil
}
