package reqres_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
	"github.com/gneiss-mqtt/gneiss-go/core/reqres"
)

func budget(n int) func(*reqres.Options) { return func(o *reqres.Options) { o.Budget = n } }

// The filters used longest ago make room, and nothing in use does.
func TestEviction(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newService(t)
		s.published = echo
		c, _ := s.start(budget(2))
		for _, topic := range []string{"a", "b", "a"} {
			now(t, do(t.Context(), c, byToken(topic, "1")))
		}
		s.took()
		now(t, do(t.Context(), c, byToken("c", "1")))
		s.wantLog("-b/+", "+c/+", "!c")

		s.set(func(s *service) { s.published = nil })
		a, b := do(t.Context(), c, byToken("a", "1")), do(t.Context(), c, byToken("c", "1"))
		pending(t, a)
		s.took()
		blocked := do(t.Context(), c, byToken("d", "1"))
		another := do(t.Context(), c, byToken("c", "2")) // needs no room: it is not held up
		pending(t, blocked)
		s.wantLog("!c")
		s.send("c/accepted", `{"clientToken":"2"}`)
		now(t, another)
		s.send("c/accepted", `{"clientToken":"1"}`)
		now(t, b)
		s.wantLog("-c/+", "+d/+", "!d")
		s.send("a/accepted", `{"clientToken":"1"}`)
		s.send("d/accepted", `{"clientToken":"1"}`)
		now(t, a)
		now(t, blocked)
		if n := c.Stats(); n.Evicted != 2 || n.Filters != 2 {
			t.Errorf("%+v", n)
		}
	})
}

// Two requests that each need two filters never hold one each.
func TestAllOrNothing(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newService(t)
		s.published = echo
		c, _ := s.start(budget(3))
		var waiting []<-chan outcome
		for i := range 30 {
			waiting = append(waiting, do(t.Context(), c, byTopic(string(rune('a'+i)), "")))
		}
		for _, over := range waiting {
			if got := now(t, over); got.err != nil {
				t.Error(got.err)
			}
		}
	})
}

// A filter that is being unsubscribed is subscribed again afterwards.
func TestWantedAgain(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newService(t)
		s.published = echo
		c, _ := s.start(budget(1))
		now(t, do(t.Context(), c, byToken("a", "1")))
		s.set(func(s *service) { s.mute = func(in packet.Packet) bool { return in.Type() == packet.UNSUBSCRIBE } })
		b := do(t.Context(), c, byToken("b", "1"))
		synctest.Wait()
		a := do(t.Context(), c, byToken("a", "2"))
		pending(t, a)
		pending(t, b)
		s.set(func(s *service) { s.mute = nil })
		time.Sleep(3 * time.Minute) // the acknowledgement is waited for, and asked for again
		if got := now(t, b); got.err != nil {
			t.Error(got.err)
		}
		if got := now(t, a); got.err != nil {
			t.Error(got.err)
		}
	})
}

// What can never get room fails at once; what waits for it can be given up.
func TestNoRoom(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newService(t)
		c, _ := s.start(budget(2))
		r := byTopic("a", "")
		r.Filters = []string{"a/accepted", "a/rejected", "a/+"}
		if got := now(t, do(t.Context(), c, r)); !errors.Is(got.err, reqres.ErrBudget) || !reqres.NotSent(got.err) {
			t.Errorf("got %v", got.err)
		}
		stream, err := c.OpenStream(t.Context(), reqres.StreamOptions{Filter: "s", Handler: func(mqtt.Message) {}})
		if err != nil {
			t.Fatal(err)
		}
		if got := now(t, do(t.Context(), c, byTopic("a", ""))); !errors.Is(got.err, reqres.ErrBudget) {
			t.Errorf("got %v", got.err)
		}
		a := do(t.Context(), c, byToken("a", "1"))
		pending(t, a)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := c.Do(ctx, byToken("b", "1")); !errors.Is(err, context.DeadlineExceeded) || !reqres.NotSent(err) {
			t.Errorf("got %v", err)
		}
		waits := do(t.Context(), c, byToken("b", "1"))
		pending(t, waits)
		stream.Close()
		synctest.Wait()
		s.send("b/accepted", `{"clientToken":"1"}`)
		now(t, waits)
		s.send("a/accepted", `{"clientToken":"1"}`)
		now(t, a)
	})
}

// A SUBSCRIBE that nobody waits for any more makes room too.
func TestAbandonedSubscribe(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newService(t)
		s.published = echo
		s.mute = func(in packet.Packet) bool {
			sub, ok := in.(*packet.Subscribe)
			return ok && sub.Filters[0].Filter == "a/+"
		}
		c, _ := s.start(budget(1))
		ctx, cancel := context.WithCancel(t.Context())
		a := do(ctx, c, byToken("a", "1"))
		pending(t, a)
		cancel()
		now(t, a)
		b := do(t.Context(), c, byToken("b", "1"))
		pending(t, b) // it may have been granted
		time.Sleep(2 * time.Minute)
		if got := now(t, b); got.err != nil {
			t.Error(got.err)
		}
	})
}
