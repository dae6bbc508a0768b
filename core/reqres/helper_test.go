package reqres_test

import (
	"context"
	"fmt"
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

// bubble runs a test where time passes at once. A goroutine that is left behind fails it.
func bubble(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, f)
}

// service is a broker with the services behind it, scripted by functions. It notes all that clients subscribe,
// unsubscribe and publish.
type service struct {
	*mqtttest.Peer
	t *testing.T

	mu        sync.Mutex
	conn      *mqtttest.Conn
	log       []string
	keep      bool                                      // sessions outlive connections
	grant     func(filter string) packet.ReasonCode     // nil: everything at QoS 1
	mute      func(in packet.Packet) bool               // true: no answer
	published func(p *packet.Publish) []*packet.Publish // what the services send
	ack       func(p *packet.Publish) packet.ReasonCode // of PUBACK
	keeps     string                                    // a filter that is not unsubscribed
	maximum   uint32                                    // bytes of a packet; 0: any
}

func newService(t *testing.T) *service {
	s := &service{Peer: mqtttest.NewPeer(t), t: t}
	s.Patience = 1000 * time.Hour
	s.Serve(s.answer)
	return s
}

func (s *service) answer(c *mqtttest.Conn, in packet.Packet) []packet.Packet {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mute != nil && s.mute(in) {
		s.note(in)
		return nil
	}
	switch in := in.(type) {
	case *packet.Connect:
		known := s.conn != nil && s.keep
		s.conn = c
		return []packet.Packet{&packet.Connack{SessionPresent: known, MaximumPacketSize: s.maximum}}
	case *packet.Subscribe:
		s.note(in)
		ack := &packet.Suback{ID: in.ID}
		for _, f := range in.Filters {
			code := packet.ReasonCode(f.QoS)
			if s.grant != nil {
				code = s.grant(f.Filter)
			}
			ack.Codes = append(ack.Codes, code)
		}
		return []packet.Packet{ack}
	case *packet.Publish:
		s.note(in)
		ack := &packet.Puback{Ack: packet.Ack{ID: in.ID}}
		if s.ack != nil {
			ack.Code = s.ack(in)
		}
		out := []packet.Packet{ack}
		if s.published != nil {
			for _, p := range s.published(in) {
				out = append(out, p)
			}
		}
		return out
	}
	s.note(in)
	out := mqtttest.Answer(c, in)
	if un, ok := in.(*packet.Unsubscribe); ok && slices.Contains(un.Filters, s.keeps) {
		out[0].(*packet.Unsuback).Codes[0] = packet.NotAuthorized
	}
	return out
}

func (s *service) note(in packet.Packet) {
	switch in := in.(type) {
	case *packet.Subscribe:
		for _, f := range in.Filters {
			s.log = append(s.log, "+"+f.Filter)
		}
	case *packet.Unsubscribe:
		for _, f := range in.Filters {
			s.log = append(s.log, "-"+f)
		}
	case *packet.Publish:
		s.log = append(s.log, "!"+in.Topic)
	}
}

// set changes the script.
func (s *service) set(f func(s *service)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(s)
}

// took returns what came since the last call. Filters that were subscribed one after the other are in order of their
// names: each has its own SUBSCRIBE.
func (s *service) took() []string {
	synctest.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	log := s.log
	s.log = nil
	for i := 0; i < len(log); i++ {
		n := i
		for n < len(log) && log[n][0] == '+' {
			n++
		}
		slices.Sort(log[i:n])
		i = max(i, n-1)
	}
	return log
}

func (s *service) wantLog(want ...string) {
	s.t.Helper()
	if got := s.took(); !slices.Equal(got, want) {
		s.t.Errorf("the broker got %q, want %q", got, want)
	}
}

// send sends a message to the client.
func (s *service) send(topic, payload string) {
	s.mu.Lock()
	c := s.conn
	s.mu.Unlock()
	c.Send(&packet.Publish{Topic: topic, Payload: []byte(payload)})
}

// cut ends the connection, and waits until the client is back.
func (s *service) cut(c *mqtt.Client) {
	s.t.Helper()
	s.mu.Lock()
	conn := s.conn
	s.mu.Unlock()
	conn.Cut()
	synctest.Wait()
	if _, err := c.Connected(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
	synctest.Wait()
}

// start returns clients of both kinds, connected.
func (s *service) start(changes ...func(*reqres.Options)) (*reqres.Client, *mqtt.Client) {
	s.t.Helper()
	c, err := mqtt.New(mqtt.Config{Endpoint: mqtt.Endpoint{Dial: s.Dial}, ClientID: "me", SessionExpiry: time.Hour})
	if err != nil {
		s.t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		s.t.Fatal(err)
	}
	if _, err := c.Connected(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() {
		c.Close()
		<-c.Done()
	})
	return reqres.New(c, changes...), c
}

// echo answers a request on its topic + "/accepted" with its payload.
func echo(p *packet.Publish) []*packet.Publish {
	if strings.Contains(p.Topic, "/accepted") {
		return nil
	}
	return []*packet.Publish{{Topic: p.Topic + "/accepted", Payload: p.Payload}}
}

// byToken makes a request as services with a token in the payload want it.
func byToken(topic, token string) reqres.Request {
	return reqres.Request{
		Message: mqtt.Publish{Topic: topic, Payload: fmt.Appendf(nil, `{"clientToken":%q}`, token)},
		Reply:   topic + "/accepted", Refusal: topic + "/rejected", Filters: []string{topic + "/+"},
		Match: reqres.ByToken, Token: token,
	}
}

// byTopic makes a request that only its topic tells apart.
func byTopic(topic, payload string) reqres.Request {
	return reqres.Request{
		Message: mqtt.Publish{Topic: topic, Payload: []byte(payload)},
		Reply:   topic + "/accepted", Refusal: topic + "/rejected",
	}
}

// outcome is what Do returned.
type outcome struct {
	reqres.Response
	err error
}

// do makes a request on a goroutine of its own.
func do(ctx context.Context, c *reqres.Client, r reqres.Request) <-chan outcome {
	over := make(chan outcome, 1)
	go func() {
		resp, err := c.Do(ctx, r)
		over <- outcome{resp, err}
	}()
	return over
}

// pending wants a call not to be over when everything has come to rest.
func pending[T any](t *testing.T, over <-chan T) {
	t.Helper()
	synctest.Wait()
	if len(over) > 0 {
		t.Fatalf("it is over: %+v", <-over)
	}
}

// now wants a call to be over without any time passing.
func now[T any](t *testing.T, over <-chan T) (v T) {
	t.Helper()
	synctest.Wait()
	select {
	case v = <-over:
	default:
		t.Fatal("it is not over")
	}
	return v
}
