package reqres_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
	"github.com/gneiss-mqtt/gneiss-go/core/reqres"
)

// A request whose answer may have gone to a lost session fails at once; one in a session that is resumed waits on.
func TestSessionLost(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newService(t)
		s.keep = true
		c, m := s.start()
		over := do(t.Context(), c, byTopic("a", ""))
		pending(t, over)
		s.cut(m)
		pending(t, over)
		s.set(func(s *service) { s.keep = false })
		s.cut(m)
		got := now(t, over)
		if !errors.Is(got.err, mqtt.ErrSessionLost) || reqres.NotSent(got.err) {
			t.Errorf("got %v", got.err)
		}
		s.set(func(s *service) { s.published = echo })
		if got := now(t, do(t.Context(), c, byTopic("a", ""))); got.err != nil { // the lane is free, the filters are there
			t.Error(got.err)
		}
		s.wantLog("+a/accepted", "+a/rejected", "!a", "+a/accepted", "+a/rejected", "!a")
	})
}

// A request that was not acknowledged is sent again in the new session, after its filters.
func TestSessionLostBeforeAcknowledgement(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newService(t)
		s.mute = func(in packet.Packet) bool { return in.Type() == packet.PUBLISH }
		s.published = echo
		c, m := s.start()
		over := do(t.Context(), c, byTopic("a", ""))
		pending(t, over)
		s.set(func(s *service) { s.mute = nil })
		s.cut(m)
		if got := now(t, over); got.err != nil {
			t.Error(got.err)
		}
		s.wantLog("+a/accepted", "+a/rejected", "!a", "+a/accepted", "+a/rejected", "!a")
	})
}

// A request that may be made twice is.
func TestRepeat(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newService(t)
		c, m := s.start()
		r := byTopic("a", "")
		r.Repeat = true
		over := do(t.Context(), c, r)
		pending(t, over)
		s.set(func(s *service) { s.published = echo })
		s.cut(m)
		if got := now(t, over); got.err != nil {
			t.Error(got.err)
		}
	})
}

// Nothing is sent before the broker has granted a lost filter again, and a refusal then ends the request.
func TestWaitsForRestoredFilter(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newService(t)
		s.published = echo
		c, m := s.start()
		now(t, do(t.Context(), c, byToken("a", "1")))
		s.set(func(s *service) { s.mute = func(in packet.Packet) bool { return in.Type() == packet.SUBSCRIBE } })
		s.cut(m)
		s.took()
		over := do(t.Context(), c, byToken("a", "2"))
		pending(t, over)
		s.wantLog()
		s.set(func(s *service) {
			s.mute, s.grant = nil, func(string) packet.ReasonCode { return packet.NotAuthorized }
		})
		s.cut(m)
		got := now(t, over)
		if refusal, _ := errors.AsType[*mqtt.ReasonError](got.err); refusal == nil || refusal.Code != packet.NotAuthorized {
			t.Errorf("got %v", got.err)
		}
	})
}

// Requests of a client that is not connected yet wait for the connection, as long as their contexts.
func TestOffline(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newService(t)
		s.published = echo
		m, err := mqtt.New(mqtt.Config{Endpoint: mqtt.Endpoint{Dial: s.Dial}, ClientID: "me"})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { m.Close(); <-m.Done() }()
		c := reqres.New(m)
		over := do(t.Context(), c, byTopic("a", ""))
		pending(t, over)
		time.Sleep(time.Hour)
		pending(t, over)
		_ = m.Start()
		if got := now(t, over); got.err != nil {
			t.Error(got.err)
		}
	})
}

// Many requests while the connection is cut again and again, with and without its session: each ends.
func TestCuts(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newService(t)
		s.published = echo
		c, m := s.start(func(o *reqres.Options) { o.Budget = 5 })
		var waiting []<-chan outcome
		for i := range 200 {
			r := byToken(string(rune('a'+i%7)), reqres.NewToken())
			if i%3 == 0 {
				r = byTopic(string(rune('a'+i%7)), "")
			}
			r.Repeat = i%2 == 0
			waiting = append(waiting, do(t.Context(), c, r))
			if i%10 == 0 {
				s.set(func(s *service) {
					s.keep = i%20 == 0
					n := 0
					s.mute = func(in packet.Packet) bool { // one packet in five is lost with the connection
						n++
						return n%5 == 0 && in.Type() != packet.CONNECT
					}
				})
				s.cut(m)
			}
		}
		s.set(func(s *service) { s.mute, s.keep = nil, false })
		s.cut(m)
		s.cut(m) // ends what was acknowledged and never answered
		time.Sleep(time.Minute)
		synctest.Wait()
		failed := 0
		for i, over := range waiting {
			if len(over) == 0 {
				t.Errorf("request %d hangs", i)
				continue
			}
			if got := <-over; got.err != nil {
				failed++
				if !errors.Is(got.err, mqtt.ErrSessionLost) {
					t.Error(got.err)
				}
			}
		}
		if failed > 150 {
			t.Errorf("%d of 200 requests failed", failed)
		}
	})
}
