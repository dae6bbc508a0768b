package mqtt_test

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

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

// So does what the broker said before it closed the connection under a CONNECT that could not be written: the alert of TLS
// that names what is wrong with a certificate, or a CONNACK.
func TestRefusalIsReadAfterAFailedWrite(t *testing.T) {
	bubble(t, func(t *testing.T) {
		alert := &net.OpError{Op: "remote error", Err: errors.New("tls: certificate required")}
		reset := &net.OpError{Op: "write", Net: "tcp", Err: errors.New("connection reset by peer")}
		unread := &net.OpError{Op: "read", Net: "tcp", Err: errors.New("connection reset by peer")}
		busy, err := (&packet.Connack{Code: packet.ServerBusy}).Append(nil, packet.V5)
		if err != nil {
			t.Fatal(err)
		}
		for name, test := range map[string]struct {
			conn resetConn
			want error
		}{
			"alert":        {resetConn{write: reset, read: alert}, alert},
			"CONNACK":      {resetConn{write: reset, said: busy, read: io.EOF}, &mqtt.ReasonError{Packet: packet.CONNACK, Code: packet.ServerBusy}},
			"nothing":      {resetConn{write: reset, read: io.EOF}, reset},
			"reset":        {resetConn{write: reset, read: unread}, reset},
			"no deadlines": {resetConn{write: reset, read: alert, deadline: errors.ErrUnsupported}, reset},
		} {
			failed := make(chan error, 100)
			start(t, newPeer(t), func(c *mqtt.Config) {
				c.Endpoint.Dial = func(context.Context) (net.Conn, error) {
					conn := test.conn
					return &conn, nil
				}
				c.Trace = &mqtt.Trace{ConnectFailed: func(err *mqtt.ConnectError, _ time.Duration) { failed <- err }}
			})
			if err := recv(t, failed); !errors.Is(err, test.want) {
				t.Errorf("%s: got %v, want %v", name, err, test.want)
			}
		}
	})
}

// resetConn takes no byte, and says something all the same.
type resetConn struct {
	net.Conn
	write, read, deadline error
	said                  []byte
}

func (c *resetConn) Write([]byte) (int, error) { return 0, c.write }

func (c *resetConn) Read(p []byte) (int, error) {
	if n := copy(p, c.said); n > 0 {
		c.said = c.said[n:]
		return n, nil
	}
	return 0, c.read
}

func (c *resetConn) SetReadDeadline(time.Time) error { return c.deadline }
func (c *resetConn) Close() error                    { return nil }
