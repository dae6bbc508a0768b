package reqres_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
	"github.com/gneiss-mqtt/gneiss-go/core/reqres"
)

func TestAnswer(t *testing.T) {
	for name, r := range map[string]reqres.Request{
		"token":       byToken("get", "tok"),
		"topic":       byTopic("get", "hello"),
		"correlation": {Message: mqtt.Publish{Topic: "get", Payload: []byte("hello")}, Reply: "get/accepted", Match: reqres.ByCorrelation},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				s := newService(t)
				s.published = func(p *packet.Publish) []*packet.Publish {
					if p.QoS != 1 {
						t.Errorf("sent at %v", p.QoS)
					}
					return []*packet.Publish{{Topic: "get/accepted", Payload: p.Payload, CorrelationData: p.CorrelationData}}
				}
				c, _ := s.start()
				for range 2 { // the second finds the subscription there
					got := now(t, do(t.Context(), c, r))
					if got.err != nil || got.Refused || string(got.Payload) != string(r.Message.Payload) {
						t.Errorf("got %v, %v", got.Response, got.err)
					}
				}
				if got := s.took(); len(got) < 3 || got[len(got)-1] != "!get" || got[len(got)-2] != "!get" {
					t.Errorf("the broker got %q", got)
				}
			})
		})
	}
}

func TestRefusal(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newService(t)
		s.published = func(p *packet.Publish) []*packet.Publish {
			return []*packet.Publish{{Topic: p.Topic + "/rejected", Payload: p.Payload}}
		}
		c, _ := s.start()
		if got := now(t, do(t.Context(), c, byToken("get", "tok"))); got.err != nil || !got.Refused {
			t.Errorf("got %+v", got)
		}
	})
}

// Whatever fails in an acknowledgement ends the request at once.
func TestFailingAcknowledgements(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newService(t)
		s.grant = func(f string) packet.ReasonCode {
			if f == "a/rejected" {
				return packet.NotAuthorized
			}
			return packet.GrantedQoS1
		}
		s.ack = func(p *packet.Publish) packet.ReasonCode { return packet.QuotaExceeded }
		c, _ := s.start()
		got := now(t, do(t.Context(), c, byTopic("a", "")))
		e, _ := errors.AsType[*reqres.Error](got.err)
		refusal, _ := errors.AsType[*mqtt.ReasonError](got.err)
		if e == nil || e.Stage != reqres.StageSubscribe || refusal == nil || refusal.Code != packet.NotAuthorized || !reqres.NotSent(got.err) {
			t.Errorf("got %v", got.err)
		}
		got = now(t, do(t.Context(), c, byTopic("b", "")))
		e, _ = errors.AsType[*reqres.Error](got.err)
		refusal, _ = errors.AsType[*mqtt.ReasonError](got.err)
		if e == nil || e.Stage != reqres.StagePublish || refusal == nil || refusal.Code != packet.QuotaExceeded {
			t.Errorf("got %v", got.err)
		}
		s.set(func(s *service) { s.ack, s.grant, s.published = nil, nil, echo })
		if got := now(t, do(t.Context(), c, byTopic("a", ""))); got.err != nil { // a refused filter is asked for again
			t.Error(got.err)
		}
	})
}

// An answer counts that comes before the acknowledgement of the request, or without one.
func TestAnswerBeforeAcknowledgement(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newService(t)
		s.mute = func(in packet.Packet) bool { return in.Type() == packet.PUBLISH }
		c, _ := s.start()
		over := do(t.Context(), c, byToken("get", "tok"))
		pending(t, over)
		s.send("get/accepted", `{"clientToken":"tok","x":1}`)
		if got := now(t, over); got.err != nil || string(got.Payload) != `{"clientToken":"tok","x":1}` {
			t.Errorf("got %+v", got)
		}
	})
}

// Filters that are subscribed already, in part or twice in one request, hold nothing up.
func TestPartlySubscribedFilters(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newService(t)
		s.published = echo
		c, _ := s.start()
		r := byTopic("a", "1")
		r.Refusal = ""
		if got := now(t, do(t.Context(), c, r)); got.err != nil {
			t.Fatal(got.err)
		}
		r = byTopic("a", "2") // needs a/rejected besides
		r.Filters = []string{"a/accepted", "a/rejected", "a/accepted"}
		if got := now(t, do(t.Context(), c, r)); got.err != nil {
			t.Fatal(got.err)
		}
		s.wantLog("+a/accepted", "!a", "+a/rejected", "!a")
	})
}

// Requests with tokens run side by side; those told apart by nothing but their topic wait for each other.
func TestOrder(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newService(t)
		c, _ := s.start()
		one, two := do(t.Context(), c, byToken("get", "1")), do(t.Context(), c, byToken("get", "2"))
		pending(t, one)
		pending(t, two)
		s.send("get/accepted", `{"clientToken":"2"}`)
		if got := now(t, two); string(got.Payload) != `{"clientToken":"2"}` {
			t.Errorf("got %+v", got)
		}
		s.send("get/accepted", `{"clientToken":"1"}`)
		now(t, one)
		s.took()

		first := do(t.Context(), c, byTopic("make", "1"))
		synctest.Wait()
		second := do(t.Context(), c, byTopic("make", "2"))
		pending(t, second)
		s.wantLog("+make/accepted", "+make/rejected", "!make")
		s.send("make/accepted", "1")
		if got := now(t, first); string(got.Payload) != "1" {
			t.Errorf("got %+v", got)
		}
		s.wantLog("!make")
		s.send("make/accepted", "2")
		if got := now(t, second); string(got.Payload) != "2" {
			t.Errorf("got %+v", got)
		}
	})
}

// The late answer to a request that was given up on is not taken for that of the next one.
func TestLateAnswer(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newService(t)
		c, _ := s.start()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := c.Do(ctx, byTopic("make", "1"))
		if !errors.Is(err, context.DeadlineExceeded) || reqres.NotSent(err) {
			t.Errorf("got %v", err)
		}
		next := do(t.Context(), c, byTopic("make", "2"))
		pending(t, next)
		s.send("make/accepted", "1")
		pending(t, next)
		s.send("make/accepted", "2")
		if got := now(t, next); string(got.Payload) != "2" {
			t.Errorf("got %+v", got)
		}
		// An answer that never comes holds the next one up for no longer than Linger.
		ctx, cancel = context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := c.Do(ctx, byTopic("make", "3")); err == nil {
			t.Error("no error")
		}
		next = do(t.Context(), c, byTopic("make", "4"))
		pending(t, next)
		time.Sleep(31 * time.Second)
		synctest.Wait()
		s.send("make/accepted", "4")
		now(t, next)
		if n := c.Stats().Answers; n != 2 {
			t.Errorf("%d answers", n)
		}
	})
}

// An answer that the broker delivers again is not taken for that of the next request; the same answer once more is.
func TestRepeatedAnswer(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newService(t)
		c, _ := s.start()
		deliver := func(again bool) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.conn.Send(&packet.Publish{Topic: "make/accepted", Payload: []byte("done"), QoS: 1, ID: 7, Dup: again})
		}
		first := do(t.Context(), c, byTopic("make", "1"))
		pending(t, first)
		deliver(true) // a first time that is marked is no second time
		now(t, first)
		second := do(t.Context(), c, byTopic("make", "2"))
		pending(t, second)
		deliver(true)
		pending(t, second)
		deliver(false)
		now(t, second)
	})
}

// A context that ends takes back a request that was not sent.
func TestContextEnds(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newService(t)
		s.mute = func(in packet.Packet) bool { return in.Type() == packet.SUBSCRIBE }
		c, _ := s.start()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := c.Do(ctx, byTopic("a", ""))
		if e, _ := errors.AsType[*reqres.Error](err); e == nil || e.Stage != reqres.StageSubscribe || !reqres.NotSent(err) {
			t.Errorf("got %v", err)
		}
		s.wantLog("+a/accepted", "+a/rejected")
	})
}

// Messages that are no answer harm nothing, and broken ones are reported.
func TestStrangeMessages(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newService(t)
		var reported []error
		c, _ := s.start(func(o *reqres.Options) { o.Report = func(err error) { reported = append(reported, err) } })
		over := do(t.Context(), c, byToken("get", "tok"))
		pending(t, over)
		for _, payload := range []string{"", "{", "[]", "null", "7", `{"clientToken":7}`, `{}`, `{"clientToken":"other"}`, `{"ClientToken":"tok"}`} {
			s.send("get/accepted", payload)
		}
		pending(t, over)
		if len(reported) != 5 || !errors.Is(reported[0], reqres.ErrNoJSON) {
			t.Errorf("reported %v", reported)
		}
		if n := c.Stats(); n.Malformed != 5 || n.Unmatched != 4 {
			t.Errorf("%+v", n)
		}
		s.send("get/accepted", `{"clientToken":"tok"}`)
		now(t, over)
		s.send("get/accepted", `{"clientToken":"tok"}`) // again, and nobody waits
		synctest.Wait()
		if n := c.Stats(); n.Unmatched != 5 || n.Answers != 1 {
			t.Errorf("%+v", n)
		}
	})
}

// A service that cannot read the request cannot repeat its token.
func TestRefusalWithoutToken(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newService(t)
		c, _ := s.start()
		one := do(t.Context(), c, byToken("get", "1"))
		pending(t, one)
		s.send("get/accepted", `{"code":413}`)
		pending(t, one)
		s.send("get/rejected", `{"code":413}`)
		if got := now(t, one); !got.Refused {
			t.Errorf("got %+v", got)
		}
		one, two := do(t.Context(), c, byToken("get", "1")), do(t.Context(), c, byToken("get", "2"))
		pending(t, one)
		s.send("get/rejected", `{"code":413}`) // it could be for either
		pending(t, one)
		pending(t, two)
		s.send("get/rejected", `{"clientToken":"1"}`)
		s.send("get/rejected", `{"clientToken":"2"}`)
		now(t, one)
		now(t, two)
	})
}

func TestNobodyThere(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newService(t)
		s.ack = func(*packet.Publish) packet.ReasonCode { return packet.NoMatchingSubscribers }
		s.published = echo
		c, _ := s.start()
		r := reqres.Request{Message: mqtt.Publish{Topic: "nobody"}, Reply: "reply", Match: reqres.ByCorrelation}
		if got := now(t, do(t.Context(), c, r)); !errors.Is(got.err, reqres.ErrNobody) {
			t.Errorf("got %v", got.err)
		}
		if got := now(t, do(t.Context(), c, byTopic("service", ""))); got.err != nil { // a service need not subscribe
			t.Error(got.err)
		}
	})
}

func TestWrongRequests(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newService(t)
		c, _ := s.start()
		for i, change := range []func(*reqres.Request){
			func(r *reqres.Request) { r.Message.Topic = "a/+" },
			func(r *reqres.Request) { r.Reply = "" },
			func(r *reqres.Request) { r.Refusal = "#" },
			func(r *reqres.Request) { r.Filters = []string{"a#"} },
			func(r *reqres.Request) { r.Filters = []string{"a/accepted"} },
			func(r *reqres.Request) { r.Token = "" },
		} {
			r := byToken("a", "tok")
			change(&r)
			if got := now(t, do(t.Context(), c, r)); got.err == nil || !reqres.NotSent(got.err) {
				t.Errorf("%d: got %v", i, got.err)
			}
		}
		s.wantLog()
	})
}

// Closing either client ends what waits, at every stage.
func TestClose(t *testing.T) {
	for _, which := range []string{"requests", "mqtt"} {
		t.Run(which, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				s := newService(t)
				s.mute = func(in packet.Packet) bool {
					p, publish := in.(*packet.Publish)
					sub, subscribe := in.(*packet.Subscribe)
					return publish && p.Topic == "b" || subscribe && sub.Filters[0].Filter == "c/accepted"
				}
				c, m := s.start(func(o *reqres.Options) { o.Budget = 6 })
				var waiting []<-chan outcome
				for _, topic := range []string{"a", "a", "b", "c", "d"} {
					waiting = append(waiting, do(t.Context(), c, byTopic(topic, "")))
					synctest.Wait()
				}
				if which == "mqtt" {
					m.Close()
				} else if err := c.Close(t.Context()); err != nil {
					t.Error(err)
				}
				for i, over := range waiting {
					got := now(t, over)
					if !errors.Is(got.err, reqres.ErrClosed) && !errors.Is(got.err, mqtt.ErrClosed) {
						t.Errorf("%d: got %v", i, got.err)
					}
				}
				if got := now(t, do(t.Context(), c, byTopic("a", ""))); got.err == nil {
					t.Error("a closed client takes requests")
				}
				if n := c.Stats().Filters; n != 0 {
					t.Errorf("%d filters are left", n)
				}
			})
		})
	}
}

// A filter that the broker does not let go keeps none of the others.
func TestCloseGoesOn(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newService(t)
		s.published, s.keeps = echo, "b/+"
		c, _ := s.start()
		for _, topic := range []string{"a", "b", "c"} {
			now(t, do(t.Context(), c, byToken(topic, "1")))
		}
		s.took()
		err := c.Close(t.Context())
		if _, ok := errors.AsType[*mqtt.ReasonError](err); !ok {
			t.Errorf("got %v", err)
		}
		log := s.took()
		slices.Sort(log)
		if want := []string{"-a/+", "-b/+", "-c/+"}; !slices.Equal(log, want) {
			t.Errorf("the broker got %q, want %q", log, want)
		}
	})
}

func ExampleNotSent() {
	err := fmt.Errorf("configure: %w", &reqres.Error{Topic: "lamp/set", Stage: reqres.StageAnswer, Sent: true,
		Err: context.DeadlineExceeded})
	fmt.Println(err)
	fmt.Println(reqres.NotSent(err))
	// Output:
	// configure: reqres: request "lamp/set": answer: context deadline exceeded (may have been executed)
	// false
}
