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

// F54: each refusal of CONNACK ends the attempt, and those that trying again cannot cure end the client.
//
// Conformance: MQTT-3.1.2-2, MQTT-3.1.3-8, MQTT-3.2.2-7, MQTT-3.2.2-12, MQTT-3.2.2-13
func TestRefusals(t *testing.T) {
	t.Parallel()
	terminal := map[packet.ReasonCode]bool{
		packet.MalformedPacket: true, packet.ProtocolError: true, packet.UnsupportedProtocolVersion: true,
		packet.ClientIdentifierNotValid: true, packet.Banned: true, packet.BadAuthenticationMethod: true,
		packet.TopicNameInvalid: true, packet.PacketTooLarge: true, packet.PayloadFormatInvalid: true,
		packet.RetainNotSupported: true, packet.QoSNotSupported: true,
		// F68: these pass, or are somebody else's to cure while the client waits.
		packet.UnspecifiedError: false, packet.ImplementationSpecificError: false, packet.BadUserNameOrPassword: false,
		packet.NotAuthorized: false, packet.ServerUnavailable: false, packet.ServerBusy: false, packet.QuotaExceeded: false,
		packet.UseAnotherServer: false, packet.ServerMoved: false, packet.ConnectionRateExceeded: false,
	}
	for code := packet.ReasonCode(0x80); code >= 0x80; code++ {
		if !code.ValidIn(packet.CONNACK) {
			continue
		}
		final, known := terminal[code]
		if !known {
			t.Errorf("%v is not in the table", code)
		}
		t.Run(code.String(), func(t *testing.T) {
			bubble(t, func(t *testing.T) { testRefusal(t, packet.V5, code, final) })
		})
	}
	for code, final := range map[packet.ReasonCode]bool{
		packet.UnsupportedProtocolVersion: true, packet.ClientIdentifierNotValid: true, packet.ServerUnavailable: false,
		packet.BadUserNameOrPassword: false, packet.NotAuthorized: false,
	} {
		t.Run("3.1.1 "+code.String(), func(t *testing.T) {
			bubble(t, func(t *testing.T) { testRefusal(t, packet.V311, code, final) })
		})
	}
}

func testRefusal(t *testing.T, version packet.Version, code packet.ReasonCode, final bool) {
	p := newPeer(t)
	c := start(t, p, v(version))
	waiting := publish(t.Context(), c, mqtt.Publish{Topic: "t", QoS: 1})
	reason := ""
	if version == packet.V5 {
		reason = "not today"
	}
	conn, _ := p.Connect(&packet.Connack{Code: code, ReasonString: reason})
	conn.ExpectEnd() // no DISCONNECT after a refusal
	synctest.Wait()
	want := &mqtt.ReasonError{Packet: packet.CONNACK, Code: code}
	if !final {
		if c.State() != mqtt.StateWaiting {
			t.Fatalf("%v, want the next attempt", c.State())
		}
		p.Connect(&packet.Connack{})
		connected(t, c)
		return
	}
	if c.State() != mqtt.StateClosed {
		t.Fatalf("%v, want closed", c.State())
	}
	_, err := c.Connected(t.Context())
	for _, err := range []error{err, c.Err(), (<-waiting).err, c.PublishAsync(mqtt.Publish{Topic: "t"}, nil)} {
		wantErr(t, err, want)
		if err != nil && !strings.Contains(err.Error(), code.String()) || !strings.Contains(err.Error(), reason) {
			t.Errorf("%v does not say what happened", err)
		}
	}
	failure, ok := errors.AsType[*mqtt.ConnectError](err)
	if !ok || !failure.Terminal || failure.Stage != "connect" {
		t.Errorf("%+v", failure)
	}
	gone(t, c)
	if p.Dials() != 1 {
		t.Errorf("%d attempts", p.Dials())
	}
}

// An endpoint can know better which errors are final, and explain them.
func TestEndpointJudgesErrors(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPeer(t)
		explained := errors.New("the certificate is not activated")
		c := start(t, p, func(c *mqtt.Config) {
			c.Endpoint.Explain = func(err error) error {
				if errors.Is(err, &mqtt.ReasonError{Code: packet.NotAuthorized}) {
					return errors.Join(explained, err)
				}
				return nil
			}
			c.Endpoint.Terminal = func(err error) bool { return errors.Is(err, explained) }
		})
		p.Connect(&packet.Connack{Code: packet.ClientIdentifierNotValid}) // not final for this endpoint
		p.Connect(&packet.Connack{Code: packet.NotAuthorized})
		_, err := c.Connected(t.Context())
		wantErr(t, err, explained)
		gone(t, c)
	})
}

// F61: a client whose session another client has taken over does not take it back.
//
// Conformance: MQTT-3.1.4-3
func TestTakenOverSessionIsNotFoughtFor(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPeer(t)
		c, conn := connect(t, p)
		conn.Send(&packet.Disconnect{Code: packet.SessionTakenOver})
		conn.Close()
		gone(t, c)
		wantErr(t, c.Err(), &mqtt.ReasonError{Packet: packet.DISCONNECT, Code: packet.SessionTakenOver})
		if p.Dials() != 1 {
			t.Errorf("%d attempts", p.Dials())
		}
	})
}

// The broker's last word counts even where the client finds out by a write that fails.
func TestDisconnectIsReadAfterAFailedWrite(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPeer(t)
		hold := make(chan struct{})
		c := start(t, p, func(c *mqtt.Config) {
			dial := c.Endpoint.Dial
			c.Endpoint.Dial = func(ctx context.Context) (net.Conn, error) {
				conn, err := dial(ctx)
				return &heldConn{Conn: conn, hold: hold}, err
			}
		})
		conn, _ := p.Connect(&packet.Connack{})
		connected(t, c)
		conn.Send(&packet.Disconnect{Code: packet.SessionTakenOver})
		conn.Close()
		over := publish(t.Context(), c, mqtt.Publish{Topic: "t", QoS: 1}) // the write fails, nothing has been read yet
		synctest.Wait()
		close(hold)
		wantErr(t, (<-over).err, &mqtt.ReasonError{Packet: packet.DISCONNECT, Code: packet.SessionTakenOver})
		gone(t, c)
	})
}

// heldConn holds back what comes after the first read until it may be read.
type heldConn struct {
	net.Conn
	hold  chan struct{}
	reads int
}

func (c *heldConn) Read(p []byte) (int, error) {
	if c.reads++; c.reads > 1 {
		<-c.hold
	}
	return c.Conn.Read(p)
}

// F63: one deadline covers everything from dialling to CONNACK.
//
// Conformance: MQTT-3.1.4-5
func TestConnectDeadline(t *testing.T) {
	t.Parallel()
	block := func(ctx context.Context) error {
		<-ctx.Done()
		return ctx.Err()
	}
	for name, test := range map[string]struct {
		stage  string
		change func(*mqtt.Config)
		broker func(*mqtttest.Conn)
	}{
		"dial": {"dial", func(c *mqtt.Config) {
			c.Endpoint.Dial = func(ctx context.Context) (net.Conn, error) { return nil, block(ctx) }
		}, nil},
		"prepare": {"prepare", func(c *mqtt.Config) {
			c.Endpoint.Prepare = func(ctx context.Context, _ *packet.Connect) error { return block(ctx) }
		}, nil},
		"dial and CONNACK together": {"connect", func(c *mqtt.Config) {
			dial := c.Endpoint.Dial
			c.Endpoint.Dial = func(ctx context.Context) (net.Conn, error) {
				time.Sleep(9 * time.Second)
				return dial(ctx)
			}
		}, func(*mqtttest.Conn) {}},
		"a broker that never answers": {"connect", nil, func(*mqtttest.Conn) {}},
		"a broker that reads nothing": {"connect", nil, func(c *mqtttest.Conn) { c.Stall(true) }},
		"a CONNACK that never ends": {"connect", nil, func(c *mqtttest.Conn) {
			c.SendBytes([]byte{0x20, 0x7f, 0, 0})
		}},
		"a CONNACK byte by byte": {"connect", nil, func(c *mqtttest.Conn) {
			for _, b := range []byte{0x20, 0x20, 0, 0, 29, 0x26, 0, 1, 'k'} { // a user property, a byte each second
				time.Sleep(time.Second)
				c.SendBytes([]byte{b})
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				p := newPeer(t)
				failed := make(chan *mqtt.ConnectError, 1)
				begun := time.Now()
				c := start(t, p, func(c *mqtt.Config) {
					c.ConnectTimeout = 10 * time.Second
					c.Reconnect.Min = time.Hour
					c.Reconnect.Jitter = mqtt.NoJitter
					c.Trace = &mqtt.Trace{ConnectFailed: func(err *mqtt.ConnectError, _ time.Duration) { failed <- err }}
					if test.change != nil {
						test.change(c)
					}
				})
				if test.broker != nil {
					go test.broker(p.Accept())
				}
				err := <-failed
				wantErr(t, err, mqtt.ErrConnectTimeout)
				if took := time.Since(begun); took != 10*time.Second || err.Stage != test.stage || err.Terminal {
					t.Errorf("after %v: stage %q, %v", took, err.Stage, err)
				}
				// The client goes on.
				if c.State() == mqtt.StateClosed {
					t.Error(c.Err())
				}
			})
		})
	}
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

// A broker that has a session of which nothing is known here is told so, and the next attempt starts clean.
//
// Conformance: MQTT-3.2.2-4
func TestUnknownSession(t *testing.T) {
	both(t, func(t *testing.T, version packet.Version) {
		p := newPeer(t)
		c := start(t, p, v(version))
		conn, connect := p.Connect(&packet.Connack{SessionPresent: true})
		if connect.CleanStart {
			t.Error("the first attempt starts clean")
		}
		if version == packet.V5 {
			if d := mqtttest.Expect[packet.Disconnect](conn); d.Code != packet.ProtocolError {
				t.Errorf("DISCONNECT %v", d.Code)
			}
		}
		conn.ExpectEnd()
		conn, connect = p.Connect(&packet.Connack{})
		if !connect.CleanStart {
			t.Error("the second attempt does not start clean")
		}
		if version == packet.V311 { // a clean session would end with its connection, so another one is made at once
			mqtttest.Expect[packet.Disconnect](conn)
			conn.ExpectEnd()
			if conn, connect = p.Connect(&packet.Connack{}); connect.CleanStart {
				t.Error("the third attempt starts clean")
			}
		}
		connected(t, c)
		conn.Close()
		if _, connect = p.Connect(&packet.Connack{SessionPresent: true}); connect.CleanStart {
			t.Error("the session of this process is not resumed")
		}
		connected(t, c)
	})
}

func TestResumeUnknown(t *testing.T) {
	both(t, func(t *testing.T, version packet.Version) {
		p := newPeer(t)
		got := make(chan mqtt.Message, 1)
		c := start(t, p, v(version), func(c *mqtt.Config) {
			c.ResumeUnknown = true
			c.Handler = func(m mqtt.Message) { got <- m }
		})
		conn, _ := p.Connect(&packet.Connack{SessionPresent: true})
		if s := connected(t, c); !s.SessionPresent {
			t.Errorf("%+v", s)
		}
		conn.Send(message("queued", "while we were away", 1, 1))
		if m := <-got; m.Topic != "queued" {
			t.Errorf("%+v", m)
		}
		mqtttest.Expect[packet.Puback](conn)
	})
}

// What CONNACK agreed on is at hand.
func TestSessionTellsWhatWasAgreed(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPeer(t)
		c := start(t, p, func(c *mqtt.Config) { c.ClientID = "" })
		p.Connect(&packet.Connack{AssignedClientID: "auto-1", ReceiveMaximum: 7, ServerKeepAlive: packet.Some(uint16(5)),
			MaximumQoS: packet.Some(packet.QoS1), ServerReference: "elsewhere",
			UserProperties: []packet.UserProperty{{Key: "a", Value: "b"}}})
		s := connected(t, c)
		if s.ClientID != "auto-1" || s.ReceiveMaximum != 7 || s.KeepAlive != 5e9 || s.MaximumQoS != packet.QoS1 ||
			s.ServerReference != "elsewhere" || len(s.UserProperties) != 1 {
			t.Errorf("%+v", s)
		}
	})
}

// An assigned client identifier is used again.
//
// Conformance: MQTT-3.1.3-7, MQTT-3.2.2-16
func TestAssignedClientIDIsKept(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPeer(t)
		c := start(t, p, func(c *mqtt.Config) { c.ClientID = "" })
		conn, _ := p.Connect(&packet.Connack{AssignedClientID: "auto-1"})
		connected(t, c)
		conn.Close()
		if _, connect := p.Connect(&packet.Connack{}); connect.ClientID != "auto-1" {
			t.Errorf("client identifier %q", connect.ClientID)
		}
	})
}
