package mqtt_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/mqtttest"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// flood sends n messages at QoS 0 of about 1 KiB, numbered, and returns how long the broker needed to get rid of them.
func flood(conn *mqtttest.Conn, topic string, from, n int) time.Duration {
	begun := time.Now()
	pad := make([]byte, 1000)
	for i := from; i < from+n; i += 50 {
		var list []packet.Packet
		for j := i; j < min(i+50, from+n); j++ {
			list = append(list, message(topic, fmt.Sprintf("%06d %s", j, pad), 0, 0))
		}
		conn.Send(list...)
	}
	return time.Since(begun)
}

// A flood at QoS 0 does not lock out what a handler waits for: the client reads on, drops and counts.
func TestFloodWhileAHandlerPublishes(t *testing.T) {
	both(t, func(t *testing.T, version packet.Version) {
		p := newPeer(t)
		dropped := make(chan int, 100)
		c, conn := connect(t, p, v(version), func(c *mqtt.Config) {
			c.InboundBytes = 64 << 10
			c.Trace = &mqtt.Trace{Dropped: func(n int) { dropped <- n }}
		})
		var got []string
		subscribe(t, c, conn, mqtt.SubscribeOptions{Handler: func(m mqtt.Message) {
			if got = append(got, string(m.Payload[:6])); len(got) > 1 {
				return
			}
			if _, err := c.Publish(t.Context(), mqtt.Publish{Topic: "answer", QoS: 1}); err != nil {
				t.Error(err)
			}
		}}, mqtt.Filter{Filter: "t"})
		flood(conn, "t", 0, 1)
		answer := mqtttest.Expect[packet.Publish](conn)
		if took := flood(conn, "t", 1, 2000); took > time.Second { // 2 MB, much above the limit
			t.Errorf("the broker was held up for %v", took)
		}
		conn.Send(mqtttest.Answer(conn, answer)...) // behind the flood
		n := recv(t, dropped)
		synctest.Wait()
		s := c.Stats()
		if s.Dropped == 0 || uint64(n) != s.Dropped || s.Crowded == 0 || s.InboundBytes != 0 {
			t.Errorf("told %d, %+v", n, s)
		}
		if len(got)+int(s.Dropped) != 2001 {
			t.Errorf("%d messages and %d dropped, of 2001", len(got), s.Dropped)
		}
		for i := 1; i < len(got); i++ {
			if got[i] <= got[i-1] {
				t.Fatalf("%s after %s", got[i], got[i-1])
			}
		}
		flood(conn, "t", 5000, 1) // it is over
		synctest.Wait()
		if got[len(got)-1] != "005000" || s.Dropped != c.Stats().Dropped {
			t.Errorf("the last message is %s", got[len(got)-1])
		}
	})
}

// The memory for messages that wait is bounded while a handler blocks, and the connection lives.
func TestBlockedHandlerUnderFlood(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPeer(t)
		c, conn := connect(t, p, func(c *mqtt.Config) {
			c.InboundBytes = 64 << 10
			c.KeepAlive = 10 * time.Second
		})
		release := make(chan struct{})
		subscribe(t, c, conn, mqtt.SubscribeOptions{Handler: func(mqtt.Message) { <-release }}, mqtt.Filter{Filter: "t"})
		for i := range 30 {
			flood(conn, "t", i*100, 100)
			time.Sleep(time.Second)
			// What one read can bring on top, twice, beside the batch that the handler has.
			if n := c.Stats().InboundBytes; n > 3*(64<<10+64<<10) {
				t.Fatalf("%d bytes wait", n)
			}
			if i%10 == 9 {
				mqtttest.Expect[packet.Pingreq](conn)
				conn.Send(new(packet.Pingresp))
			}
		}
		if s := c.Stats(); s.Connects != 1 || s.Dropped < 2000 {
			t.Errorf("%+v", s)
		}
		close(release)
		synctest.Wait()
		if n := c.Stats().InboundBytes; n != 0 {
			t.Errorf("%d bytes are left", n)
		}
	})
}

// What is dropped is what comes, or what has waited longest, as the subscription says. Messages at QoS 1 are no part of it.
func TestDropPolicy(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]mqtt.SubscribeOptions{
		"newest": {}, "oldest": {Drop: mqtt.DropOldest}, "oldest, borrowed": {Drop: mqtt.DropOldest, Borrow: true},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				p := newPeer(t)
				dropped := make(chan int, 100)
				c, conn := connect(t, p, func(c *mqtt.Config) {
					c.InboundBytes = 64 << 10
					c.Trace = &mqtt.Trace{Dropped: func(n int) { dropped <- n }}
				})
				var got []string
				release := make(chan struct{})
				o.Handler = func(m mqtt.Message) {
					if got = append(got, string(m.Payload[:6])); len(got) == 1 {
						<-release
					}
				}
				subscribe(t, c, conn, o, mqtt.Filter{Filter: "t", QoS: 1})
				flood(conn, "t", 0, 1)
				synctest.Wait() // the handler has it
				conn.Send(message("t", "QoS 1.", 1, 1))
				flood(conn, "t", 1, 2000)
				synctest.Wait()
				if n := c.Stats().InboundBytes; n > 3*(64<<10) {
					t.Errorf("%d bytes wait", n)
				}
				close(release)
				mqtttest.Expect[packet.Puback](conn)
				synctest.Wait()
				s := c.Stats()
				told := 0
				for len(dropped) > 0 {
					told += <-dropped
				}
				if s.InboundBytes != 0 || s.Dropped == 0 || len(got)+int(s.Dropped) != 2002 || told != int(s.Dropped) {
					t.Errorf("%d messages and %d dropped, of 2002, %d told, %d bytes left", len(got), s.Dropped, told, s.InboundBytes)
				}
				if got[1] != "QoS 1." {
					t.Errorf("the second message is %q", got[1])
				}
				rest := got[2:]
				for i := 1; i < len(rest); i++ {
					if rest[i] <= rest[i-1] {
						t.Fatalf("%s after %s", rest[i], rest[i-1])
					}
				}
				first, last := rest[0] == "000001", rest[len(rest)-1] == "002000"
				if oldest := o.Drop == mqtt.DropOldest; first == oldest || last != oldest {
					t.Errorf("handled are %s to %s", rest[0], rest[len(rest)-1])
				}
			})
		})
	}
}

// F06: a consumer that is stuck costs others no message, however long it is.
func TestStuckConsumerCostsOthersNothing(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPeer(t)
		c, conn := connect(t, p, func(c *mqtt.Config) { c.InboundBytes = 256 << 10 })
		subscribe(t, c, conn, mqtt.SubscribeOptions{}, mqtt.Filter{Filter: "nobody/takes"})
		n := 0
		subscribe(t, c, conn, mqtt.SubscribeOptions{Handler: func(mqtt.Message) { n++ }}, mqtt.Filter{Filter: "healthy"})
		flood(conn, "nobody/takes", 0, 2000)
		for i := range 200 {
			flood(conn, "nobody/takes", 2000+i*10, 10)
			flood(conn, "healthy", i*10, 10)
			synctest.Wait()
		}
		if s := c.Stats(); n != 2000 || s.Dropped < 3000 || s.InboundBytes > 2*256<<10 {
			t.Errorf("%d messages, %+v", n, s)
		}
	})
}

// When too many are stuck, everybody's messages are dropped before the memory grows on.
func TestManyStuckConsumers(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPeer(t)
		c, conn := connect(t, p, func(c *mqtt.Config) { c.InboundBytes = 256 << 10 })
		for i := range 40 {
			subscribe(t, c, conn, mqtt.SubscribeOptions{}, mqtt.Filter{Filter: fmt.Sprint(i)})
		}
		for i := range 40 {
			flood(conn, fmt.Sprint(i), 0, 100)
		}
		if s := c.Stats(); s.InboundBytes > 2*256<<10+2000 || s.InboundBytes < 256<<10 {
			t.Errorf("%+v", s)
		}
	})
}

// A handler that only is slower than the broker loses nothing: the reader waits for it.
func TestSlowHandlerThrottlesTheReader(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPeer(t)
		c, conn := connect(t, p, func(c *mqtt.Config) { c.InboundBytes = 64 << 10 })
		n := 0
		subscribe(t, c, conn, mqtt.SubscribeOptions{Handler: func(mqtt.Message) {
			time.Sleep(time.Millisecond)
			n++
		}}, mqtt.Filter{Filter: "t"})
		flood(conn, "t", 0, 3000)
		time.Sleep(time.Minute)
		synctest.Wait()
		if s := c.Stats(); n != 3000 || s.Dropped != 0 {
			t.Errorf("%d messages, %+v", n, s)
		}
	})
}

// At QoS 1 and 2 the receive maximum is the brake, and the broker is held to it: in strict mode to the message, otherwise
// as long as the memory for its messages would not stay bounded.
//
// Conformance: MQTT-3.3.4-9
func TestReceiveMaximumIsEnforced(t *testing.T) {
	bubble(t, func(t *testing.T) {
		for strict, forgiven := range map[bool]int{true: 0, false: 10} {
			p := newPeer(t)
			release := make(chan struct{})
			told := make(chan error, 100)
			c := start(t, p, func(c *mqtt.Config) {
				c.ReceiveMaximum, c.Strict, c.InboundBytes = 10, strict, 5<<10
				c.Handler = func(mqtt.Message) { <-release }
				c.Trace = &mqtt.Trace{Forgiven: func(err error) { told <- err }}
			})
			conn, connect := p.Connect(&packet.Connack{})
			connected(t, c)
			if connect.ReceiveMaximum != 10 {
				t.Errorf("CONNECT says %d", connect.ReceiveMaximum)
			}
			burst(conn, "t", 10)
			conn.ExpectSilence(time.Minute - 1) // the handler has not returned
			mqtttest.Expect[packet.Pingreq](conn)
			conn.Send(new(packet.Pingresp))
			for i := range forgiven {
				conn.Send(message("t", "too many", 1, uint16(11+i)))
				wantErr(t, recv(t, told), &mqtt.ProtocolError{Code: packet.ReceiveMaximumExceeded, Clause: "MQTT-3.3.4-9"})
			}
			conn.Send(message("t", "one too many", 1, 99))
			if d := mqtttest.Expect[packet.Disconnect](conn); d.Code != packet.ReceiveMaximumExceeded {
				t.Errorf("DISCONNECT %v", d.Code)
			}
			if n := c.Stats().Forgiven; n != uint64(forgiven) {
				t.Errorf("%d times forgiven, want %d", n, forgiven)
			}
			close(release)
		}
	})
}

// Callbacks that block do not let their number grow without bound.
func TestBlockedCallbackBoundsPublishing(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPeer(t)
		c := start(t, p, func(c *mqtt.Config) { c.Queue.Count = 100 })
		p.Serve(nil)
		connected(t, c)
		release := make(chan struct{})
		calls, accepted := 0, 0
		for range 1000 {
			err := c.PublishAsync(mqtt.Publish{Topic: "t", QoS: 1}, func(_ mqtt.PublishResult, err error) {
				<-release
				if calls++; err != nil {
					t.Error(err)
				}
			})
			if err == nil {
				accepted++
			} else if wantErr(t, err, mqtt.ErrQueueFull); accepted > 220 {
				t.Fatalf("%d callbacks wait", accepted)
			}
			synctest.Wait()
		}
		close(release)
		synctest.Wait()
		if calls != accepted || accepted < 100 || accepted > 220 {
			t.Errorf("%d accepted, %d calls", accepted, calls)
		}
	})
}

// A trace function that blocks holds up nothing, and what waits for it is bounded.
func TestBlockedTrace(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPeer(t)
		release := make(chan struct{})
		told := 0
		c := start(t, p, func(c *mqtt.Config) {
			c.Reconnect = mqtt.Backoff{Min: time.Second, Max: time.Second, Jitter: mqtt.NoJitter}
			c.Trace = &mqtt.Trace{Attempt: func(int) {
				<-release
				told++
			}}
			c.Endpoint.Dial = newRefusingDial()
		})
		time.Sleep(5000 * time.Second)
		if s := c.Stats(); s.Failures < 4990 || s.Untold < 800 {
			t.Errorf("%+v", s)
		}
		close(release)
		c.Close()
		gone(t, c)
		if told > 4200 || told < 4000 {
			t.Errorf("told of %d attempts", told)
		}
	})
}
