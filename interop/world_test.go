package interop

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/builders/direct"
	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
	"github.com/gneiss-mqtt/gneiss-go/interop/internal/broker"
)

// limit is how long anything may take that should happen at once.
const limit = 30 * time.Second

// within returns a context that ends with the test, or after the limit.
func within(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	t.Cleanup(cancel)
	return ctx
}

// elapse lets the time pass after which a broker has to do something by itself. Its clock is out of reach.
func elapse(t testing.TB, d time.Duration) {
	t.Helper()
	select {
	case <-time.After(d):
	case <-t.Context().Done():
		t.Fatal("the test has ended")
	}
}

// eventually waits for a condition that nobody announces.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(limit); !ok(); {
		if time.Now().After(deadline) {
			t.Fatalf("after %v still not: %s", limit, what)
		}
		elapse(t, 5*time.Millisecond)
	}
}

// must ends the test on an error.
func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

var worlds atomic.Int64

// world is a broker, how to reach it, and names that no other test uses.
type world struct {
	broker  *broker.Broker
	tls     bool
	socket  bool // over a WebSocket
	version packet.Version
	name    string
}

func newWorld(t testing.TB, b *broker.Broker, tls bool, v packet.Version) *world {
	t.Helper()
	return &world{broker: b, tls: tls, version: v, name: "w" + itoa(int(worlds.Add(1)))}
}

func (w *world) v5() bool { return w.version == packet.V5 }

// topic returns a topic or filter below the test's own first level.
func (w *world) topic(levels ...string) string {
	return w.name + "/" + strings.Join(levels, "/")
}

func (w *world) endpoint(t testing.TB) mqtt.Endpoint {
	t.Helper()
	if w.socket {
		return w.socketEndpoint(t)
	}
	if !w.tls {
		endpoint, err := direct.URL("mqtt://" + w.broker.TCP)
		must(t, err)
		return endpoint
	}
	endpoint, err := direct.URL("mqtts://"+w.broker.TLS, func(o *direct.Options) {
		o.RootCAs, o.OnlyRootCAs = []direct.PEM{direct.File(w.broker.CA)}, true
	})
	must(t, err)
	return endpoint
}

// config is a client with a session that ends with the connection.
func (w *world) config(t testing.TB, name string) mqtt.Config {
	t.Helper()
	endpoint := w.endpoint(t)
	if w.has(windowLocks) {
		endpoint.Prepare = func(_ context.Context, c *packet.Connect) error {
			c.ReceiveMaximum = 0 // none
			return nil
		}
	}
	return mqtt.Config{
		Endpoint:   endpoint,
		ClientID:   w.name + "-" + name,
		Version:    w.version,
		CleanStart: true,
		Strict:     true,
		Reconnect:  mqtt.Backoff{Min: 10 * time.Millisecond, Max: 50 * time.Millisecond},
	}
}

// setup is the configuration of a device.
type setup struct {
	mqtt.Config
	watched bool
}

// watch lets the device's wire see every packet.
func watch(s *setup) { s.watched = true }

// keepSession asks the broker for a session that outlives the connection.
func keepSession(s *setup) {
	s.CleanStart = false
	s.SessionExpiry = time.Hour // no meaning in MQTT 3.1.1
}
