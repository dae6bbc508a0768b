package mqtt_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/mqtttest"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// keepAlive sets it.
func keepAlive(d time.Duration) func(*mqtt.Config) { return func(c *mqtt.Config) { c.KeepAlive = d } }

// Days of silence are days of pings, each on time.
//
// Conformance: MQTT-3.1.2-20, MQTT-3.12.4-1
func TestPingsForDays(t *testing.T) {
	both(t, func(t *testing.T, version packet.Version) {
		p := newPeer(t)
		c, conn := connect(t, p, v(version), keepAlive(time.Minute))
		begun := time.Now()
		for i := range 3 * 24 * 60 {
			mqtttest.Expect[packet.Pingreq](conn)
			if at := time.Since(begun); at != time.Duration(i+1)*time.Minute {
				t.Fatalf("ping %d after %v", i+1, at)
			}
			conn.Send(new(packet.Pingresp))
		}
		if s := c.Stats(); s.Connects != 1 {
			t.Errorf("%+v", s)
		}
	})
}

// What CONNACK says replaces our own.
//
// Conformance: MQTT-3.1.2-21, MQTT-3.2.2-21
func TestServerKeepAlive(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPeer(t)
		c := start(t, p, keepAlive(time.Hour))
		conn, connect := p.Connect(&packet.Connack{ServerKeepAlive: packet.Some(uint16(7))})
		connected(t, c)
		begun := time.Now()
		mqtttest.Expect[packet.Pingreq](conn)
		if at := time.Since(begun); at != 7*time.Second || connect.KeepAlive != 3600 {
			t.Errorf("after %v, asked for %d s", at, connect.KeepAlive)
		}
	})
}

// Negative: no pings, and the broker is told.
func TestNoKeepAlive(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPeer(t)
		c := start(t, p, keepAlive(-1))
		conn, connect := p.Connect(&packet.Connack{})
		connected(t, c)
		if connect.KeepAlive != 0 {
			t.Errorf("CONNECT says %d s", connect.KeepAlive)
		}
		conn.ExpectSilence(100 * time.Hour)
	})
}

// F37, F38: a peer that is gone without a word is found out within keep alive and ping timeout, whether there is nothing to
// send or so much that writes are stuck.
func TestHalfOpen(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]func(*mqtt.Client, *mqtttest.Conn){
		"idle": func(_ *mqtt.Client, conn *mqtttest.Conn) { conn.Stall(true) },
		"writing": func(c *mqtt.Client, conn *mqtttest.Conn) {
			conn.Stall(true)
			for range 100 {
				_ = c.PublishAsync(mqtt.Publish{Topic: "t", QoS: 1, Payload: make([]byte, 10_000)}, nil)
			}
		},
		"writing QoS 0": func(c *mqtt.Client, conn *mqtttest.Conn) {
			conn.Stall(true)
			for range 100 {
				_ = c.PublishAsync(mqtt.Publish{Topic: "t", Payload: make([]byte, 10_000)}, nil)
			}
		},
		"one large message": func(c *mqtt.Client, conn *mqtttest.Conn) {
			_ = c.PublishAsync(mqtt.Publish{Topic: "t", QoS: 1, Payload: make([]byte, 10<<20)}, nil)
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				p := newPeer(t)
				lost := make(chan error, 1)
				c, conn := connect(t, p, func(c *mqtt.Config) {
					c.KeepAlive, c.PingTimeout = 60*time.Second, 20*time.Second
					c.Trace = &mqtt.Trace{Disconnected: func(err error) { lost <- err }}
				})
				begun := time.Now()
				test(c, conn)
				wantErr(t, recv(t, lost), mqtt.ErrPingTimeout)
				// The last words may take another second.
				if took := time.Since(begun); took < 20*time.Second || took > 81*time.Second {
					t.Errorf("after %v", took)
				}
				p.Connect(&packet.Connack{SessionPresent: true})
				connected(t, c)
			})
		})
	}
}

// A ping that waits behind a large message on a slow link is not late as long as there is progress.
func TestPingBehindALargePublish(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPeer(t)
		p.Buffer = 4096
		c, conn := connect(t, p, func(c *mqtt.Config) { c.KeepAlive, c.PingTimeout = 10*time.Second, 4*time.Second })
		over := publish(t.Context(), c, mqtt.Publish{Topic: "t", QoS: 1, Payload: make([]byte, 1<<20)})
		raw, pinged := conn.NetConn(), false
		buf := make([]byte, 4096)
		begun := time.Now()
		var framer packet.Framer
		for !pinged { // 32 KiB/s: the message takes half a minute, three times the keep alive
			n, err := raw.Read(buf)
			if err != nil {
				t.Fatalf("after %v: %v", time.Since(begun), err)
			}
			time.Sleep(125 * time.Millisecond)
			for rest := buf[:n]; len(rest) > 0; {
				f, r, ok, err := framer.Next(rest)
				if err != nil {
					t.Fatal(err)
				}
				if rest = r; !ok {
					continue
				}
				switch f.Type() {
				case packet.PUBLISH:
					conn.Send(&packet.Puback{Ack: packet.Ack{ID: 1}})
				case packet.PINGREQ:
					conn.Send(new(packet.Pingresp))
					pinged = true
				}
			}
		}
		if r := <-over; r.err != nil {
			t.Error(r.err)
		}
		if s := c.Stats(); s.Connects != 1 || time.Since(begun) < 30*time.Second {
			t.Errorf("after %v: %+v", time.Since(begun), s)
		}
	})
}

// F39, F41: the first unanswered ping decides, and a ping that was outstanding does not carry over.
func TestPingStateIsPerConnection(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPeer(t)
		c, conn := connect(t, p, keepAlive(20*time.Second))
		for range 20 {
			mqtttest.Expect[packet.Pingreq](conn) // never answered
			conn.Cut()
			conn, _ = p.Connect(&packet.Connack{SessionPresent: true})
			connected(t, c)
			begun := time.Now()
			mqtttest.Expect[packet.Pingreq](conn)
			if at := time.Since(begun); at != 20*time.Second {
				t.Fatalf("the first ping of a connection after %v", at)
			}
			conn.Send(new(packet.Pingresp))
		}
		if n := c.Stats().Connects; n != 21 {
			t.Errorf("%d connections", n)
		}
		mqtttest.Expect[packet.Pingreq](conn)
		if d := mqtttest.Expect[packet.Disconnect](conn); d.Code != packet.KeepAliveTimeout {
			t.Errorf("DISCONNECT %v", d.Code)
		}
	})
}

// Traffic that is acknowledged makes pings needless; traffic that is not does not.
func TestOnlyAcknowledgedTrafficSavesPings(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPeer(t)
		c, conn := connect(t, p, keepAlive(10*time.Second))
		for range 10 {
			time.Sleep(5 * time.Second)
			over := publish(t.Context(), c, mqtt.Publish{Topic: "t", QoS: 1})
			conn.Send(mqtttest.Answer(conn, mqtttest.Expect[packet.Publish](conn))...)
			<-over
		}
		begun := time.Now()
		for range 2 { // QoS 0 proves nothing
			time.Sleep(4 * time.Second)
			if _, err := c.Publish(t.Context(), mqtt.Publish{Topic: "t"}); err != nil {
				t.Error(err)
			}
			mqtttest.Expect[packet.Publish](conn)
		}
		mqtttest.Expect[packet.Pingreq](conn)
		if at := time.Since(begun); at != 10*time.Second {
			t.Errorf("after %v", at)
		}
		conn.Send(new(packet.Pingresp))
		synctest.Wait()
	})
}
