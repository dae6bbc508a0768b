package mqtt_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/mqtttest"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

const method = "COUNT"

// counting is an authenticator whose data says what it was asked for. A function that is set takes its place.
type counting struct {
	begin func(ctx context.Context, again bool) error
	next  func(ctx context.Context, challenge []byte) ([]byte, error)
	done  func(ctx context.Context, data []byte) error

	mu    sync.Mutex // a call may overlap with one that has outlived its context
	began int
}

func (a *counting) Method() string { return method }

// behave makes it well-behaved from now on.
func (a *counting) behave() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.begin, a.next, a.done = nil, nil, nil
}

func (a *counting) Begin(ctx context.Context, again bool) (mqtt.AuthExchange, error) {
	a.mu.Lock()
	a.began++
	begin, name := a.begin, fmt.Sprintf("%d again=%v", a.began, again)
	a.mu.Unlock()
	if begin != nil {
		if err := begin(ctx, again); err != nil {
			return nil, err
		}
	}
	return &countingExchange{a: a, name: name}, nil
}

type countingExchange struct {
	a    *counting
	name string
	step int
}

func (x *countingExchange) Next(ctx context.Context, challenge []byte) ([]byte, error) {
	if challenge == nil {
		return []byte(x.name), nil
	}
	if x.a.next != nil {
		return x.a.next(ctx, challenge)
	}
	x.step++
	return fmt.Appendf(nil, "%d answers %s", x.step, challenge), nil
}

func (x *countingExchange) Done(ctx context.Context, data []byte) error {
	if x.a.done != nil {
		return x.a.done(ctx, data)
	}
	return nil
}

func with(a mqtt.Authenticator) func(*mqtt.Config) {
	return func(c *mqtt.Config) { c.Endpoint.Auth = a }
}

// challenge is a step of the broker.
func challenge(data string) *packet.Auth {
	return &packet.Auth{Code: packet.ContinueAuthentication, Method: method, Data: []byte(data)}
}

// welcome accepts, with the method that was asked for.
func welcome() *packet.Connack {
	return &packet.Connack{AuthMethod: method, AuthData: []byte("welcome")}
}

// wantAuth wants a step of the client.
func wantAuth(t *testing.T, conn *mqtttest.Conn, code packet.ReasonCode, data string) {
	t.Helper()
	p := mqtttest.Expect[packet.Auth](conn)
	if p.Code != code || p.Method != method || string(p.Data) != data {
		t.Errorf("got AUTH %v %q with %q, want %v with %q", p.Code, p.Method, p.Data, code, data)
	}
}

// An exchange at connect takes several round trips. What waits is sent only after it, with the first data in CONNECT.
//
// Conformance: MQTT-3.1.2-30, MQTT-4.12.0-2, MQTT-4.12.0-3, MQTT-4.12.0-5
func TestAuthAtConnect(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPeer(t)
		var final string
		a := &counting{done: func(_ context.Context, data []byte) error { final = string(data); return nil }}
		c := start(t, p, with(a))
		over := publish(t.Context(), c, mqtt.Publish{Topic: "t", QoS: 1})
		conn := p.Accept()
		connect := mqtttest.Expect[packet.Connect](conn)
		if connect.AuthMethod != method || string(connect.AuthData) != "1 again=false" {
			t.Errorf("CONNECT has method %q and data %q", connect.AuthMethod, connect.AuthData)
		}
		conn.Send(challenge("a"))
		wantAuth(t, conn, packet.ContinueAuthentication, "1 answers a")
		conn.Send(challenge(""))
		wantAuth(t, conn, packet.ContinueAuthentication, "2 answers ")
		conn.Send(welcome())
		conn.Send(mqtttest.Answer(conn, mqtttest.Expect[packet.Publish](conn))...)
		if r := recv(t, over); r.err != nil {
			t.Error(r.err)
		}
		if final != "welcome" {
			t.Errorf("Done was told %q", final)
		}
	})
}

// Whatever goes wrong in the authenticator is a failed attempt, to which there is a next one.
func TestAuthFailsAtConnect(t *testing.T) {
	broken := errors.New("the token service is down")
	for name, tt := range map[string]struct {
		a    *counting
		want string
		at   int // after so many steps of the broker
	}{
		"begin": {&counting{begin: func(context.Context, bool) error { return broken }}, "authenticate: the token service is down", -1},
		"begin panics": {&counting{begin: func(context.Context, bool) error { panic("secret") }},
			"authenticate: the authenticator panicked", -1},
		"begin ends its goroutine": {&counting{begin: func(context.Context, bool) error { runtime.Goexit(); return nil }},
			"authenticate: the authenticator panicked", -1},
		"begin blocks": {&counting{begin: func(ctx context.Context, _ bool) error { <-ctx.Done(); return ctx.Err() }},
			"connect timeout", -1},
		"begin blocks beyond its context": {&counting{begin: func(context.Context, bool) error { time.Sleep(45 * time.Second); return nil }},
			"the authenticator has not returned in time", -1},
		"next": {&counting{next: func(context.Context, []byte) ([]byte, error) { return nil, broken }},
			"authenticate: the token service is down", 1},
		"next panics":     {&counting{next: func(context.Context, []byte) ([]byte, error) { panic(1) }}, "the authenticator panicked", 1},
		"next says later": {&counting{next: func(context.Context, []byte) ([]byte, error) { return nil, mqtt.ErrAuthLater }}, "try later", 1},
		"done":            {&counting{done: func(context.Context, []byte) error { return broken }}, "authenticate: the token service is down", 0},
		"done panics":     {&counting{done: func(context.Context, []byte) error { panic(1) }}, "the authenticator panicked", 0},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				p := newPeer(t)
				failed := make(chan *mqtt.ConnectError, 10)
				c := start(t, p, with(tt.a), func(c *mqtt.Config) {
					c.Trace = &mqtt.Trace{ConnectFailed: func(err *mqtt.ConnectError, _ time.Duration) { failed <- err }}
				})
				published := publish(t.Context(), c, mqtt.Publish{Topic: "t", QoS: 1})
				if tt.at >= 0 {
					conn := p.Accept()
					mqtttest.Expect[packet.Connect](conn)
					for range tt.at {
						conn.Send(challenge("a"))
					}
					if tt.at == 0 { // a message right behind must not reach anyone
						conn.Send(welcome(), message("t", "from a stranger", 0, 0))
					}
					conn.ExpectEnd() // and nothing is sent to it
				}
				err := recv(t, failed)
				if !strings.Contains(err.Error(), tt.want) || err.Terminal || err.Stage != "authenticate" {
					t.Errorf("stage %q, terminal %v: %v", err.Stage, err.Terminal, err)
				}
				if strings.Contains(err.Error(), "secret") {
					t.Error("the error has the value of the panic")
				}
				if n := c.Stats().PublishesReceived; n != 0 {
					t.Errorf("%d messages were read", n)
				}
				c.Close()
				<-published
			})
		})
	}
}

// What a broker sends right behind CONNACK waits for the end of the exchange, and is not lost.
func TestAuthMessageBehindConnack(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPeer(t)
		hold := make(chan struct{})
		a := &counting{done: func(context.Context, []byte) error { <-hold; return nil }}
		got := make(chan string, 1)
		start(t, p, with(a), func(c *mqtt.Config) {
			c.Handler = func(m mqtt.Message) { got <- string(m.Payload) }
		})
		conn := p.Accept()
		mqtttest.Expect[packet.Connect](conn)
		conn.Send(welcome(), message("t", "early", 1, 7))
		conn.ExpectSilence(time.Second)
		select {
		case <-got:
			t.Error("the message was faster than the exchange")
		default:
		}
		close(hold)
		if m := recv(t, got); m != "early" {
			t.Errorf("got %q", m)
		}
		mqtttest.Expect[packet.Puback](conn)
	})
}

// A broker may refuse at any time.
//
// Conformance: MQTT-4.12.0-1, MQTT-4.12.0-4
func TestAuthRefused(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPeer(t)
		a := new(counting)
		c := start(t, p, with(a))
		conn := p.Accept()
		mqtttest.Expect[packet.Connect](conn)
		conn.Send(challenge("a"))
		wantAuth(t, conn, packet.ContinueAuthentication, "1 answers a")
		conn.Send(&packet.Connack{Code: packet.NotAuthorized})
		conn.ExpectEnd()
		conn = p.Accept() // with what the authenticator has then
		if connect := mqtttest.Expect[packet.Connect](conn); string(connect.AuthData) != "2 again=false" {
			t.Errorf("the next CONNECT has %q", connect.AuthData)
		}
		conn.Send(&packet.Connack{Code: packet.BadAuthenticationMethod})
		_, err := c.Connected(t.Context())
		wantErr(t, err, &mqtt.ReasonError{Packet: packet.CONNACK, Code: packet.BadAuthenticationMethod})
	})
}

// A CONNACK that does not repeat the method is forgiven, but not in strict mode.
func TestAuthMethodLeftOut(t *testing.T) {
	for _, strict := range []bool{false, true} {
		t.Run(fmt.Sprintf("strict=%v", strict), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				p := newPeer(t)
				c := start(t, p, with(new(counting)), func(c *mqtt.Config) { c.Strict = strict })
				conn, _ := p.Connect(&packet.Connack{})
				if strict {
					if d := mqtttest.Expect[packet.Disconnect](conn); d.Code != packet.ProtocolError {
						t.Errorf("got %+v", d)
					}
					return
				}
				connected(t, c)
				if n := c.Stats().Forgiven; n != 1 {
					t.Errorf("%d forgiven", n)
				}
			})
		})
	}
}

func TestAuthConfig(t *testing.T) {
	t.Parallel()
	p := mqtttest.NewPeer(t)
	if _, err := mqtt.New(configure(p, with(new(counting)), v(packet.V311))); err == nil || !strings.Contains(err.Error(), "MQTT 5") {
		t.Errorf("got %v", err)
	}
	c, err := mqtt.New(configure(p))
	if err != nil {
		t.Fatal(err)
	}
	wantErr(t, c.Reauthenticate(t.Context()), mqtt.ErrNoAuth)
	wantErr(t, c.Reconnect(t.Context()), mqtt.ErrNotStarted)
	c.Close()
	wantErr(t, c.Reconnect(t.Context()), mqtt.ErrClosed)
}
