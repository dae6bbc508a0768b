package emulator_test

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/gneiss-mqtt/gneiss-go/core/packet"
	"github.com/gneiss-mqtt/gneiss-go/emulator"
	"github.com/gneiss-mqtt/gneiss-go/emulator/broker"
)

func TestMessagesOverTCP(t *testing.T) {
	t.Parallel()
	s := start(t, emulator.Options{Profile: emulator.Generic})
	if !strings.HasPrefix(s.URL(), "mqtt://127.0.0.1:") || s.TLSAddr() != "" {
		t.Errorf("URL %q, TLS address %q", s.URL(), s.TLSAddr())
	}
	pub, _ := connect(t, s, packet.Connect{ClientID: "pub", CleanStart: true})
	sub := dial(t, s, packet.V311)
	sub.connect(packet.Connect{ClientID: "sub", CleanStart: true})
	sub.subscribe(2, "t/#")
	for qos := range packet.QoS(3) {
		payload := fmt.Sprintf("at QoS %d", qos)
		var wg sync.WaitGroup
		wg.Go(func() { pub.publish(packet.Publish{Topic: "t/x", QoS: qos, Payload: []byte(payload)}) })
		if p := sub.message(payload); p.QoS != qos {
			t.Errorf("%s: arrived at QoS %d", payload, p.QoS)
		}
		wg.Wait()
	}
}

func TestStartRefuses(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for name, tc := range map[string]struct {
		o    emulator.Options
		want error
	}{
		"taken port":     {emulator.Options{Profile: emulator.Generic, Addr: taken.Addr().String()}, syscall.EADDRINUSE},
		"second taken":   {emulator.Options{Profile: emulator.Generic, Addr: "127.0.0.1:0", TLSAddr: taken.Addr().String()}, syscall.EADDRINUSE},
		"remote":         {emulator.Options{Profile: emulator.Generic, Addr: "0.0.0.0:0"}, emulator.ErrNotLoopback},
		"any":            {emulator.Options{Profile: emulator.Generic, Addr: ":0"}, emulator.ErrNotLoopback},
		"remote TLS":     {emulator.Options{Profile: emulator.Generic, TLSAddr: "[::]:0"}, emulator.ErrNotLoopback},
		"host name":      {emulator.Options{Profile: emulator.Generic, Addr: "example.com:1883"}, emulator.ErrNotLoopback},
		"no port":        {emulator.Options{Profile: emulator.Generic, Addr: "127.0.0.1"}, nil},
		"invalid limits": {emulator.Options{Profile: emulator.Generic, Limits: broker.Limits{MaxQueued: -1}}, nil},
	} {
		s, err := emulator.Start(tc.o)
		if err == nil {
			_ = s.Close()
			t.Errorf("%s: started", name)
		} else if tc.want != nil && !errors.Is(err, tc.want) {
			t.Errorf("%s: %v", name, err)
		} else if !strings.HasPrefix(err.Error(), "emulator: ") && !strings.HasPrefix(err.Error(), "broker: ") {
			t.Errorf("%s: message %q", name, err)
		}
	}
}

func TestServerSide(t *testing.T) {
	t.Parallel()
	s := start(t, emulator.Options{Profile: emulator.Generic})
	a, _ := connect(t, s, packet.Connect{ClientID: "a", CleanStart: true, SessionExpiry: 100,
		Will: &packet.Will{Topic: "will", Payload: []byte("a is gone")}})
	b, _ := connect(t, s, packet.Connect{ClientID: "b", CleanStart: true})
	a.subscribe(1, "t")
	b.subscribe(1, "t", "will")
	if err := s.Publish(packet.Publish{Topic: "t", Payload: []byte("to all"), QoS: 1, Retain: true}); err != nil {
		t.Fatal(err)
	}
	a.message("to all")
	b.message("to all")
	if err := s.Send("a", packet.Publish{Topic: "somewhere", Payload: []byte("to a")}); err != nil {
		t.Fatal(err)
	}
	a.message("to a")
	if list := s.Retained("#"); len(list) != 1 || string(list[0].Payload) != "to all" {
		t.Errorf("retained: %+v", list)
	}
	if st := s.Stats(); st.Connected != 2 || st.Subscriptions != 3 {
		t.Errorf("stats: %+v", st)
	}
	if err := s.DropClient("a"); err != nil {
		t.Fatal(err)
	}
	a.gone()
	b.message("a is gone")
	if list := s.Clients(); len(list) != 2 || list[0].ID != "a" || list[0].Connected || !list[1].Connected {
		t.Errorf("clients: %+v", list)
	}
	if err := s.EndSession("a"); err != nil {
		t.Fatal(err)
	}
	if err := s.DisconnectClient("b", packet.AdministrativeAction, "enough"); err != nil {
		t.Fatal(err)
	}
	if d := expect[*packet.Disconnect](b); d.Code != packet.AdministrativeAction || d.ReasonString != "enough" {
		t.Errorf("got %+v", d)
	}
	b.gone()
	for name, err := range map[string]error{
		"drop": s.DropClient("a"), "end": s.EndSession("a"), "send": s.Send("a", packet.Publish{Topic: "x"}), "disconnect": s.DisconnectClient("b", 0x98, ""),
	} {
		if !errors.Is(err, broker.ErrNoClient) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := s.Publish(packet.Publish{Topic: "a/#"}); err == nil {
		t.Error("a topic with a wildcard is published")
	}
}

// TestLastPacketIsNotLost refuses a client that has sent much more than the server reads: a connection closed with unread
// input is reset, which can destroy what the client has not read yet.
func TestLastPacketIsNotLost(t *testing.T) {
	t.Parallel()
	s := start(t, emulator.Options{Profile: emulator.Generic})
	for range 20 {
		c := dial(t, s, packet.V5)
		connect, err := (&packet.Connect{ClientID: "a", AuthMethod: "unknown"}).Append(nil, packet.V5)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.conn.Write(append(connect, make([]byte, 100_000)...)); err != nil {
			t.Fatal(err)
		}
		if ack := expect[*packet.Connack](c); ack.Code != packet.BadAuthenticationMethod {
			t.Fatalf("got %+v", ack)
		}
	}
}

func TestCloseTellsClients(t *testing.T) {
	t.Parallel()
	s := start(t, emulator.Options{Profile: emulator.Generic})
	c, _ := connect(t, s, packet.Connect{ClientID: "a", CleanStart: true})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if d := expect[*packet.Disconnect](c); d.Code != packet.ServerShuttingDown {
		t.Errorf("got %+v", d)
	}
	c.gone()
	if err := s.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
	if err := s.Publish(packet.Publish{Topic: "t"}); !errors.Is(err, emulator.ErrClosed) {
		t.Errorf("publish after Close: %v", err)
	}
	if err := s.Restart(emulator.KeepSessions); !errors.Is(err, emulator.ErrClosed) {
		t.Errorf("restart after Close: %v", err)
	}
	if err := s.Kill(); !errors.Is(err, emulator.ErrClosed) {
		t.Errorf("kill after Close: %v", err)
	}
}

// TestNoGoroutineIsLeft counts goroutines, so it does not run beside other tests.
func TestNoGoroutineIsLeft(t *testing.T) {
	before := runtime.NumGoroutine()
	for range 3 {
		s, err := emulator.Start(emulator.Options{Profile: emulator.Generic, Addr: "127.0.0.1:0", TLSAddr: "127.0.0.1:0", OnEvent: func(broker.Event) {}})
		if err != nil {
			t.Fatal(err)
		}
		for i := range 10 {
			c, _ := connect(t, s, packet.Connect{ClientID: fmt.Sprint(i), CleanStart: true})
			if i%2 == 0 {
				_ = c.conn.Close()
			}
		}
		idle, err := net.Dial("tcp", s.TLSAddr()) // never finishes its handshake
		if err != nil {
			t.Fatal(err)
		}
		defer idle.Close()
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "goroutines end", func() bool { return runtime.NumGoroutine() <= before })
}

// TestStorm connects, exchanges and leaves from many goroutines at a time.
func TestStorm(t *testing.T) {
	t.Parallel()
	s := start(t, emulator.Options{Profile: emulator.Generic, Limits: broker.Limits{OutBuffer: 4096}})
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			for round := range 5 {
				conn, err := s.Dial(t.Context())
				if err != nil {
					t.Error(err)
					return
				}
				c := newClient(t, conn, packet.V5)
				c.connect(packet.Connect{ClientID: fmt.Sprint("c", i), CleanStart: round%2 == 0, SessionExpiry: 10})
				c.send(&packet.Subscribe{ID: 999, Filters: []packet.Filter{{Filter: fmt.Sprintf("t/%d", i), QoS: 1}}})
				for n := range 20 {
					text := fmt.Sprintf("%d of %d", n, round)
					c.send(&packet.Publish{Topic: fmt.Sprintf("t/%d", i), QoS: 1, ID: uint16(n + 1), Payload: []byte(text)})
					// The message and its acknowledgement come in any order. What an acknowledgement of the last
					// connection was too late for comes again.
					for got, acked := false, false; !got || !acked; {
						switch p, err := c.next(); p := p.(type) {
						case *packet.Publish:
							got = got || string(p.Payload) == text
							c.send(&packet.Puback{Ack: packet.Ack{ID: p.ID}})
						case *packet.Puback:
							acked = true
						case *packet.Suback:
						default:
							t.Errorf("got %v: %v", p, err)
							return
						}
					}
				}
				if round%2 == 0 {
					c.send(&packet.Disconnect{})
				}
				_ = conn.Close()
			}
		})
	}
	wg.Wait()
	eventually(t, "all clients are gone", func() bool { return s.Stats().Connected == 0 })
}

func TestLogHasNoSecrets(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var text strings.Builder
	s := start(t, emulator.Options{
		Profile: emulator.Generic, Logger: slog.New(slog.NewTextHandler(writerFunc(func(p []byte) (int, error) {
			mu.Lock()
			defer mu.Unlock()
			return text.Write(p)
		}), nil)),
		Hooks: broker.Hooks{Connect: func(_ broker.Instant, _ *broker.Client, p *packet.Connect) broker.ConnectDecision {
			if string(p.Password) != "hunter2" {
				return broker.ConnectDecision{Code: packet.BadUserNameOrPassword}
			}
			return broker.ConnectDecision{}
		}},
	})
	c, _ := connect(t, s, packet.Connect{ClientID: "known", HasUsername: true, Username: "root", HasPassword: true, Password: []byte("hunter2")})
	c.publish(packet.Publish{Topic: "t", QoS: 1, Payload: []byte("payload")})
	d := dial(t, s, packet.V5)
	d.send(&packet.Connect{ClientID: "refused", HasPassword: true, Password: []byte("hunter3")})
	d.refused()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	defer mu.Unlock()
	for _, secret := range []string{"hunter", "root", "payload"} {
		if strings.Contains(text.String(), secret) {
			t.Errorf("the log has %q: %s", secret, text.String())
		}
	}
	if !strings.Contains(text.String(), "known") || !strings.Contains(text.String(), "refused") {
		t.Errorf("the log misses a client: %s", text.String())
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// refused expects a refusal, then the end.
func (c *client) refused() {
	c.t.Helper()
	if ack := expect[*packet.Connack](c); ack.Code == packet.Success {
		c.t.Fatal("accepted")
	}
	c.gone()
}
