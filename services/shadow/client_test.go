package shadow_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/reqres"
	"github.com/gneiss-mqtt/gneiss-go/services/shadow"
)

func TestOperations(t *testing.T) {
	for _, name := range []string{"", "light"} {
		t.Run("name "+name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				c := newCloud(t)
				s, _ := c.connect(shadow.Named(name))
				if _, err := s.Get(t.Context()); !errors.Is(err, shadow.ErrNotFound) || !strings.Contains(err.Error(), "No shadow exists with name") {
					t.Errorf("got %v", err)
				}
				doc, err := s.Update(t.Context(), shadow.Update{
					Desired:  json.RawMessage(`{"on":true,"old":null}`),
					Reported: struct{ On bool }{false},
				})
				if err != nil || doc.Version != 1 || string(doc.State.Desired) != `{"old":null,"on":true}` || doc.State.Delta != nil ||
					!doc.Timestamp.Equal(time.Now().Truncate(time.Second)) || doc.ClientToken == "" {
					t.Errorf("got %+v, %v", doc, err)
				}
				doc, err = s.Get(t.Context())
				if err != nil || string(doc.State.Delta) != `{"on":true}` || string(doc.Unknown["more"]) != "1" {
					t.Errorf("got %+v, %v", doc, err)
				}
				_, err = s.Update(t.Context(), shadow.Update{Reported: map[string]any{"on": true}, Version: 7})
				wantErr(t, err, shadow.ErrVersionConflict)
				e, ok := errors.AsType[*shadow.Error](err)
				if !ok || e.Code != 409 || e.Message != "Version conflict" || e.Timestamp.IsZero() {
					t.Errorf("got %+v", e)
				}
				doc, err = s.Update(t.Context(), shadow.Update{Desired: shadow.Null, ClientToken: "mine"})
				if err != nil || string(doc.State.Desired) != "null" || doc.ClientToken != "mine" {
					t.Errorf("got %+v, %v", doc, err)
				}
				if doc, err = s.Delete(t.Context()); err != nil || doc.Version != 2 {
					t.Errorf("got %+v, %v", doc, err)
				}
				_, err = s.Delete(t.Context())
				wantErr(t, err, shadow.ErrNotFound)
			})
		})
	}
}

// Several shadows of several things share a connection, and tell their answers apart.
func TestSeveral(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := newCloud(t)
		_, m := c.connect()
		r := reqres.New(m)
		for _, thing := range []string{"a", "b"} {
			for _, name := range []string{"", "x", "y"} {
				s, err := shadow.New(r, thing, shadow.Named(name))
				if err != nil {
					t.Fatal(err)
				}
				if _, err := s.Update(t.Context(), shadow.Update{Reported: map[string]string{"who": s.String()}}); err != nil {
					t.Error(err)
				}
			}
		}
		c.wantReported("$aws/things/a/shadow/name/y/", `{"who":"a/y"}`)
		c.wantReported("$aws/things/b/shadow/", `{"who":"b"}`)
	})
}

func TestStreams(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := newCloud(t)
		s, _ := c.connect()
		deltas, docs, bad := make(chan *shadow.Delta, 9), make(chan *shadow.Documents, 9), make(chan error, 9)
		st, err := s.Deltas(t.Context(), func(d *shadow.Delta) { deltas <- d },
			func(o *shadow.StreamOptions) { o.Malformed = func(err *shadow.MalformedError) { bad <- err } })
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Documents(t.Context(), func(d *shadow.Documents) { docs <- d }); err != nil {
			t.Fatal(err)
		}
		c.update(classic, `{"state":{"desired":{"on":true}},"clientToken":"app"}`)
		if d := <-deltas; string(d.State) != `{"on":true}` || d.Version != 1 || d.ClientToken != "app" {
			t.Errorf("got %+v", d)
		}
		if d := <-docs; d.Current.Version != 1 || d.Previous.Version != 0 || d.ClientToken != "app" {
			t.Errorf("got %+v", d)
		}
		for _, payload := range []string{"", "{", `[]`, `{"version":"one"}`, `{"timestamp":1e300}`, strings.Repeat("[", 20000)} {
			c.send(classic+"update/delta", payload)
		}
		synctest.Wait()
		if len(bad) != 6 || len(deltas) != 0 {
			t.Errorf("%d bad, %d deltas", len(bad), len(deltas))
		}
		if err := <-bad; len(err.Error()) > 500 {
			t.Errorf("got %v", err)
		}
		st.Close()
		c.update(classic, `{"state":{"desired":{"on":false}}}`)
		synctest.Wait()
		if len(deltas) != 0 {
			t.Error("a closed stream has a delta")
		}
	})
}

// Every code of the service is the error it stands for.
func TestErrorCodes(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := newCloud(t)
		s, _ := c.connect()
		for code, want := range map[int]error{400: shadow.ErrInvalid, 401: shadow.ErrUnauthorized, 403: shadow.ErrForbidden,
			404: shadow.ErrNotFound, 405: shadow.ErrNotAllowed, 409: shadow.ErrVersionConflict, 413: shadow.ErrTooLarge, 415: shadow.ErrUnsupportedEncoding,
			429: shadow.ErrThrottled, 500: shadow.ErrInternal, 503: shadow.ErrInternal} {
			c.set(func(c *cloud) { c.refuse = func(string) (int, string) { return code, "because" } })
			_, err := s.Get(t.Context())
			wantErr(t, err, want)
			if !strings.Contains(err.Error(), "because") || errors.Is(err, reqres.ErrClosed) {
				t.Error(err)
			}
		}
		c.set(func(c *cloud) { c.refuse = func(string) (int, string) { return 418, "" } })
		if _, err := s.Get(t.Context()); errors.Is(err, shadow.ErrInvalid) || errors.Is(err, nil) {
			t.Error(err)
		}
	})
}

// What the service cannot have meant is an error of its own.
func TestMalformedAnswers(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := newCloud(t)
		c.silent = true
		s, _ := c.connect()
		for topic, payload := range map[string]string{
			"get/accepted": `{"clientToken":"t","state":7}`,
			"get/rejected": `{"clientToken":"t","code":"many"}`,
		} {
			over := make(chan error, 1)
			go func() {
				var doc shadow.Document
				over <- shadow.Request(s, t.Context(), "get", "t", &doc)
			}()
			synctest.Wait()
			c.send(classic+topic, payload)
			err := <-over
			if _, ok := errors.AsType[*shadow.MalformedError](err); !ok {
				t.Errorf("%s: got %v", topic, err)
			}
		}
	})
}

func TestNames(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 65)
	for _, thing := range []string{"", "a/b", "a+", "ä", "a b", long + long} {
		if _, err := shadow.New(nil, thing); err == nil {
			t.Errorf("%q is accepted", thing)
		}
	}
	for _, name := range []string{"a/b", "#", long} {
		if _, err := shadow.New(nil, "thing", shadow.Named(name)); err == nil {
			t.Errorf("%q is accepted", name)
		}
	}
	c, err := shadow.New(nil, "a:_-Z9", shadow.Named("n"))
	if err != nil || c.Thing() != "a:_-Z9" || c.Name() != "n" || c.String() != "a:_-Z9/n" {
		t.Errorf("%v %v", c, err)
	}
}

func TestWrongUpdates(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := newCloud(t)
		s, _ := c.connect()
		if _, err := s.Update(t.Context(), shadow.Update{Reported: make(chan int)}); err == nil {
			t.Error("a channel is accepted")
		}
		if _, err := s.Update(t.Context(), shadow.Update{ClientToken: strings.Repeat("x", 65)}); err == nil {
			t.Error("a long token is accepted")
		}
		if got := c.took(); got != "" {
			t.Errorf("the service got %q", got)
		}
	})
}

// What nobody has set must not remove a section: a nil map is null in JSON.
func TestNilSections(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := newCloud(t)
		s, _ := c.connect()
		for name, section := range map[string]any{"map": map[string]any(nil), "pointer": (*lamp)(nil), "raw": json.RawMessage(nil)} {
			if _, err := s.Update(t.Context(), shadow.Update{Reported: lamp{Level: 1}, Desired: lamp{Level: 2}}); err != nil {
				t.Fatal(err)
			}
			doc, err := s.Update(t.Context(), shadow.Update{Reported: section, Desired: section})
			if err != nil || doc.State.Reported != nil || doc.State.Desired != nil {
				t.Errorf("%s: the service got %s and %s, %v", name, doc.State.Desired, doc.State.Reported, err)
			}
		}
		if doc, err := s.Update(t.Context(), shadow.Update{Reported: shadow.Null}); err != nil || string(doc.State.Reported) != "null" {
			t.Errorf("the service got %v, %v", doc, err)
		}
	})
}

func TestWritten(t *testing.T) {
	t.Parallel()
	meta := json.RawMessage(`{"a":{"b":{"timestamp":1700000000}},"list":[{"timestamp":1}]}`)
	if at, ok := shadow.Written(meta, "a", "b"); !ok || at.Unix() != 1700000000 {
		t.Error(at, ok)
	}
	for _, path := range [][]string{{}, {"a"}, {"x"}, {"list"}, {"a", "b", "c"}} {
		if _, ok := shadow.Written(meta, path...); ok {
			t.Error(path)
		}
	}
}
