package reqres_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/mqtttest"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
	"github.com/gneiss-mqtt/gneiss-go/core/reqres"
)

// chaos is a broker that delivers only what is subscribed, and a service that answers late, in another order, with
// nonsense after it, or not at all.
type chaos struct {
	*mqtttest.Peer
	t      *testing.T
	budget int

	mu      sync.Mutex
	dice    *rand.Rand
	calm    bool // all is well from now on
	conn    *mqtttest.Conn
	filters map[string]bool
	kept    bool
	down    bool // the connection is cut
	session int
}

// cut ends the connection. s.mu is held.
func (s *chaos) cut() {
	if s.conn != nil && !s.down {
		s.down = true
		s.conn.Cut()
	}
}

func (s *chaos) often(percent int) bool { return !s.calm && s.dice.IntN(100) < percent }

func (s *chaos) answer(c *mqtttest.Conn, in packet.Packet) []packet.Packet {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := in.(*packet.Connect); ok {
		s.kept = s.conn != nil && s.often(50)
		if !s.kept {
			clear(s.filters)
			s.session++
		}
		s.conn, s.down = c, false
		return []packet.Packet{&packet.Connack{SessionPresent: s.kept}}
	}
	if s.down {
		return nil
	}
	switch in := in.(type) {
	case *packet.Subscribe:
		if s.often(3) {
			s.cut()
			return nil
		}
		ack := &packet.Suback{ID: in.ID}
		for _, f := range in.Filters {
			code := packet.ReasonCode(packet.QoS1)
			delete(s.filters, f.Filter) // an earlier one, whose acknowledgement was lost
			switch {
			case s.often(5):
				code = packet.QuotaExceeded
			case s.often(1):
				code = packet.NotAuthorized
			default:
				s.filters[f.Filter] = true
			}
			ack.Codes = append(ack.Codes, code)
		}
		if len(s.filters) > s.budget {
			s.t.Errorf("%d filters are subscribed: %v", len(s.filters), s.filters)
		}
		return []packet.Packet{ack}
	case *packet.Unsubscribe:
		for _, f := range in.Filters {
			delete(s.filters, f)
		}
	case *packet.Publish:
		if s.often(3) {
			s.cut()
			return nil
		}
		if s.often(2) {
			return []packet.Packet{&packet.Puback{Ack: packet.Ack{ID: in.ID, Code: packet.QuotaExceeded}}}
		}
		topic, payload := in.Topic, slices.Clone(in.Payload)
		if !s.often(4) {
			after := time.Duration(s.dice.IntN(2000)) * time.Millisecond
			nonsense := s.often(10) && strings.HasPrefix(topic, "token/") // in order, whatever comes is the answer
			session := s.session                                          // what is late does not reach the next one
			time.AfterFunc(after, func() {
				s.send(session, topic+"/accepted", payload)
				if nonsense {
					s.send(session, topic+"/accepted", []byte("{{{"))
				}
			})
		}
	}
	return mqtttest.Answer(c, in)
}

// send delivers a message where it is subscribed.
func (s *chaos) send(session int, topic string, payload []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for f := range s.filters {
		if !s.down && session == s.session && packet.Match(f, topic) {
			s.conn.Send(&packet.Publish{Topic: topic, Payload: payload})
			return
		}
	}
}

// Whatever happens, each request ends in time, with its own answer where it has one; no more is subscribed than the budget
// allows; and streams come back by themselves.
func TestChaos(t *testing.T) {
	for seed := range uint64(100) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			bubble(t, func(t *testing.T) { liveThroughChaos(t, rand.New(rand.NewPCG(seed, 7))) })
		})
	}
}

func liveThroughChaos(t *testing.T, dice *rand.Rand) {
	s := &chaos{Peer: mqtttest.NewPeer(t), t: t, budget: 4 + dice.IntN(6), dice: rand.New(rand.NewPCG(dice.Uint64(), 1)), filters: make(map[string]bool)}
	s.Patience = 1000 * time.Hour
	s.Serve(s.answer)
	m, err := mqtt.New(mqtt.Config{Endpoint: mqtt.Endpoint{Dial: s.Dial}, ClientID: "me", SessionExpiry: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		m.Close()
		<-m.Done()
	}()
	c := reqres.New(m, budget(s.budget))
	heard := make([]int, 2)
	streams := make([]*reqres.Stream, len(heard))
	for i := range streams {
		if streams[i], err = c.OpenStream(t.Context(), reqres.StreamOptions{Filter: fmt.Sprintf("events/%d", i), NoWait: true,
			Handler: func(mqtt.Message) { heard[i]++ }}); err != nil {
			t.Fatal(err)
		}
	}
	var all sync.WaitGroup
	for i := range 150 {
		topic, limit, patience := fmt.Sprint("t", dice.IntN(6)), time.Duration(dice.IntN(20_000))*time.Millisecond, dice.IntN(2) == 0
		kind, repeat := dice.IntN(2), dice.IntN(2) == 0
		all.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
			if !patience {
				ctx, cancel = context.WithTimeout(t.Context(), limit)
			}
			defer cancel()
			id := fmt.Sprint("id", i)
			r := byToken("token/"+topic, id)
			if kind == 1 {
				r = byTopic("order/"+topic, fmt.Sprintf(`{"clientToken":%q}`, id))
			}
			r.Repeat = repeat
			began := time.Now()
			answer, err := c.Do(ctx, r)
			if deadline, _ := ctx.Deadline(); time.Now().After(deadline.Add(time.Second)) {
				t.Errorf("%s took %v", id, time.Since(began))
			}
			var body struct{ ClientToken string }
			if err == nil && (json.Unmarshal(answer.Payload, &body) != nil || body.ClientToken != id) {
				t.Errorf("%s got the answer %s", id, answer.Payload)
			}
			if _, ok := errors.AsType[*reqres.Error](err); err != nil && !ok {
				t.Errorf("%s: %v", id, err)
			}
		})
		if dice.IntN(3) == 0 {
			time.Sleep(time.Duration(dice.IntN(3000)) * time.Millisecond)
		}
		if dice.IntN(15) == 0 {
			s.mu.Lock()
			s.cut()
			s.mu.Unlock()
		}
	}
	all.Wait()
	s.mu.Lock()
	s.calm = true
	s.mu.Unlock()
	time.Sleep(10 * time.Minute)
	for i, st := range streams {
		if status, err := st.Status(); status == reqres.Halted { // refused for good, as it may be
			if refusal, ok := errors.AsType[*mqtt.ReasonError](err); !ok || !slices.Contains(append(refusal.Codes, refusal.Code), packet.NotAuthorized) && refusal.Code != packet.QuotaExceeded {
				t.Errorf("stream %d is halted: %v", i, err)
			}
			continue
		}
		heard[i] = 0
		s.send(s.session, fmt.Sprintf("events/%d", i), []byte("x"))
		synctest.Wait()
		if heard[i] != 1 {
			t.Errorf("stream %d hears nothing", i)
		}
	}
	got, err := c.Do(t.Context(), byTopic("order/last", "{}"))
	if err != nil || string(got.Payload) != "{}" {
		t.Errorf("in the end: %s, %v", got.Payload, err)
	}
	if err := c.Close(t.Context()); err != nil {
		t.Error(err)
	}
	synctest.Wait()
	if len(s.filters) > 0 {
		t.Errorf("%v stays subscribed", s.filters)
	}
}
