package azure

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/emulator"
	"github.com/gneiss-mqtt/gneiss-go/emulator/memnet"
)

// bubble runs a test where time passes at once.
func bubble(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, f)
}

// memory is where servers in a bubble listen.
func memory() emulator.Options {
	return emulator.Options{Mem: memnet.New(memnet.Link{Latency: 20 * time.Millisecond}, 1)}
}

// start connects a client to a server in the same bubble. It is closed at the end of the test.
func start(t *testing.T, s *emulator.Server, cfg mqtt.Config) *mqtt.Client {
	t.Helper()
	cfg.Endpoint.Dial = s.Dial
	c, err := mqtt.New(cfg)
	must(t, err)
	t.Cleanup(func() {
		_ = c.Close()
		<-c.Done()
	})
	must(t, c.Start())
	return c
}

func connected(t *testing.T, c *mqtt.Client) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 24*time.Hour)
	defer cancel()
	_, err := c.Connected(ctx)
	must(t, err)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// closing closes a server at the end of the test, before its clients, as they are made later.
func closing(t *testing.T, s interface{ Close() error }) {
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}
