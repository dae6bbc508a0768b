package mqtt_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/mqtttest"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// The link may die at any byte that is written or read. Afterwards everything is as if it had not, within what each QoS
// promises.
func TestCutAtEveryByte(t *testing.T) {
	t.Parallel()
	for name, cut := range map[string]func(net.Conn, int) net.Conn{"write": mqtttest.CutWrite, "read": mqtttest.CutRead} {
		for _, version := range []packet.Version{packet.V5, packet.V311} {
			t.Run(name+" "+version.String(), func(t *testing.T) {
				bubble(t, func(t *testing.T) {
					var read, written atomic.Int64
					exchange(t, version, func(_ int, conn net.Conn) net.Conn { return &countingConn{conn, &read, &written} })
					total := written.Load()
					if name == "read" {
						total = read.Load()
					}
					if total < 50 {
						t.Fatalf("only %d bytes", total)
					}
					for at := range int(total) {
						exchange(t, version, func(n int, conn net.Conn) net.Conn {
							switch n {
							case 1:
								return cut(conn, at)
							case 2:
								return cut(conn, (at*7+3)%int(total))
							}
							return conn
						})
						if t.Failed() {
							t.Fatalf("at byte %d of %d", at, total)
						}
					}
				})
			})
		}
	}
}

// exchange lets a client do a bit of everything over connections that are wrapped, and checks the outcome.
func exchange(t *testing.T, version packet.Version, wrap func(n int, conn net.Conn) net.Conn) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	p := newPeer(t)
	defer p.Close()
	b := newBroker(message("in/0", "", 0, 0), message("in/1", "", 1, 0), message("in/2", "", 2, 0))
	p.Serve(b.answer)
	n := 0
	c, err := mqtt.New(configure(p, v(version), func(c *mqtt.Config) {
		c.Endpoint.Dial = func(ctx context.Context) (net.Conn, error) {
			conn, err := p.Dial(ctx)
			n++
			return wrap(n, conn), err
		}
	}))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	got := make(map[string]int)
	arrived := make(chan struct{}, 100)
	_, err = c.SubscribeFunc(ctx, func(m mqtt.Message) {
		mu.Lock()
		got[m.Topic]++
		mu.Unlock()
		arrived <- struct{}{}
	}, mqtt.Filter{Filter: "in/+", QoS: 2})
	if err != nil {
		t.Error(err)
	}
	_, err0 := c.Publish(ctx, mqtt.Publish{Topic: "out/0", Payload: []byte("abc")})
	if err0 == nil && b.received("out/0") > 1 || err0 != nil && mqtt.NotSent(err0) && b.received("out/0") != 0 {
		t.Errorf("QoS 0: %v, received %d times", err0, b.received("out/0"))
	}
	first := publish(ctx, c, mqtt.Publish{Topic: "out/1", QoS: 1})
	second := publish(ctx, c, mqtt.Publish{Topic: "out/2", QoS: 2})
	for _, over := range []<-chan result{first, second} {
		if r := recv(t, over); r.err != nil {
			t.Error(r.err)
		}
	}
	for { // until both have come
		mu.Lock()
		done := got["in/1"] > 0 && got["in/2"] > 0
		mu.Unlock()
		if done {
			break
		}
		recv(t, arrived)
	}
	if err := c.Shutdown(ctx); err != nil {
		t.Error(err)
	}
	gone(t, c)
	if n := b.received("out/2"); n != 1 || b.received("out/1") == 0 {
		t.Errorf("QoS 2 received %d times, QoS 1 %d times", n, b.received("out/1"))
	}
	if got["in/2"] != 1 || got["in/0"] > 1 {
		t.Errorf("delivered %v", got)
	}
	if s := c.Stats(); s.Queued != 0 || s.Panics != 0 {
		t.Errorf("%+v", s)
	}
}

type countingConn struct {
	net.Conn
	read, written *atomic.Int64
}

func (c *countingConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.read.Add(int64(n))
	return n, err
}

func (c *countingConn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.written.Add(int64(n))
	return n, err
}

// Packets may arrive in any pieces.
func TestBytesOneByOne(t *testing.T) {
	both(t, func(t *testing.T, version packet.Version) {
		for n := 1; n < 5; n++ {
			exchange(t, version, func(_ int, conn net.Conn) net.Conn { return mqtttest.Split(conn, n) })
		}
	})
}

// F15, F36: a broker that forgets the session now and then costs QoS 2 messages that it had taken, and nothing else.
func TestSessionIsForgottenNowAndThen(t *testing.T) {
	both(t, func(t *testing.T, version packet.Version) {
		p := newPeer(t)
		b := newBroker()
		p.Serve(b.answer)
		n := 0
		c := start(t, p, v(version), func(c *mqtt.Config) {
			c.Reconnect.Max = time.Second
			c.Endpoint.Dial = func(ctx context.Context) (net.Conn, error) {
				conn, err := p.Dial(ctx)
				if n++; n < 200 {
					conn = mqtttest.CutWrite(conn, 100+n*37%400)
				}
				if n%4 == 0 {
					b.mu.Lock()
					b.forget = true
					b.mu.Unlock()
				}
				return conn, err
			}
		})
		var wg sync.WaitGroup
		var lost atomic.Int64
		for worker := range 5 {
			wg.Go(func() {
				for i := range 60 {
					topic, qos := fmt.Sprintf("%d/%d", worker, i), packet.QoS(1+i%2)
					_, err := c.Publish(t.Context(), mqtt.Publish{Topic: topic, QoS: qos})
					switch {
					case qos == 2 && errors.Is(err, mqtt.ErrSessionLost):
						lost.Add(1)
					case err != nil:
						t.Errorf("%s: %v", topic, err)
					case b.received(topic) == 0:
						t.Errorf("%s was not received", topic)
					}
				}
			})
		}
		wg.Wait()
		if lost.Load() > 30 || n < 10 {
			t.Errorf("%d lost in %d connections", lost.Load(), n)
		}
	})
}
