package emulator_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/emulator"
	"github.com/gneiss-mqtt/gneiss-go/emulator/iotcore"
	"github.com/gneiss-mqtt/gneiss-go/emulator/memnet"
)

// TestClientOutlivesItsConnections: our client spends a day with an authorizer that ends its connection every ten minutes,
// and loses neither its session nor a message.
func TestClientOutlivesItsConnections(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		network := memnet.New(memnet.Link{Latency: 20 * time.Millisecond}, 1)
		s, err := emulator.Start(emulator.Options{Mem: network, IoT: iotcore.Options{Authorizers: []iotcore.Authorizer{{
			Name: "brief", Default: true, Authorize: func(context.Context, iotcore.AuthorizerEvent) (iotcore.AuthorizerDecision, error) {
				return iotcore.AuthorizerDecision{Authenticated: true, DisconnectAfter: 10 * time.Minute}, nil
			},
		}}}})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		config, err := s.ClientTLS("")
		if err != nil {
			t.Fatal(err)
		}
		config.NextProtos = []string{"mqtt"}
		dial := func(ctx context.Context) (net.Conn, error) {
			conn, err := network.DialContext(ctx, "mem", s.Endpoint())
			if err != nil {
				return nil, err
			}
			secure := tls.Client(conn, config)
			if err := secure.HandshakeContext(ctx); err != nil {
				_ = conn.Close()
				return nil, err
			}
			return secure, nil
		}
		c, err := mqtt.New(mqtt.Config{Endpoint: mqtt.Endpoint{Dial: dial}, ClientID: "c", SessionExpiry: time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		ctx := t.Context()
		sub, err := c.Subscribe(ctx, mqtt.Filter{Filter: "t", QoS: 1})
		if err != nil {
			t.Fatal(err)
		}
		const messages = 24 * 12
		go func() {
			for n := range messages {
				<-time.After(5 * time.Minute)
				_, err := c.Publish(ctx, mqtt.Publish{Topic: "t", QoS: 1, Payload: fmt.Append(nil, n)})
				if err != nil {
					t.Errorf("%d: %v", n, err)
				}
			}
		}()
		seen := map[string]bool{}
		for m, err := range sub.Messages(ctx) {
			if err != nil {
				t.Fatal(err)
			}
			if seen[string(m.Payload)] = true; len(seen) == messages {
				break
			}
		}
		if n := c.Stats().Connects; n < 24*6-2 || n > 24*6+2 {
			t.Errorf("%d connects in a day", n)
		}
	})
}
