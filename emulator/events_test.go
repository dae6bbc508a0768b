package emulator_test

import (
	"context"
	"fmt"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/packet"
	"github.com/gneiss-mqtt/gneiss-go/emulator"
	"github.com/gneiss-mqtt/gneiss-go/emulator/broker"
)

// recorder keeps events.
type recorder struct {
	mu   sync.Mutex
	list []broker.Event
}

func (r *recorder) note(e broker.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.list = append(r.list, e)
}

func (r *recorder) kinds() []broker.EventKind {
	r.mu.Lock()
	defer r.mu.Unlock()
	var kinds []broker.EventKind
	for _, e := range r.list {
		kinds = append(kinds, e.Kind)
	}
	return kinds
}

func TestEventsComeInOrder(t *testing.T) {
	t.Parallel()
	var r recorder
	s := start(t, emulator.Options{Profile: emulator.Generic, OnEvent: r.note})
	c, _ := connect(t, s, packet.Connect{ClientID: "a", CleanStart: true})
	c.subscribe(1, "t")
	c.send(&packet.Publish{Topic: "t", Payload: []byte("x")})
	c.message("x")
	c.send(&packet.Disconnect{})
	c.gone()
	if err := s.Close(); err != nil { // hands on what is left
		t.Fatal(err)
	}
	want := []broker.EventKind{broker.EventConnected, broker.EventSubscribed, broker.EventPublished, broker.EventDisconnected, broker.EventSessionEnded}
	if got := r.kinds(); !slices.Equal(got, want) {
		t.Errorf("events %v, want %v", got, want)
	}
	if e := r.list[3]; e.Cause != broker.CauseClient || e.Client.ID != "a" || e.Cause.String() != "client" {
		t.Errorf("the end: %+v", e)
	}
}

// TestSlowEventsStopNobody has an OnEvent that waits for the test, and calls the server, which it may.
func TestSlowEventsStopNobody(t *testing.T) {
	t.Parallel()
	gate := make(chan struct{})
	var r recorder
	var s *emulator.Server
	ready := make(chan struct{})
	s = start(t, emulator.Options{Profile: emulator.Generic, Events: broker.EventPublished, OnEvent: func(e broker.Event) {
		<-ready
		<-gate
		r.note(e)
		if e.Client.ID != "" {
			_ = s.Publish(packet.Publish{Topic: "echo", Payload: e.Message.Payload})
		}
	}})
	close(ready)
	c, _ := connect(t, s, packet.Connect{ClientID: "a", CleanStart: true})
	c.subscribe(0, "echo")
	for i := range 100 {
		c.publish(packet.Publish{Topic: "t", QoS: 1, Payload: []byte(fmt.Sprint(i))})
	}
	close(gate)
	for i := range 100 {
		c.message(fmt.Sprint(i))
	}
}

// TestEventsAreBounded publishes more than waits for an OnEvent that does not return.
func TestEventsAreBounded(t *testing.T) {
	t.Parallel()
	gate := make(chan struct{})
	var got atomic.Int64
	s := start(t, emulator.Options{Profile: emulator.Generic, Events: broker.EventPublished, OnEvent: func(broker.Event) {
		<-gate
		got.Add(1)
	}})
	const sent = 140_000 // more than the queue and what OnEvent is being given hold
	for range sent {
		if err := s.Publish(packet.Publish{Topic: "t"}); err != nil {
			t.Fatal(err)
		}
	}
	close(gate)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	lost := s.Stats().EventsDropped
	if lost == 0 || lost > sent-65_536 || got.Load()+int64(lost) != sent {
		t.Errorf("%d events were dropped and %d seen, of %d", lost, got.Load(), sent)
	}
}

// TestPendingDecisions has hooks that answer later, from another goroutine.
func TestPendingDecisions(t *testing.T) {
	t.Parallel()
	asked := make(chan broker.ConnID, 10)
	s := start(t, emulator.Options{Profile: emulator.Generic, Hooks: broker.Hooks{
		Connect: func(_ broker.Instant, c *broker.Client, _ *packet.Connect) broker.ConnectDecision {
			asked <- c.Conn
			return broker.ConnectDecision{Pending: true}
		},
		Auth: func(_ broker.Instant, c *broker.Client, step broker.AuthStep) broker.AuthDecision {
			if string(step.Data) == "now" {
				return broker.AuthDecision{}
			}
			asked <- c.Conn
			return broker.AuthDecision{Pending: true}
		},
	}})
	a := dial(t, s, packet.V5)
	a.send(&packet.Connect{ClientID: "a", CleanStart: true, AuthMethod: "m", AuthData: []byte("now")}, &packet.Pingreq{})
	b := dial(t, s, packet.V5)
	b.send(&packet.Connect{ClientID: "b", CleanStart: true, AuthMethod: "m", AuthData: []byte("later")})
	// One of the two wants a decision about its CONNECT, the other about its authentication, and then about its CONNECT.
	// What nobody waits for is ignored.
	for range 3 {
		id := <-asked
		if err := s.ResolveConnect(id, broker.ConnectDecision{}); err != nil {
			t.Fatal(err)
		}
		if err := s.ResolveAuth(id, broker.AuthDecision{Data: []byte("fine")}); err != nil {
			t.Fatal(err)
		}
	}
	if ack := expect[*packet.Connack](a); ack.Code != packet.Success || ack.AuthMethod != "m" {
		t.Errorf("a got %+v", ack)
	}
	expect[*packet.Pingresp](a)
	if ack := expect[*packet.Connack](b); ack.Code != packet.Success || string(ack.AuthData) != "fine" {
		t.Errorf("b got %+v", ack)
	}
	// In place, while the connection lives.
	b.send(&packet.Auth{Code: packet.ReAuthenticate, Method: "m", Data: []byte("later")}, &packet.Pingreq{})
	if err := s.ResolveAuth(<-asked, broker.AuthDecision{}); err != nil {
		t.Fatal(err)
	}
	if p := expect[*packet.Auth](b); p.Code != packet.Success {
		t.Errorf("b got %+v", p)
	}
	expect[*packet.Pingresp](b)
}

// TestServeConn puts a transport of the test's own in front.
func TestServeConn(t *testing.T) {
	t.Parallel()
	info := make(chan broker.ConnInfo, 1)
	s := start(t, emulator.Options{Profile: emulator.Generic, Hooks: broker.Hooks{
		Connect: func(_ broker.Instant, c *broker.Client, _ *packet.Connect) broker.ConnectDecision {
			info <- c.Info
			return broker.ConnectDecision{}
		},
	}})
	near, far := net.Pipe()
	ended := make(chan error, 1)
	go func() { ended <- s.ServeConn(far, broker.ConnInfo{Listener: "pipe", Protocol: "mqtt"}) }()
	c := newClient(t, near, packet.V5)
	c.connect(packet.Connect{ClientID: "a", CleanStart: true})
	if got := <-info; got.Listener != "pipe" || got.Protocol != "mqtt" {
		t.Errorf("the hook saw %+v", got)
	}
	_ = near.Close()
	select {
	case <-ended:
	case <-time.After(patience):
		t.Fatal("ServeConn does not return")
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	near, far = net.Pipe()
	if err := s.ServeConn(far, broker.ConnInfo{}); err == nil {
		t.Error("a closed server serves a connection")
	}
	if _, err := near.Read(make([]byte, 1)); err == nil {
		t.Error("the connection stays open")
	}
	if _, err := s.Dial(context.Background()); err == nil {
		t.Error("a closed server is dialled")
	}
}
