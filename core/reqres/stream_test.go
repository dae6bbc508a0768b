package reqres_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/mqtttest"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
	"github.com/gneiss-mqtt/gneiss-go/core/reqres"
)

// tape is what a stream was given.
type tape struct {
	messages, events chan string
}

func open(t *testing.T, c *reqres.Client, filter string) (*reqres.Stream, tape) {
	t.Helper()
	in := tape{make(chan string, 100), make(chan string, 100)}
	s, err := c.OpenStream(t.Context(), reqres.StreamOptions{
		Filter:  filter,
		Handler: func(m mqtt.Message) { in.messages <- string(m.Payload) },
		Event:   func(e reqres.StreamEvent) { in.events <- e.Status.String() },
	})
	if err != nil {
		t.Fatal(err)
	}
	return s, in
}

func want(t *testing.T, got chan string, want ...string) {
	t.Helper()
	synctest.Wait()
	var list []string
	for len(got) > 0 {
		list = append(list, <-got)
	}
	if !slices.Equal(list, want) {
		t.Errorf("got %q, want %q", list, want)
	}
}

func TestStream(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newService(t)
		s.keep = true
		c, m := s.start()
		a, in := open(t, c, "news")
		b, other := open(t, c, "news")
		s.wantLog("+news") // shared
		s.send("news", "1")
		want(t, in.messages, "1")
		want(t, other.messages, "1")
		want(t, in.events, "established")

		s.cut(m) // a session that is resumed loses nothing
		want(t, in.events)
		s.set(func(s *service) { s.keep = false })
		s.cut(m)
		want(t, in.events, "lost", "established")
		s.send("news", "2")
		want(t, in.messages, "2")
		s.wantLog("+news")

		a.Close()
		s.wantLog() // b has it
		s.send("news", "3")
		want(t, in.messages)
		want(t, other.messages, "2", "3")
		b.Close()
		b.Close()
		s.wantLog("-news")
		if status, err := b.Status(); status != 0 || err == nil || c.Stats().Filters != 0 {
			t.Errorf("%v, %v, %+v", status, err, c.Stats())
		}
	})
}

// A handler that blocks holds up neither another stream on the same filter nor an answer.
func TestBlockedHandler(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newService(t)
		s.published = echo
		c, _ := s.start()
		block := make(chan struct{})
		slow, err := c.OpenStream(t.Context(), reqres.StreamOptions{Filter: "a/accepted", Handler: func(mqtt.Message) { <-block }})
		if err != nil {
			t.Fatal(err)
		}
		_, in := open(t, c, "a/accepted")
		if got := now(t, do(t.Context(), c, byTopic("a", "x"))); got.err != nil {
			t.Error(got.err)
		}
		want(t, in.messages, "x")
		close(block)
		slow.Close()
	})
}

// A refused stream fails; one that is refused after a lost session asks again, unless the refusal is final.
func TestRefusedStream(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newService(t)
		code := packet.NotAuthorized
		s.grant = func(string) packet.ReasonCode { return code }
		c, m := s.start()
		_, err := c.OpenStream(t.Context(), reqres.StreamOptions{Filter: "news", Handler: func(mqtt.Message) {}})
		if refusal, _ := errors.AsType[*mqtt.ReasonError](err); refusal == nil || c.Stats().Filters != 0 {
			t.Errorf("got %v, %+v", err, c.Stats())
		}
		s.set(func(*service) { code = 1 })
		st, in := open(t, c, "news")
		want(t, in.events, "established")
		s.took()

		s.set(func(*service) { code = packet.QuotaExceeded })
		s.cut(m)
		want(t, in.events, "lost")
		began := time.Now()
		time.Sleep(10 * time.Second)
		if n := len(s.took()); n < 3 || n > 8 { // with growing pauses
			t.Errorf("asked %d times in %v", n, time.Since(began))
		}
		s.set(func(*service) { code = 1 })
		time.Sleep(time.Minute)
		want(t, in.events, "established")
		s.send("news", "1")
		want(t, in.messages, "1")

		s.set(func(*service) { code = packet.NotAuthorized })
		s.cut(m)
		want(t, in.events, "lost", "halted")
		if status, err := st.Status(); status != reqres.Halted || err == nil || c.Stats().Filters != 0 {
			t.Errorf("%v, %v, %+v", status, err, c.Stats())
		}
		st.Close()
	})
}

// Opening a stream can be given up, and ends with the client.
func TestOpenStreamEnds(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newService(t)
		s.mute = func(in packet.Packet) bool { return in.Type() == packet.SUBSCRIBE }
		c, m := s.start()
		o := reqres.StreamOptions{Filter: "news", Handler: func(mqtt.Message) {}}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := c.OpenStream(ctx, o); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		time.Sleep(2 * time.Minute) // it may have been granted, until the acknowledgement has timed out
		if n := c.Stats().Filters; n != 0 {
			t.Errorf("%d filters", n)
		}
		over := make(chan error, 1)
		go func() {
			_, err := c.OpenStream(t.Context(), o)
			over <- err
		}()
		pending(t, over)
		m.Close()
		if err := now(t, over); !errors.Is(err, mqtt.ErrClosed) {
			t.Errorf("got %v", err)
		}
		for _, o := range []reqres.StreamOptions{{Filter: "a#", Handler: o.Handler}, {Filter: "a"}} {
			if _, err := c.OpenStream(t.Context(), o); err == nil {
				t.Errorf("%+v is accepted", o)
			}
		}
	})
}

// A lost acknowledgement of SUBSCRIBE is no refusal: it is asked for again.
func TestStreamOutlivesTimeouts(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newService(t)
		s.mute = func(in packet.Packet) bool { return in.Type() == packet.SUBSCRIBE }
		c, _ := s.start()
		over := make(chan error, 1)
		go func() {
			_, err := c.OpenStream(t.Context(), reqres.StreamOptions{Filter: "news", Handler: func(mqtt.Message) {}})
			over <- err
		}()
		pending(t, over)
		s.set(func(s *service) { s.mute = nil })
		time.Sleep(2 * time.Minute) // the acknowledgement's timeout is one
		if err := now(t, over); err != nil {
			t.Error(err)
		}
	})
}

func TestHaltedByClose(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newService(t)
		c, _ := s.start()
		_, in := open(t, c, "a")
		_, _ = open(t, c, "b")
		s.set(func(s *service) { s.published = echo })
		now(t, do(t.Context(), c, byTopic("x", "")))
		if err := c.Close(t.Context()); err != nil {
			t.Error(err)
		}
		want(t, in.events, "established", "halted")
		got := s.took()
		slices.Sort(got)
		if !slices.Equal(got, []string{"!x", "+a", "+b", "+x/accepted", "+x/rejected", "-a", "-b", "-x/accepted", "-x/rejected"}) {
			t.Errorf("the broker got %q", got)
		}
	})
}

// The application's functions may panic, end their goroutine, and close the stream they are called by.
func TestEventFunctions(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newService(t)
		reported := make(chan error, 10)
		c, m := s.start(func(o *reqres.Options) { o.Report = func(err error) { reported <- err } })
		n := 0
		var st *reqres.Stream
		told := make(chan string, 10)
		st, err := c.OpenStream(t.Context(), reqres.StreamOptions{Filter: "a", Handler: func(mqtt.Message) {},
			Event: func(e reqres.StreamEvent) {
				told <- e.Status.String()
				switch n++; n {
				case 1:
					panic("first")
				case 2:
					runtime.Goexit()
				case 3:
					st.Close()
				}
			}})
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		s.cut(m)
		want(t, told, "established", "lost", "established")
		s.cut(m)
		want(t, told)
		if len(reported) != 2 {
			t.Errorf("%d reports", len(reported))
		}
	})
}

func TestServe(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newService(t)
		s.published = func(p *packet.Publish) []*packet.Publish { // a broker that sends everything back
			return []*packet.Publish{{Topic: p.Topic, Payload: p.Payload, ResponseTopic: p.ResponseTopic, CorrelationData: p.CorrelationData}}
		}
		c, _ := s.start()
		_, err := c.Serve(t.Context(), "add/+", func(_ context.Context, m mqtt.Message) mqtt.Publish {
			return mqtt.Publish{Payload: fmt.Appendf(nil, "%s+1", m.Payload)}
		})
		if err != nil {
			t.Fatal(err)
		}
		one := do(t.Context(), c, reqres.Request{Message: mqtt.Publish{Topic: "add/x", Payload: []byte("1")}, Reply: "me/r", Match: reqres.ByCorrelation})
		two := do(t.Context(), c, reqres.Request{Message: mqtt.Publish{Topic: "add/x", Payload: []byte("2")}, Reply: "me/r", Match: reqres.ByCorrelation})
		if got := now(t, one); got.err != nil || string(got.Payload) != "1+1" {
			t.Errorf("got %+v", got)
		}
		if got := now(t, two); got.err != nil || string(got.Payload) != "2+1" {
			t.Errorf("got %+v", got)
		}
		s.send("add/x", "no response topic")
		synctest.Wait()
	})
}

// What waits in a session of an earlier process comes before anything can be subscribed: a stream that was opened before
// the connection gets it.
func TestNoWait(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newService(t)
		s.mute = func(in packet.Packet) bool { return in.Type() == packet.SUBSCRIBE }
		s.keep, s.conn = true, new(mqtttest.Conn)
		m, err := mqtt.New(mqtt.Config{Endpoint: mqtt.Endpoint{Dial: s.Dial}, ClientID: "me", SessionExpiry: time.Hour, ResumeUnknown: true})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { m.Close(); <-m.Done() }()
		c := reqres.New(m)
		got, events := make(chan string, 9), make(chan string, 9)
		st, err := c.OpenStream(t.Context(), reqres.StreamOptions{Filter: "news", NoWait: true,
			Handler: func(m mqtt.Message) { got <- string(m.Payload) },
			Event:   func(e reqres.StreamEvent) { events <- e.Status.String() }})
		if err != nil {
			t.Fatal(err)
		}
		_ = m.Start()
		if session, err := m.Connected(t.Context()); err != nil || !session.SessionPresent {
			t.Fatal(session, err)
		}
		s.send("news", "old")
		want(t, got, "old")
		want(t, events)
		s.set(func(s *service) { s.mute = nil })
		time.Sleep(2 * time.Minute)
		if err := st.Wait(t.Context()); err != nil {
			t.Error(err)
		}
		want(t, events, "established")
		st.Close()
		if st, err = c.OpenStream(t.Context(), reqres.StreamOptions{Filter: "more", NoWait: true, Handler: func(mqtt.Message) {}}); err != nil {
			t.Fatal(err)
		}
		s.set(func(s *service) { s.mute = func(in packet.Packet) bool { return in.Type() == packet.SUBSCRIBE } })
		other, err := c.OpenStream(t.Context(), reqres.StreamOptions{Filter: "never", NoWait: true, Handler: func(mqtt.Message) {}})
		if err != nil {
			t.Fatal(err)
		}
		over := make(chan error, 1)
		go func() { over <- other.Wait(t.Context()) }()
		pending(t, over)
		other.Close()
		if err := now(t, over); err == nil {
			t.Error("a closed stream is established")
		}
		st.Close()
	})
}
