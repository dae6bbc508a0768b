package mqtt_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/mqtttest"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

const (
	secretUser     = "anne?token=s3cr3t-user"
	secretPassword = "s3cr3t-password"
	secretWill     = "s3cr3t-will"
)

// verbs are all ways to print something by accident.
var verbs = []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%T"}

// wantNoSecret wants none of the secrets in a text, plain or encoded as the verbs do.
func wantNoSecret(t *testing.T, what, text string) {
	t.Helper()
	for _, secret := range []string{secretUser, secretPassword, secretWill} {
		numbers := strings.Trim(fmt.Sprintf("%d", []byte(secret)), "[]")
		for _, form := range []string{secret, numbers, strings.ReplaceAll(numbers, " ", ", "), hex.EncodeToString([]byte(secret)),
			fmt.Sprintf("%#v", []byte(secret))[7:]} {
			if strings.Contains(strings.ToLower(text), strings.ToLower(form)) {
				t.Errorf("%s shows %q: %s", what, secret, text)
			}
		}
	}
}

func secretive(c *mqtt.Config) {
	c.Username, c.Password = secretUser, []byte(secretPassword)
	c.Will = &mqtt.Will{Topic: "gone", Payload: []byte(secretWill)}
}

func TestConfigPrintsNoSecret(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPeer(t)
		cfg := configure(p, secretive)
		c := idle(t, p, secretive)
		s, err := c.SubscribeWith(t.Context(), mqtt.SubscribeOptions{Local: true}, mqtt.Filter{Filter: "f"})
		if err != nil {
			t.Fatal(err)
		}
		c.Start()
		conn, _ := p.Connect(&packet.Connack{})
		conn.Send(message("f", "payload", 0, 0))
		var m mqtt.Message
		for m = range s.Messages(t.Context()) {
			break
		}
		for _, verb := range verbs {
			for what, v := range map[string]any{"Config": cfg, "*Config": &cfg, "Client": c, "Subscription": s, "Message": m, "Endpoint": cfg.Endpoint} {
				wantNoSecret(t, verb+" of "+what, fmt.Sprintf(verb, v))
			}
		}
		var text bytes.Buffer
		for _, h := range []slog.Handler{slog.NewTextHandler(&text, nil), slog.NewJSONHandler(&text, nil)} {
			slog.New(h).Info("x", "config", cfg, "pointer", &cfg, "client", c, "subscription", s)
		}
		wantNoSecret(t, "slog", text.String())
		for _, want := range []string{cfg.String(), fmt.Sprint(c)} {
			if !strings.Contains(want, "peer") || !strings.Contains(want, `"client"`) {
				t.Errorf("%s does not tell what it is", want)
			}
		}
	})
}

// Whatever goes wrong with a CONNECT that has a password, neither errors nor logs show it.
func TestFailuresShowNoSecret(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		change func(*mqtt.Config)
		broker func(*mqtttest.Conn)
	}{
		"dial":    {func(c *mqtt.Config) { c.Endpoint.Dial = newRefusingDial() }, nil},
		"prepare": {func(c *mqtt.Config) { c.Endpoint.Prepare = failingPrepare }, nil},
		"invalid user name": {func(c *mqtt.Config) {
			c.Endpoint.Prepare = func(_ context.Context, p *packet.Connect) error { p.Username += "\x00"; return nil }
		}, nil},
		"password too long": {func(c *mqtt.Config) {
			c.Endpoint.Prepare = func(_ context.Context, p *packet.Connect) error {
				p.Password = bytes.Repeat(p.Password, 10000)
				return nil
			}
		}, nil},
		"silence": {nil, func(*mqtttest.Conn) {}},
		"cut":     {nil, func(c *mqtttest.Conn) { c.Cut() }},
		"close":   {nil, func(c *mqtttest.Conn) { c.Next(); c.Close() }},
		"refusal": {nil, func(c *mqtttest.Conn) { c.Next(); c.Send(&packet.Connack{Code: packet.BadUserNameOrPassword}) }},
		"ban":     {nil, func(c *mqtttest.Conn) { c.Next(); c.Send(&packet.Connack{Code: packet.Banned}) }},
		"echo":    {nil, func(c *mqtttest.Conn) { c.Send(c.Next()) }}, // a broker that sends the CONNECT back
		"nonsense": {nil, func(c *mqtttest.Conn) {
			in := c.Next().(*packet.Connect)
			c.SendBytes(append([]byte{0x20, 0x7f}, in.Password...))
			c.Close()
		}},
		"takeover": {nil, func(c *mqtttest.Conn) {
			c.Next()
			c.Send(&packet.Connack{}, &packet.Disconnect{Code: packet.SessionTakenOver})
		}},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				p := newPeer(t)
				var log lockedBuffer
				c := start(t, p, secretive, func(c *mqtt.Config) {
					c.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
					c.Trace = &mqtt.Trace{
						ConnectFailed: func(err *mqtt.ConnectError, _ time.Duration) {
							fmt.Fprintf(&log, "%v %+v %#v %#v\n", err, err, err, err.Err)
						},
						Disconnected: func(err error) { fmt.Fprintf(&log, "%v %+v %#v\n", err, err, err) },
					}
					if test.change != nil {
						test.change(c)
					}
				})
				over := publish(t.Context(), c, mqtt.Publish{Topic: "t", QoS: 1})
				if test.broker != nil {
					test.broker(p.Accept())
				}
				time.Sleep(31 * time.Second) // more than the connect timeout
				_, connected := c.Connected(expired(t))
				c.Close()
				gone(t, c)
				if log.String() == "" {
					t.Error("nothing was logged")
				}
				wantNoSecret(t, "the log", log.String())
				for _, err := range []error{connected, (<-over).err, c.Err()} {
					for _, verb := range verbs {
						wantNoSecret(t, "an error", fmt.Sprintf(verb, err))
					}
				}
			})
		})
	}
}

func newRefusingDial() func(context.Context) (net.Conn, error) {
	return func(context.Context) (net.Conn, error) { return nil, errDial }
}

func failingPrepare(context.Context, *packet.Connect) error { return errDial }

// lockedBuffer may be written to by several goroutines.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// A log handler may block and may call the client: nothing of the client is held while it runs.
func TestLoggerMayCallTheClient(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPeer(t)
		h := &callingHandler{Handler: slog.DiscardHandler, block: make(chan struct{})}
		c := idle(t, p, func(c *mqtt.Config) { c.Logger = slog.New(h) })
		h.client = c
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		conn, _ := p.Connect(&packet.Connack{})
		connected(t, c)
		over := publish(t.Context(), c, mqtt.Publish{Topic: "t", QoS: 1}) // while the logger blocks
		conn.Send(mqtttest.Answer(conn, mqtttest.Expect[packet.Publish](conn))...)
		if r := <-over; r.err != nil {
			t.Error(r.err)
		}
		close(h.block)
		synctest.Wait()
		conn.Close()
		p.Connect(&packet.Connack{})
		connected(t, c)
		if len(h.messages) == 0 {
			t.Error("nothing was logged")
		}
	})
}

type callingHandler struct {
	slog.Handler
	client   *mqtt.Client
	block    chan struct{}
	messages []string
}

func (h *callingHandler) Enabled(context.Context, slog.Level) bool { return true }

func (h *callingHandler) Handle(_ context.Context, r slog.Record) error {
	h.client.Stats()
	h.messages = append(h.messages, r.Message)
	<-h.block
	return nil
}
