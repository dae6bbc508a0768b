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

// authenticated returns a client that is connected with an authenticator.
func authenticated(t *testing.T, p *mqtttest.Peer, a mqtt.Authenticator, changes ...func(*mqtt.Config)) (*mqtt.Client, *mqtttest.Conn) {
	t.Helper()
	c := start(t, p, append(changes, with(a))...)
	conn, _ := p.Connect(welcome())
	connected(t, c)
	return c, conn
}

// A re-authentication takes several round trips, while messages go both ways. One runs at a time, and all take their
// turn.
//
// Conformance: MQTT-4.12.1-1, MQTT-4.12.0-3
func TestReauthenticate(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPeer(t)
		got := make(chan string, 1)
		c, conn := authenticated(t, p, new(counting), func(c *mqtt.Config) {
			c.Handler = func(m mqtt.Message) { got <- string(m.Payload) }
		})
		first := async(func() error { return c.Reauthenticate(t.Context()) })
		wantAuth(t, conn, packet.ReAuthenticate, "2 again=true")
		second := async(func() error { return c.Reauthenticate(t.Context()) })
		conn.ExpectSilence(time.Second)
		over := publish(t.Context(), c, mqtt.Publish{Topic: "t", QoS: 1})
		conn.Send(mqtttest.Answer(conn, mqtttest.Expect[packet.Publish](conn))...)
		if r := recv(t, over); r.err != nil {
			t.Error(r.err)
		}
		conn.Send(challenge("x"), message("t", "meanwhile", 0, 0))
		wantAuth(t, conn, packet.ContinueAuthentication, "1 answers x")
		if m := recv(t, got); m != "meanwhile" {
			t.Errorf("got %q", m)
		}
		conn.Send(&packet.Auth{Code: packet.Success, Method: method})
		if err := recv(t, first); err != nil {
			t.Error(err)
		}
		wantAuth(t, conn, packet.ReAuthenticate, "3 again=true")
		conn.Send(&packet.Auth{Code: packet.Success, Method: method})
		if err := recv(t, second); err != nil {
			t.Error(err)
		}
		if n := c.Stats().Renewals; n != 2 {
			t.Errorf("%d renewals", n)
		}
	})
}

// The ways in which a re-authentication ends on a connection, and whether that lives on.
//
// Conformance: MQTT-4.12.1-2
func TestReauthenticateEnds(t *testing.T) {
	broken := errors.New("broken")
	refused := &mqtt.ReasonError{Packet: packet.DISCONNECT, Code: packet.NotAuthorized}
	for name, tt := range map[string]struct {
		a     *counting
		then  func(conn *mqtttest.Conn) // what the broker does with the request; nil: it never sees one
		want  error
		lives bool
		bye   bool // the client sends DISCONNECT
	}{
		"later": {&counting{next: func(context.Context, []byte) ([]byte, error) { return nil, mqtt.ErrAuthLater }},
			func(conn *mqtttest.Conn) { conn.Send(challenge("")) }, mqtt.ErrAuthLater, true, false},
		"DISCONNECT": {then: func(conn *mqtttest.Conn) { conn.Send(&packet.Disconnect{Code: packet.NotAuthorized}); conn.Close() },
			want: refused},
		"bare close": {then: func(conn *mqtttest.Conn) { conn.Close() }, want: mqtt.ErrConnectionLost},
		"reset":      {then: func(conn *mqtttest.Conn) { conn.Cut() }, want: mqtt.ErrConnectionLost},
		"no answer":  {then: func(*mqtttest.Conn) {}, want: mqtt.ErrAuthTimeout, bye: true},
		"begin fails": {a: &counting{begin: func(_ context.Context, again bool) error {
			if again {
				return broken
			}
			return nil
		}}, want: broken, lives: true},
		"begin blocks": {a: &counting{begin: func(_ context.Context, again bool) error {
			if again {
				time.Sleep(45 * time.Second)
			}
			return nil
		}}, want: context.DeadlineExceeded, lives: true},
		"next fails": {&counting{next: func(context.Context, []byte) ([]byte, error) { return nil, broken }},
			func(conn *mqtttest.Conn) { conn.Send(challenge("")) }, broken, false, true},
		"next blocks": {&counting{next: func(context.Context, []byte) ([]byte, error) { time.Sleep(45 * time.Second); return nil, nil }},
			func(conn *mqtttest.Conn) { conn.Send(challenge("")) }, context.DeadlineExceeded, false, true},
		"done fails": {&counting{done: func(_ context.Context, data []byte) error {
			if string(data) != "welcome" {
				return broken
			}
			return nil
		}}, func(conn *mqtttest.Conn) { conn.Send(&packet.Auth{Code: packet.Success, Method: method}) }, broken, false, true},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				p := newPeer(t)
				a := tt.a
				if a == nil {
					a = new(counting)
				}
				var told error
				c, conn := authenticated(t, p, a, func(c *mqtt.Config) {
					c.Trace = &mqtt.Trace{Renewed: func(err error) { told = err }}
				})
				over := async(func() error { return c.Reauthenticate(t.Context()) })
				if tt.then != nil {
					wantAuth(t, conn, packet.ReAuthenticate, "2 again=true")
					tt.then(conn)
				}
				if tt.bye {
					if d := mqtttest.Expect[packet.Disconnect](conn); d.Code != packet.UnspecifiedError {
						t.Errorf("got %+v", d)
					}
				}
				wantErr(t, recv(t, over), tt.want)
				synctest.Wait()
				wantErr(t, told, tt.want)
				if !tt.lives { // the next attempt has its own exchange
					conn, _ = p.Connect(welcome())
					connected(t, c)
				}
				a.behave()
				over = async(func() error { return c.Reauthenticate(t.Context()) })
				if p := mqtttest.Expect[packet.Auth](conn); p.Code != packet.ReAuthenticate {
					t.Errorf("got %+v", p)
				}
				conn.Send(&packet.Auth{Code: packet.Success, Method: method})
				if err := recv(t, over); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// A caller may stop waiting. The exchange goes on if the broker knows of it, and does not begin otherwise.
func TestReauthenticateGivenUp(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPeer(t)
		slow := make(chan struct{})
		a := &counting{begin: func(ctx context.Context, again bool) error {
			if !again {
				return nil
			}
			select {
			case <-slow:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}}
		c, conn := authenticated(t, p, a)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		wantErr(t, c.Reauthenticate(ctx), context.DeadlineExceeded)
		conn.ExpectSilence(5 * time.Second)

		close(slow)
		ctx, cancel = context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		over := async(func() error { return c.Reauthenticate(ctx) })
		wantAuth(t, conn, packet.ReAuthenticate, "3 again=true")
		wantErr(t, recv(t, over), context.DeadlineExceeded)
		next := async(func() error { return c.Reauthenticate(t.Context()) })
		conn.Send(challenge("x"))
		wantAuth(t, conn, packet.ContinueAuthentication, "1 answers x")
		conn.Send(&packet.Auth{Code: packet.Success, Method: method})
		wantAuth(t, conn, packet.ReAuthenticate, "4 again=true")
		conn.Send(&packet.Auth{Code: packet.Success, Method: method})
		if err := recv(t, next); err != nil {
			t.Error(err)
		}
	})
}

// Without a connection there is nothing to authenticate anew, and Close ends an exchange.
func TestReauthenticateOffline(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPeer(t)
		c, conn := authenticated(t, p, new(counting))
		over := async(func() error { return c.Reauthenticate(t.Context()) })
		waiting := async(func() error { return c.Reauthenticate(t.Context()) })
		wantAuth(t, conn, packet.ReAuthenticate, "2 again=true")
		synctest.Wait() // both have called
		conn.Cut()
		wantErr(t, recv(t, over), mqtt.ErrConnectionLost)
		wantErr(t, recv(t, waiting), mqtt.ErrConnectionLost)
		wantErr(t, c.Reauthenticate(t.Context()), mqtt.ErrOffline)
		conn, _ = p.Connect(welcome())
		connected(t, c)
		over = async(func() error { return c.Reauthenticate(t.Context()) })
		mqtttest.Expect[packet.Auth](conn)
		c.Close()
		wantErr(t, recv(t, over), mqtt.ErrClosed)
		wantErr(t, c.Reauthenticate(t.Context()), mqtt.ErrClosed)
	})
}
