package emulator_test

import (
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/packet"
	"github.com/gneiss-mqtt/gneiss-go/emulator"
	"github.com/gneiss-mqtt/gneiss-go/emulator/broker"
	"github.com/gneiss-mqtt/gneiss-go/emulator/memnet"
)

// bubble runs a test with a server on an in-memory network, in virtual time.
func bubble(t *testing.T, o emulator.Options, link memnet.Link, f func(t *testing.T, s *emulator.Server)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o.Mem = memnet.New(link, 1)
		s, err := emulator.Start(o)
		if err != nil {
			t.Fatal(err)
		}
		f(t, s)
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}

// nextWithin returns the next packet and how long it took.
func (c *client) nextWithin(d time.Duration) (packet.Packet, time.Duration) {
	c.t.Helper()
	start := time.Now()
	done := make(chan packet.Packet, 1)
	go func() {
		for {
			p, err := c.next() // which gives up after 10 s
			if err == nil || time.Since(start) >= d {
				done <- p
				return
			}
		}
	}()
	return <-done, time.Since(start)
}

func TestKeepAliveInVirtualTime(t *testing.T) {
	bubble(t, emulator.Options{Profile: emulator.Generic}, memnet.Link{Latency: 50 * time.Millisecond}, func(t *testing.T, s *emulator.Server) {
		if s.URL() != "mem://broker" {
			t.Errorf("URL %q", s.URL())
		}
		c, _ := connect(t, s, packet.Connect{ClientID: "a", CleanStart: true, KeepAlive: 60})
		start := time.Now()
		for range 1000 { // half a day of pings
			time.Sleep(50 * time.Second)
			c.send(&packet.Pingreq{})
			expect[*packet.Pingresp](c)
		}
		if time.Since(start) < 13*time.Hour {
			t.Errorf("only %v have passed", time.Since(start))
		}
		p, took := c.nextWithin(2 * time.Minute)
		if d, ok := p.(*packet.Disconnect); !ok || d.Code != packet.KeepAliveTimeout {
			t.Errorf("got %+v", p)
		}
		if took < 89*time.Second || took > 91*time.Second {
			t.Errorf("after %v", took)
		}
	})
}

func TestWillDelayAndExpiryInVirtualTime(t *testing.T) {
	bubble(t, emulator.Options{Profile: emulator.Generic}, memnet.Link{}, func(t *testing.T, s *emulator.Server) {
		w, _ := connect(t, s, packet.Connect{ClientID: "w", CleanStart: true})
		w.subscribe(0, "will")
		connect(t, s, packet.Connect{ClientID: "a", CleanStart: true, SessionExpiry: 3600,
			Will: &packet.Will{Topic: "will", Payload: []byte("late"), DelayInterval: 600}})
		if err := s.DropClient("a"); err != nil {
			t.Fatal(err)
		}
		if p, took := w.nextWithin(time.Hour); took != 10*time.Minute || string(p.(*packet.Publish).Payload) != "late" {
			t.Errorf("the will came after %v: %+v", took, p)
		}
		time.Sleep(51 * time.Minute)
		synctest.Wait()
		if n := len(s.Clients()); n != 1 {
			t.Errorf("%d sessions are left", n)
		}
	})
}

// TestBlockedClientBlocksNobody has a subscriber that reads nothing. Another one gets everything, QoS 0 for the first is
// dropped once its buffers are full, and in the end it is disconnected.
func TestBlockedClientBlocksNobody(t *testing.T) {
	o := emulator.Options{Profile: emulator.Generic, Limits: broker.Limits{OutBuffer: 10_000, WriteTimeout: time.Minute}}
	bubble(t, o, memnet.Link{Buffer: 2000}, func(t *testing.T, s *emulator.Server) {
		stuck, _ := connect(t, s, packet.Connect{ClientID: "stuck", CleanStart: true})
		stuck.subscribe(1, "t")
		fine, _ := connect(t, s, packet.Connect{ClientID: "fine", CleanStart: true})
		fine.subscribe(1, "t")
		pub, _ := connect(t, s, packet.Connect{ClientID: "pub", CleanStart: true})
		payload := make([]byte, 1000)
		for i := range 100 {
			qos := packet.QoS(i % 2)
			pub.publish(packet.Publish{Topic: "t", QoS: qos, Payload: payload})
			fine.message(string(payload))
		}
		if st := s.Stats(); st.Dropped < 30 || st.Dropped > 50 {
			t.Errorf("%d messages were dropped", st.Dropped)
		}
		for _, c := range s.Clients() {
			if c.ID == "stuck" && (c.Waiting < 30 || !c.Connected) {
				t.Errorf("stuck: %d messages wait, connected %v", c.Waiting, c.Connected)
			}
		}
		time.Sleep(62 * time.Second)
		if n := s.Stats().Connected; n != 2 {
			t.Errorf("%d clients are connected, want 2", n)
		}
	})
}

// TestUnreadAnswersStopTheReading has a client that sends and never reads: its own writes block, the server keeps little.
func TestUnreadAnswersStopTheReading(t *testing.T) {
	o := emulator.Options{Profile: emulator.Generic, Limits: broker.Limits{OutBuffer: 1000, WriteTimeout: time.Hour}}
	bubble(t, o, memnet.Link{Buffer: 1000}, func(t *testing.T, s *emulator.Server) {
		c, _ := connect(t, s, packet.Connect{ClientID: "a", CleanStart: true})
		pings := make([]byte, 0, 200_000)
		for len(pings) < cap(pings) {
			pings = append(pings, 0xC0, 0)
		}
		if err := c.conn.SetWriteDeadline(time.Now().Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		n, err := c.conn.Write(pings)
		if err == nil || n > 100_000 {
			t.Fatalf("the server has taken %d bytes: %v", n, err)
		}
		// When the client reads, the server goes on.
		go func() { _, _ = c.conn.Write(append([]byte{0}[:0], pings[n:]...)) }()
		_ = c.conn.SetWriteDeadline(time.Time{})
		for range len(pings) / 2 {
			expect[*packet.Pingresp](c)
		}
	})
}

func TestCloseDoesNotWaitForBlockedClients(t *testing.T) {
	o := emulator.Options{Profile: emulator.Generic, Limits: broker.Limits{WriteTimeout: time.Hour}}
	bubble(t, o, memnet.Link{Buffer: 100}, func(t *testing.T, s *emulator.Server) {
		c, _ := connect(t, s, packet.Connect{ClientID: "a", CleanStart: true})
		c.subscribe(0, "t")
		for range 10 {
			if err := s.Publish(packet.Publish{Topic: "t", Payload: make([]byte, 500)}); err != nil {
				t.Fatal(err)
			}
		}
		start := time.Now()
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took > 5*time.Second {
			t.Errorf("Close took %v", took)
		}
	})
}

// stubborn is a connection whose writes wait for its end, whatever the deadline.
type stubborn struct {
	net.Conn
	closed chan struct{}
}

func (c *stubborn) Write([]byte) (int, error)        { <-c.closed; return 0, net.ErrClosed }
func (c *stubborn) SetWriteDeadline(time.Time) error { return nil }
func (c *stubborn) Close() error                     { close(c.closed); return c.Conn.Close() }

func TestCloseEndsStubbornConnections(t *testing.T) {
	bubble(t, emulator.Options{Profile: emulator.Generic}, memnet.Link{}, func(t *testing.T, s *emulator.Server) {
		for _, stop := range []func() error{s.Kill, func() error { return s.Restart(emulator.KeepSessions) }, s.Close} {
			near, far := net.Pipe()
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				_ = s.ServeConn(&onceClosed{Conn: &stubborn{Conn: far, closed: make(chan struct{})}}, broker.ConnInfo{})
			}()
			b, err := (&packet.Connect{ClientID: "a", CleanStart: true}).Append(nil, packet.V5)
			if err != nil {
				t.Fatal(err)
			}
			_, _ = near.Write(b)
			synctest.Wait()
			start := time.Now()
			if err := stop(); err != nil {
				t.Fatal(err)
			}
			if took := time.Since(start); took > 5*time.Second {
				t.Errorf("stopping took %v", took)
			}
			_ = near.Close()
			<-ended
		}
	})
}

// onceClosed is a connection that may be closed several times.
type onceClosed struct {
	net.Conn
	once sync.Once
}

func (c *onceClosed) Close() (err error) {
	c.once.Do(func() { err = c.Conn.Close() })
	return err
}

func TestConnectTimeoutInVirtualTime(t *testing.T) {
	bubble(t, emulator.Options{Profile: emulator.Generic}, memnet.Link{}, func(t *testing.T, s *emulator.Server) {
		c := dial(t, s, packet.V5)
		start := time.Now()
		if p, err := c.next(); err == nil {
			t.Errorf("got %+v", p)
		}
		if took := time.Since(start); took != 10*time.Second {
			t.Errorf("after %v", took)
		}
	})
}

// TestCutsAndLatencyHurtNobodyElse has clients on links that break all the time.
func TestCutsAndLatencyHurtNobodyElse(t *testing.T) {
	link := memnet.Link{Latency: 20 * time.Millisecond, Jitter: 30 * time.Millisecond, MaxRead: 50, RandomRead: true}
	bubble(t, emulator.Options{Profile: emulator.Generic}, link, func(t *testing.T, s *emulator.Server) {
		steady, _ := connect(t, s, packet.Connect{ClientID: "steady", CleanStart: true})
		steady.subscribe(1, "mine")
		shaky := memnet.New(memnet.Link{MeanLife: 200}, 3)
		l, err := shaky.Listen("other")
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			for {
				conn, err := l.Accept()
				if err != nil {
					return
				}
				go func() { _ = s.ServeConn(conn, broker.ConnInfo{Listener: "shaky"}) }()
			}
		}()
		for i := range 200 {
			conn, err := shaky.DialContext(t.Context(), "mem", "other")
			if err != nil {
				t.Fatal(err)
			}
			b, err := (&packet.Connect{ClientID: "shaky", SessionExpiry: 10}).Append(nil, packet.V5)
			if err != nil {
				t.Fatal(err)
			}
			for range 20 {
				b = append(b, 0xC0, 0)
			}
			_, _ = conn.Write(b)
			if i%10 == 0 {
				steady.send(&packet.Publish{Topic: "mine", Payload: []byte("on and on")})
				steady.message("on and on")
			}
			_ = conn.Close()
		}
		_ = l.Close()
		time.Sleep(time.Minute)
		if list := s.Clients(); len(list) != 1 || list[0].ID != "steady" {
			t.Errorf("clients: %+v", list)
		}
	})
}
