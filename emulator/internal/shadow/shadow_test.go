package shadow

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/emulator/internal/service"
)

// TestScripts plays the files in testdata. A line "> suffix payload" is a request to $aws/things/t/shadow/suffix at the
// time of the script, "< suffix payload" the next message that answers it, in order; "+ duration" lets time pass, and
// "! setting n" changes a limit. Messages for the requester alone do not exist in this service; all are distributed.
func TestScripts(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.txt")
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
			p := player{t: t, s: New(Limits{}), now: time.Unix(1000, 0)}
			for i, line := range strings.Split(string(text), "\n") {
				p.where = fmt.Sprintf("%s:%d", file, i+1)
				p.line(line)
			}
			p.done()
		})
	}
}

const things = "$aws/things/t/shadow/"

type player struct {
	t     *testing.T
	s     *Service
	now   time.Time
	where string
	out   []service.Message
}

func (p *player) line(line string) {
	p.t.Helper()
	word, rest, _ := strings.Cut(line, " ")
	switch word {
	case "", "#":
	case "+":
		d, err := time.ParseDuration(rest)
		if err != nil {
			p.t.Fatal(p.where, err)
		}
		p.now = p.now.Add(d)
	case "!":
		p.setting(rest)
	case ">":
		p.done()
		suffix, payload, _ := strings.Cut(rest, " ")
		var ok bool
		p.out, ok = p.s.Handle(&service.Request{Now: p.now, ClientID: "c", Topic: things + suffix, Payload: []byte(payload)})
		if !ok {
			p.t.Fatalf("%s: not an operation", p.where)
		}
	case "<":
		p.expect(rest)
	default:
		p.t.Fatalf("%s: %q", p.where, line)
	}
}

func (p *player) setting(rest string) {
	var name string
	var n int
	if _, err := fmt.Sscan(rest, &name, &n); err != nil {
		p.t.Fatal(p.where, err)
	}
	switch name {
	case "size":
		p.s.limits.Size = n
	case "depth":
		p.s.limits.Depth = n
	case "rate":
		p.s.limits.Rate = n
	case "shadows":
		p.s.limits.Shadows = n
	case "keepEmpty":
		p.s.limits.KeepEmpty = n > 0
	default:
		p.t.Fatal(p.where, rest)
	}
}

func (p *player) expect(rest string) {
	p.t.Helper()
	if len(p.out) == 0 {
		p.t.Fatalf("%s: no message is left for %s", p.where, rest)
	}
	m := p.out[0]
	p.out = p.out[1:]
	got := strings.TrimPrefix(m.Packet.Topic, things) + " " + string(m.Packet.Payload)
	if got != rest {
		p.t.Fatalf("%s:\n got %s\nwant %s", p.where, got, rest)
	}
	direct := strings.HasSuffix(m.Packet.Topic, "/accepted") || strings.HasSuffix(m.Packet.Topic, "/rejected")
	if !m.Fan || (m.To == "c") != direct || m.Packet.QoS != 1 {
		p.t.Errorf("%s: %+v", p.where, m)
	}
}

func (p *player) done() {
	p.t.Helper()
	for _, m := range p.out {
		p.t.Errorf("%s: before it came also %s %s", p.where, m.Packet.Topic, m.Packet.Payload)
	}
	p.out = nil
}

func TestOtherTopicsAreNotOperations(t *testing.T) {
	t.Parallel()
	s := New(Limits{})
	for _, topic := range []string{"$aws/things/t/shadow", "$aws/things/t/shadow/update/accepted", "$aws/things/t/shadow/name/n",
		"$aws/things/t/shadow/name//get", "$aws/things/t/jobs/get", "$aws/things/t/shadow/patch", "x/things/t/shadow/get", "$aws/things/t/shadow/name/n/x/get"} {
		if out, ok := s.Handle(&service.Request{Topic: topic}); ok {
			t.Errorf("%s: %+v", topic, out)
		}
	}
}

func TestControl(t *testing.T) {
	t.Parallel()
	s := New(Limits{})
	now := time.Unix(5, 0)
	body, out, err := s.Update(now, "t", "n", []byte(`{"state":{"desired":{"a":1}}}`))
	if err != nil || len(out) != 3 || out[0].To != "" {
		t.Fatal(string(body), out, err)
	}
	if _, _, err = s.Update(now, "t", "b", []byte(`{"state":{}}`)); err != nil {
		t.Fatal(err)
	}
	if names := s.Named("t"); len(names) != 2 || names[0] != "b" || len(s.Named("u")) != 0 {
		t.Error(names)
	}
	if _, err = s.Get(now, "t", ""); err == nil || err.Error() != "shadow: 404 No shadow exists with name: 't'" {
		t.Error(err)
	}
	if body, err = s.Get(now, "t", "n"); err != nil || !strings.Contains(string(body), `"delta":{"a":1}`) {
		t.Error(string(body), err)
	}
	if body, out, err = s.Delete(now, "t", "n"); err != nil || string(body) != `{"version":1,"timestamp":5}` || len(out) != 1 {
		t.Error(string(body), out, err)
	}
	if _, _, err = s.Delete(now, "t", "n"); err == nil {
		t.Error("deleted twice")
	}
	refused, ok := s.Refuse(&service.Request{Now: now, ClientID: "c", Topic: things + "get", Payload: []byte(`{"clientToken":"k"}`)}, &Error{500, "Internal service failure"})
	if !ok || string(refused[0].Packet.Payload) != `{"code":500,"message":"Internal service failure","timestamp":5,"clientToken":"k"}` {
		t.Errorf("%+v", refused)
	}
}

// A service that was saved and loaded answers as before: states, metadata, and the versions of what was deleted.
func TestSaveAndLoad(t *testing.T) {
	t.Parallel()
	now := time.Unix(100, 0)
	a, b := New(Limits{}), New(Limits{})
	for _, step := range []string{"x", "y", "y", "z"} {
		if _, _, err := a.Update(now, step, "", []byte(`{"state":{"desired":{"n":1.50,"l":[1,{"k":"v"}]},"reported":{"n":15e-1}}}`)); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := a.Delete(now, "y", ""); err != nil {
		t.Fatal(err)
	}
	if err := b.Load(a.Save()); err != nil {
		t.Fatal(err)
	}
	if got, want := string(b.Save()), string(a.Save()); got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
	for _, s := range []*Service{a, b} {
		body, _, err := s.Update(now, "y", "", []byte(`{"state":{}}`))
		if err != nil || !strings.Contains(string(body), `"version":3,`) {
			t.Error(string(body), err)
		}
	}
	before := string(b.Save())
	for _, text := range []string{"", "{}", `[{"thing":"t","version":0}]`, `[{"thing":"t","version":1,"state":[],"metadata":{}}]`,
		`[{"thing":"t","version":1,"state":{},"metadata":3}]`, `[{"thing":"a/b","version":1,"state":{},"metadata":{}}]`} {
		if err := b.Load([]byte(text)); err == nil {
			t.Errorf("loaded %q", text)
		}
	}
	if string(b.Save()) != before {
		t.Error("a failed load has changed something")
	}
}

func TestErrorsAreTyped(t *testing.T) {
	t.Parallel()
	_, _, err := New(Limits{}).Update(time.Now(), "t", "", []byte(`{"state":{},"version":3}`))
	if e, ok := errors.AsType[*Error](err); !ok || e.Code != 409 {
		t.Error(err)
	}
	_, _, err = New(Limits{}).Update(time.Now(), "t", "", []byte("{\"state\":{\"desired\":{\"a\":\"\xff\"}}}"))
	if e, ok := errors.AsType[*Error](err); !ok || e.Code != 415 {
		t.Error(err)
	}
	_, err = New(Limits{}).Get(time.Now(), "a b", "")
	if e, ok := errors.AsType[*Error](err); !ok || e.Message != "Thing not found" {
		t.Error(err)
	}
}

func TestVersionsOfTheDeletedAreBounded(t *testing.T) {
	t.Parallel()
	s := New(Limits{Shadows: 2})
	for i := range 100 {
		thing := fmt.Sprint("t", i)
		if _, _, err := s.Update(time.Unix(int64(i), 0), thing, "", []byte(`{"state":{}}`)); err != nil {
			t.Fatal(err)
		}
		if _, _, err := s.Delete(time.Unix(int64(i), 0), thing, ""); err != nil {
			t.Fatal(err)
		}
	}
	if len(s.graves) > 4 || len(s.oldest) > 4 {
		t.Errorf("%d versions are remembered", len(s.graves))
	}
}
