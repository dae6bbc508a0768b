package mqtt_test

import (
	"context"
	"errors"
	"math"
	"net"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/mqtttest"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// F58: a function of the endpoint that panics, ends its goroutine or ignores its context costs its attempt. The next one
// connects.
func TestEndpointFunctionsFail(t *testing.T) {
	t.Parallel()
	for name, fail := range map[string]func(context.Context){
		"panic": func(context.Context) { panic("secret") },
		"exit":  func(context.Context) { runtime.Goexit() },
		"late":  func(context.Context) { time.Sleep(40 * time.Second) },
	} {
		for _, stage := range []string{"dial", "prepare"} {
			t.Run(stage+" "+name, func(t *testing.T) {
				bubble(t, func(t *testing.T) { testEndpointFunction(t, name, stage, fail) })
			})
		}
	}
}

func testEndpointFunction(t *testing.T, name, stage string, fail func(context.Context)) {
	p := newPeer(t)
	failed, calls := make(chan *mqtt.ConnectError, 9), 0
	once := func(ctx context.Context) {
		if calls++; calls == 1 {
			fail(ctx)
		}
	}
	c := start(t, p, func(c *mqtt.Config) {
		if stage == "dial" {
			c.Endpoint.Dial = func(ctx context.Context) (net.Conn, error) { once(ctx); return p.Dial(ctx) }
		} else {
			c.Endpoint.Prepare = func(ctx context.Context, _ *packet.Connect) error { once(ctx); return nil }
		}
		c.Trace = &mqtt.Trace{ConnectFailed: func(err *mqtt.ConnectError, _ time.Duration) { failed <- err }}
	})
	begun := time.Now()
	err := recv(t, failed)
	if err.Stage != stage || err.Terminal || strings.Contains(err.Error(), "secret") {
		t.Errorf("%+v", err)
	}
	if late := name == "late"; late != errors.Is(err, mqtt.ErrConnectTimeout) || late != (time.Since(begun) == 30*time.Second) {
		t.Errorf("%v after %v", err, time.Since(begun))
	}
	p.Serve(mqtttest.Answer)
	connected(t, c)
	if s := c.Stats(); s.Connects != 1 || (s.Panics == 1) != (name != "late") {
		t.Errorf("%+v", s)
	}
}

// A Dial that never returns is called once, however many attempts follow, and what it returns after all is closed.
func TestDialThatNeverReturns(t *testing.T) {
	bubble(t, func(t *testing.T) {
		release, calls := make(chan struct{}), atomic.Int32{}
		late, other := mqtttest.Pipe(0)
		p := newPeer(t)
		c := start(t, p, func(c *mqtt.Config) {
			c.Endpoint.Dial = func(ctx context.Context) (net.Conn, error) {
				if calls.Add(1) > 1 {
					return p.Dial(ctx)
				}
				<-release
				return late, nil
			}
		})
		for c.Stats().Failures < 20 {
			time.Sleep(time.Second)
		}
		if n := calls.Load(); n != 1 {
			t.Errorf("%d calls", n)
		}
		_, err := c.Connected(expired(t))
		if err == nil || !strings.Contains(err.Error(), "has not returned") {
			t.Errorf("%v", err)
		}
		close(release)
		p.Serve(mqtttest.Answer)
		connected(t, c)
		if _, err := other.Read(make([]byte, 1)); err == nil {
			t.Error("a connection that came too late was used")
		}
	})
}

// Prepare may close the client it prepares for, and Close does not wait for it.
func TestPrepareClosesTheClient(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPeer(t)
		var c *mqtt.Client
		over := make(chan time.Duration, 1)
		c = idle(t, p, func(cfg *mqtt.Config) {
			cfg.Endpoint.Prepare = func(context.Context, *packet.Connect) error {
				begun := time.Now()
				c.Close()
				over <- time.Since(begun)
				return nil
			}
		})
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		if took := recv(t, over); took > 0 {
			t.Errorf("Close took %v", took)
		}
		gone(t, c)
	})
}

// Explain and Terminal that panic or block leave the error as it is, and the decision to IsTerminal.
func TestJudgesFail(t *testing.T) {
	t.Parallel()
	for name, fail := range map[string]func(){"panic": func() { panic(1) }, "exit": runtime.Goexit, "slow": func() { time.Sleep(40 * time.Second) }} {
		for _, code := range []packet.ReasonCode{packet.ServerBusy, packet.Banned} {
			t.Run(name+" "+code.String(), func(t *testing.T) {
				bubble(t, func(t *testing.T) {
					p := newPeer(t)
					c := start(t, p, func(c *mqtt.Config) {
						c.Endpoint.Explain = func(error) error { fail(); return errors.New("wrong") }
						c.Endpoint.Terminal = func(error) bool { fail(); return code == packet.ServerBusy }
					})
					p.Connect(&packet.Connack{Code: code})
					if code == packet.Banned {
						gone(t, waitClosed(t, c))
						wantErr(t, c.Err(), &mqtt.ReasonError{Packet: packet.CONNACK, Code: code})
						return
					}
					p.Connect(&packet.Connack{})
					connected(t, c)
				})
			})
		}
	}
}

// waitClosed waits until a client has given up.
func waitClosed(t *testing.T, c *mqtt.Client) *mqtt.Client {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	if _, err := c.Connected(ctx); err == nil || ctx.Err() != nil {
		t.Fatalf("%v", err)
	}
	return c
}

// A source of random numbers that does not keep to [0, 1) makes no attempt come early, or never.
func TestBackoffWithBadRandomNumbers(t *testing.T) {
	t.Parallel()
	for _, r := range []float64{-1, 1, 1e300, math.NaN(), math.Inf(1)} {
		synctest.Test(t, func(t *testing.T) {
			p := newPeer(t)
			waits := make(chan time.Duration, 9)
			c, err := mqtt.New(configure(p, func(c *mqtt.Config) {
				c.Endpoint.Dial = func(context.Context) (net.Conn, error) { return nil, errDial }
				c.Reconnect.Rand = func() float64 { return r }
				c.Trace = &mqtt.Trace{ConnectFailed: func(_ *mqtt.ConnectError, wait time.Duration) { waits <- wait }}
			}))
			if err != nil {
				t.Fatal(err)
			}
			if err := c.Start(); err != nil {
				t.Fatal(err)
			}
			for want := time.Second; want < 8*time.Second; want *= 2 {
				if wait := recv(t, waits); wait != want {
					t.Errorf("%v: %v, want %v", r, wait, want)
				}
			}
			c.Close()
			gone(t, c)
		})
	}
}
