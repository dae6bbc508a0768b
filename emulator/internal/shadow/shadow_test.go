package shadow

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/emulator/internal/service"
	"github.com/gneiss-mqtt/gneiss-go/emulator/internal/servicetest"
)

const things = "$aws/things/t/shadow/"

func TestScripts(t *testing.T) {
	t.Parallel()
	servicetest.Run(t, "testdata/*.txt", func(t *testing.T) *servicetest.Player {
		s := New(Limits{})
		return &servicetest.Player{T: t, Service: s, Prefix: things, Command: func(_ time.Time, words []string) ([]service.Message, error) {
			return nil, s.set(words[0], words[1])
		}}
	})
}

// set changes a limit.
func (s *Service) set(name, value string) error {
	n, err := strconv.Atoi(value)
	switch name {
	case "size":
		s.limits.Size = n
	case "depth":
		s.limits.Depth = n
	case "rate":
		s.limits.Rate = n
	case "shadows":
		s.limits.Shadows = n
	default:
		return errors.New(name)
	}
	return err
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
	refused, ok := s.Refuse(&service.Request{Now: now, ClientID: "c", Topic: things + "get", Payload: []byte(`{"clientToken":"k"}`)}, "500", "Internal service failure")
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
