package commands

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"
	"github.com/gneiss-mqtt/gneiss-go/emulator/internal/service"
	"github.com/gneiss-mqtt/gneiss-go/emulator/internal/servicetest"
)

// counted returns identifiers x1, x2 and so on.
func counted() func() string {
	n := 0
	return func() string { n++; return fmt.Sprint("x", n) }
}

func TestScripts(t *testing.T) {
	t.Parallel()
	servicetest.Run(t, "testdata/*.txt", func(t *testing.T) *servicetest.Player {
		s := New(counted())
		return &servicetest.Player{T: t, Service: s, Prefix: "$aws/commands/", Command: s.script}
	})
}

// script does what a script says: create ID CONTENT-TYPE PAYLOAD; start ID KIND/TARGET [SECONDS]; is EXECUTION STATUS
// REASON FINAL.
func (s *Service) script(now time.Time, words []string) ([]service.Message, error) {
	switch words[0] {
	case "create":
		return nil, s.Create(now, Command{ID: words[1], ContentType: words[2], Payload: []byte(words[3])})
	case "start":
		kind, id, _ := strings.Cut(words[2], "/")
		timeout := time.Duration(0)
		if len(words) > 3 {
			timeout, _ = time.ParseDuration(words[3])
		}
		_, out, err := s.Start(now, words[1], Target{Kind: kind, ID: id}, timeout)
		return out, err
	case "is":
		x, err := s.Execution(words[1])
		reason := "-"
		if x.Reason != nil {
			reason = x.Reason.Code
		}
		if got := fmt.Sprint(x.Status, " ", reason, " ", x.Final); err == nil && got != strings.Join(words[2:], " ") {
			err = errors.New("it is " + got)
		}
		return nil, err
	}
	return nil, errors.New(words[0])
}

func TestRequestCarriesContentTypeAndExpiry(t *testing.T) {
	t.Parallel()
	s := New(counted())
	now := time.Unix(1, 0)
	for _, c := range []struct{ contentType, suffix string }{{"application/json", "request/json"}, {"application/cbor", "request/cbor"}, {"text/plain", "request"}, {"", "request"}} {
		id := "c" + fmt.Sprint(len(s.commands))
		if err := s.Create(now, Command{ID: id, ContentType: c.contentType, Payload: []byte{0, 255}}); err != nil {
			t.Fatal(err)
		}
		x, out, err := s.Start(now, id, Target{Kind: Clients, ID: "dev"}, 90*time.Second)
		if err != nil || len(out) != 1 {
			t.Fatal(out, err)
		}
		p := out[0].Packet
		if e, ok := p.MessageExpiry.Get(); !ok || e != 90 || p.ContentType != c.contentType || !bytes.Equal(p.Payload, []byte{0, 255}) ||
			p.Topic != "$aws/commands/clients/dev/executions/"+x.ID+"/"+c.suffix {
			t.Errorf("%+v", p)
		}
	}
}

func TestCBOR(t *testing.T) {
	t.Parallel()
	s := New(counted())
	now := time.Unix(1, 0)
	if err := s.Create(now, Command{ID: "c", Payload: []byte("p")}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.Start(now, "c", Target{Kind: Things, ID: "t"}, 0); err != nil {
		t.Fatal(err)
	}
	send := func(v any) (topic string, m map[string]any) {
		payload, err := cbor.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		if b, ok := v.([]byte); ok {
			payload = b
		}
		out, ok := s.Handle(&service.Request{Now: now, ClientID: "c", Topic: "$aws/commands/things/t/executions/x1/response/cbor", Payload: payload})
		if !ok || len(out) != 1 || out[0].To != "c" || out[0].Fan {
			t.Fatalf("%+v", out)
		}
		if err := cbor.Unmarshal(out[0].Packet.Payload, &m); err != nil {
			t.Fatal(err)
		}
		return out[0].Packet.Topic, m
	}
	if topic, m := send([]byte(`{"status":"FAILED"}`)); topic != "$aws/commands/things/t/executions/x1/response/rejected/cbor" || m["error"] != InvalidJSON {
		t.Error(topic, m)
	}
	topic, m := send(map[string]any{"status": "SUCCEEDED", "result": map[string]any{"raw": map[string]any{"bin": []byte{1, 2}}}})
	if topic != "$aws/commands/things/t/executions/x1/response/accepted/cbor" || m["executionId"] != "x1" {
		t.Error(topic, m)
	}
	if x, err := s.Execution("x1"); err != nil || !bytes.Equal(x.Result["raw"].BIN, []byte{1, 2}) {
		t.Errorf("%+v %v", x, err)
	}
}

func TestControl(t *testing.T) {
	t.Parallel()
	s := New(counted())
	now := time.Unix(1, 0)
	if err := s.Create(now, Command{ID: "c", Payload: []byte("p")}); err != nil {
		t.Fatal(err)
	}
	start := func(id string, target Target, timeout time.Duration) error {
		_, _, err := s.Start(now, id, target, timeout)
		return err
	}
	for name, c := range map[string]struct {
		err  error
		code string
	}{
		"exists":        {s.Create(now, Command{ID: "c", Payload: []byte("p")}), AlreadyExists},
		"id":            {s.Create(now, Command{ID: "a/b", Payload: []byte("p")}), InvalidRequest},
		"empty":         {s.Create(now, Command{ID: "d"}), InvalidRequest},
		"large":         {s.Create(now, Command{ID: "d", Payload: make([]byte, 128<<10+1)}), InvalidRequest},
		"unknown":       {start("d", Target{Kind: Things, ID: "t"}, 0), ResourceNotFound},
		"kind":          {start("c", Target{Kind: "thing", ID: "t"}, 0), InvalidRequest},
		"thing":         {start("c", Target{Kind: Things, ID: "a/b"}, 0), InvalidRequest},
		"client":        {start("c", Target{Kind: Clients, ID: "+"}, 0), InvalidRequest},
		"short":         {start("c", Target{Kind: Things, ID: "t"}, time.Millisecond), InvalidRequest},
		"long":          {start("c", Target{Kind: Things, ID: "t"}, 13*time.Hour), InvalidRequest},
		"delete":        {s.Delete("d"), ResourceNotFound},
		"no execution":  {s.DeleteExecution("x9"), ResourceNotFound},
		"not there":     {second(s.Execution("x9")), ResourceNotFound},
		"not to change": {second(s.Update(now, "d", nil, nil, nil)), ResourceNotFound},
	} {
		if e, ok := errors.AsType[*Error](c.err); !ok || e.Code != c.code {
			t.Errorf("%s: %v", name, c.err)
		}
	}
	if err := start("c", Target{Kind: Things, ID: "t"}, 0); err != nil {
		t.Fatal(err)
	}
	if err := s.DeleteExecution("x1"); err == nil {
		t.Error("deleted while it runs")
	}
	if c, err := s.Update(now, "c", new("name"), new("text"), new(true)); err != nil || !c.Deprecated || c.DisplayName != "name" || c.Description != "text" {
		t.Error(c, err)
	}
	if err := start("c", Target{Kind: Things, ID: "t"}, 0); err == nil {
		t.Error("a deprecated command was sent")
	}
	s.Wake(now.Add(time.Minute))
	if err := s.DeleteExecution("x1"); err != nil || len(s.Executions("", Target{})) != 0 {
		t.Error(err)
	}
	if err := s.Delete("c"); err != nil || len(s.Commands()) != 0 {
		t.Error(err)
	}
}

func second[T any](_ T, err error) error { return err }

func TestSaveAndLoad(t *testing.T) {
	t.Parallel()
	a, b := New(counted()), New(counted())
	now := time.Unix(1000, 0)
	if err := a.Create(now, Command{ID: "c", Payload: []byte{1}, ContentType: "application/cbor"}); err != nil {
		t.Fatal(err)
	}
	for _, target := range []string{"t", "u"} {
		if _, _, err := a.Start(now, "c", Target{Kind: Things, ID: target}, 0); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Load(a.Save()); err != nil || string(a.Save()) != string(b.Save()) {
		t.Errorf("%v\n%s\n%s", err, a.Save(), b.Save())
	}
	if at, ok := b.NextWake(); !ok || !at.Equal(now.Add(10*time.Second)) {
		t.Error(at, ok)
	}
	if list := b.Executions("c", Target{Kind: Things, ID: "u"}); len(list) != 1 || list[0].ID != "x2" {
		t.Errorf("%+v", list)
	}
	for _, text := range []string{"", `{"commands":[{"ID":"a"}]}`, `{"executions":[{"ID":"a","Target":{"Kind":"x"}}]}`} {
		if err := b.Load([]byte(text)); err == nil {
			t.Errorf("loaded %q", text)
		}
	}
}

func FuzzHandle(f *testing.F) {
	f.Add("response/json", []byte(`{"status":"FAILED","statusReason":{"reasonCode":"A","reasonDescription":"b"},"result":{"x":{"bin":"AA=="}}}`))
	f.Add("response/cbor", []byte("\xa1\x66status\x66FAILED"))
	f.Add("response", []byte(`{"status":"IN_PROGRESS","result":{"x":{"s":"t"},"y":{"b":true}}}`))
	f.Fuzz(func(t *testing.T, suffix string, payload []byte) {
		s := New(counted())
		now := time.Unix(1, 0)
		if err := s.Create(now, Command{ID: "c", Payload: []byte("p")}); err != nil {
			t.Fatal(err)
		}
		if _, _, err := s.Start(now, "c", Target{Kind: Things, ID: "t"}, 0); err != nil {
			t.Fatal(err)
		}
		out, _ := s.Handle(&service.Request{Now: now, ClientID: "c", Topic: "$aws/commands/things/t/executions/x1/" + suffix, Payload: payload})
		for _, m := range out {
			_, format, _ := service.CutFormat(m.Packet.Topic)
			if _, err := format.Decode(m.Packet.Payload); err != nil || m.To != "c" {
				t.Fatalf("%+v: %v", m, err)
			}
		}
		if err := New(counted()).Load(s.Save()); err != nil {
			t.Fatal(err)
		}
	})
}
