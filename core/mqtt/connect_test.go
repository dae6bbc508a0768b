package mqtt_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/mqtttest"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

var errDial = errors.New("no route to the moon")

// F67: the first connection is retried like any other.
func TestFirstConnectIsRetried(t *testing.T) {
	both(t, func(t *testing.T, version packet.Version) {
		p := newPeer(t)
		p.Refuse(errDial, errDial, errDial)
		c := start(t, p, v(version))
		conn, connect := p.Connect(&packet.Connack{})
		if connect.ClientID != "client" || connect.KeepAlive != 60 {
			t.Errorf("CONNECT %+v", connect)
		}
		connected(t, c)
		if n := c.Stats().Failures; n != 3 || p.Dials() != 4 || c.State() != mqtt.StateConnected {
			t.Errorf("%d failures, %d dials, %v", n, p.Dials(), c.State())
		}
		conn.Close()
	})
}

// F62: the address is resolved at every attempt, because every attempt dials.
func TestEveryAttemptDials(t *testing.T) {
	bubble(t, func(t *testing.T) {
		old, renewed := newPeer(t), newPeer(t)
		old.Refuse(errDial, errDial)
		addresses := []*mqtttest.Peer{old, old, renewed}
		var dialed int
		c := start(t, old, func(c *mqtt.Config) {
			c.Endpoint.Dial = func(ctx context.Context) (net.Conn, error) {
				dialed++
				return addresses[dialed-1].Dial(ctx)
			}
		})
		renewed.Connect(&packet.Connack{})
		connected(t, c)
	})
}

// What Connected returns tells why there is no connection.
func TestConnectedTellsTheLastCause(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPeer(t)
		p.Refuse(errDial)
		c := idle(t, p, func(c *mqtt.Config) { c.Reconnect.Rand = func() float64 { return 0.9 } })
		if _, err := c.Connected(t.Context()); !errors.Is(err, mqtt.ErrNotStarted) {
			t.Errorf("before Start: %v", err)
		}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		wantErr(t, c.Start(), mqtt.ErrStarted)
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		_, err := c.Connected(ctx)
		wantErr(t, err, context.DeadlineExceeded)
		wantErr(t, err, errDial)
		failure, ok := errors.AsType[*mqtt.ConnectError](err)
		if !ok || failure.Stage != "dial" || failure.Attempt != 1 || failure.Terminal || failure.Endpoint != "peer" {
			t.Errorf("%+v in %v", failure, err)
		}
		if strings.Contains(err.Error(), "\n") {
			t.Errorf("an error of several lines: %q", err)
		}
		c.Close()
		_, err = c.Connected(t.Context())
		wantErr(t, err, mqtt.ErrClosed)
		wantErr(t, c.Start(), mqtt.ErrClosed)
		wantErr(t, c.Err(), mqtt.ErrClosed)
	})
}

// Connected without a failed attempt so far has no cause to tell.
func TestConnectedBeforeAnyAttemptIsOver(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := start(t, newPeer(t))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := c.Connected(ctx)
		wantErr(t, err, context.DeadlineExceeded)
	})
}

// Credentials are asked for at every attempt, and a failure to get them is no reason to give up.
func TestPrepareIsCalledEveryTimeAndMayFail(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPeer(t)
		errToken := errors.New("token service is down")
		tokens := []string{"", "second", "third"}
		n := 0
		c := start(t, p, func(c *mqtt.Config) {
			c.Endpoint.Prepare = func(_ context.Context, connect *packet.Connect) error {
				if n++; tokens[n-1] == "" {
					return errToken
				}
				connect.HasPassword, connect.Password = true, []byte(tokens[n-1])
				return nil
			}
		})
		p.Accept().ExpectEnd() // of the attempt that failed
		_, err := c.Connected(expired(t))
		wantErr(t, err, errToken)
		if e, _ := errors.AsType[*mqtt.ConnectError](err); e == nil || e.Stage != "prepare" {
			t.Errorf("%v", err)
		}
		for _, token := range tokens[1:] {
			conn, connect := p.Connect(&packet.Connack{})
			if string(connect.Password) != token {
				t.Errorf("password %q, want %q", connect.Password, token)
			}
			conn.Close()
		}
	})
}

// A CONNECT that Prepare has made invalid can never be sent: that is final.
func TestInvalidConnectIsFinal(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPeer(t)
		c := start(t, p, func(c *mqtt.Config) {
			c.Endpoint.Prepare = func(_ context.Context, connect *packet.Connect) error {
				connect.HasUsername, connect.Username = true, "\xff"
				return nil
			}
		})
		gone(t, c)
		if e, ok := errors.AsType[*packet.Error](c.Err()); !ok || e.Clause != "MQTT-1.5.4-1" {
			t.Error(c.Err())
		}
		p.Accept().ExpectEnd() // and nothing was sent
	})
}

func TestDialWithoutAResult(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := start(t, newPeer(t), func(c *mqtt.Config) {
			c.Endpoint.Dial = func(context.Context) (net.Conn, error) { return nil, nil }
		})
		synctest.Wait()
		_, err := c.Connected(expired(t))
		if e, ok := errors.AsType[*mqtt.ConnectError](err); !ok || e.Stage != "dial" {
			t.Error(err)
		}
	})
}

// expired returns a context that is over.
func expired(t *testing.T) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}
