package mqtt_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/mqtttest"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// bubble runs a test where time passes at once. A goroutine that is left behind fails it.
func bubble(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, f)
}

// both runs a test for both versions of the protocol, each in a bubble.
func both(t *testing.T, f func(t *testing.T, v packet.Version)) {
	t.Helper()
	t.Parallel()
	for _, v := range []packet.Version{packet.V5, packet.V311} {
		t.Run(v.String(), func(t *testing.T) {
			bubble(t, func(t *testing.T) { f(t, v) })
		})
	}
}

// newPeer returns a peer for a bubble: it waits for longer than any test lets pass.
func newPeer(t *testing.T) *mqtttest.Peer {
	p := mqtttest.NewPeer(t)
	p.Patience = 1000 * time.Hour
	return p
}

// configure returns the configuration that tests start from.
func configure(p *mqtttest.Peer, changes ...func(*mqtt.Config)) mqtt.Config {
	cfg := mqtt.Config{
		Endpoint:      mqtt.Endpoint{Dial: p.Dial, Name: "peer"},
		ClientID:      "client",
		SessionExpiry: time.Hour,
	}
	for _, change := range changes {
		change(&cfg)
	}
	return cfg
}

// idle returns a client that is not started. It is closed at the end of the test, which waits for all its goroutines.
func idle(t *testing.T, p *mqtttest.Peer, changes ...func(*mqtt.Config)) *mqtt.Client {
	t.Helper()
	c, err := mqtt.New(configure(p, changes...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.Close()
		gone(t, c)
	})
	return c
}

// start returns a client that connects.
func start(t *testing.T, p *mqtttest.Peer, changes ...func(*mqtt.Config)) *mqtt.Client {
	t.Helper()
	c := idle(t, p, changes...)
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	return c
}

// connect returns a client that is connected, and the broker's end.
func connect(t *testing.T, p *mqtttest.Peer, changes ...func(*mqtt.Config)) (*mqtt.Client, *mqtttest.Conn) {
	t.Helper()
	c := start(t, p, changes...)
	conn, _ := p.Connect(&packet.Connack{})
	connected(t, c)
	return c, conn
}

func connected(t *testing.T, c *mqtt.Client) *mqtt.Session {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Hour)
	defer cancel()
	s, err := c.Connected(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// gone wants all goroutines of a closed client to end.
func gone(t *testing.T, c *mqtt.Client) {
	t.Helper()
	select {
	case <-c.Done():
	case <-time.After(20 * time.Second):
		t.Error("the client's goroutines have not ended 20 s after Close")
	}
}

// v sets the version.
func v(version packet.Version) func(*mqtt.Config) {
	return func(c *mqtt.Config) { c.Version = version }
}

// result is what a call returned.
type result struct {
	mqtt.PublishResult
	err error
}

// publish calls Publish on a goroutine of its own.
func publish(ctx context.Context, c *mqtt.Client, p mqtt.Publish) <-chan result {
	over := make(chan result, 1)
	go func() {
		r, err := c.Publish(ctx, p)
		over <- result{r, err}
	}()
	return over
}

// async calls f on a goroutine of its own.
func async(f func() error) <-chan error {
	over := make(chan error, 1)
	go func() { over <- f() }()
	return over
}

// subscribe subscribes, with the broker's end granting everything.
func subscribe(t *testing.T, c *mqtt.Client, conn *mqtttest.Conn, o mqtt.SubscribeOptions, filters ...mqtt.Filter) *mqtt.Subscription {
	t.Helper()
	var s *mqtt.Subscription
	over := async(func() (err error) {
		s, err = c.SubscribeWith(t.Context(), o, filters...)
		return err
	})
	conn.Send(mqtttest.Answer(conn, mqtttest.Expect[packet.Subscribe](conn))...)
	if err := <-over; err != nil {
		t.Fatal(err)
	}
	return s
}

// message returns a PUBLISH of the broker.
func message(topic, payload string, qos packet.QoS, id uint16, ids ...uint32) *packet.Publish {
	return &packet.Publish{Topic: topic, Payload: []byte(payload), QoS: qos, ID: id, SubscriptionIDs: ids}
}

// wantErr wants one of the errors in the chain.
func wantErr(t *testing.T, err, target error) {
	t.Helper()
	if !errors.Is(err, target) {
		t.Errorf("got %v, want %v", err, target)
	}
}

// recv waits for a value that has to come.
func recv[T any](t *testing.T, ch <-chan T) (v T) {
	t.Helper()
	select {
	case v = <-ch:
	case <-time.After(time.Hour):
		t.Fatal("nothing came")
	}
	return v
}
