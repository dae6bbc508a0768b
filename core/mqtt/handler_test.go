package mqtt_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/mqtttest"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// A handler that panics, or ends its goroutine, loses neither the next message nor its acknowledgement.
func TestHandlerPanics(t *testing.T) {
	t.Parallel()
	for name, fail := range map[string]func(){
		"panic": func() { panic("ouch") }, "nil panic": func() { panic(nil) }, "error": func() { panic(errDial) }, "exit": runtime.Goexit,
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				p := newPeer(t)
				told := make(chan string, 10)
				c, conn := connect(t, p, func(c *mqtt.Config) {
					c.Trace = &mqtt.Trace{HandlerPanic: func(v any, stack []byte) { told <- fmt.Sprintf("%v %s", v, stack) }}
				})
				var got []string
				s := subscribe(t, c, conn, mqtt.SubscribeOptions{Handler: func(m mqtt.Message) {
					if got = append(got, string(m.Payload)); len(got)%2 == 1 {
						fail()
					}
				}}, mqtt.Filter{Filter: "t", QoS: 1})
				for i := range uint16(5) {
					conn.Send(message("t", fmt.Sprint(i), 1, i+1))
				}
				for i := range uint16(5) {
					if ack := mqtttest.Expect[packet.Puback](conn); ack.ID != i+1 || ack.Code != packet.Success {
						t.Errorf("%+v", ack)
					}
				}
				synctest.Wait()
				if strings.Join(got, "") != "01234" || c.Stats().Panics != 3 || len(told) != 3 || c.Stats().InboundBytes != 0 {
					t.Errorf("%q, %+v, told %d times", got, c.Stats(), len(told))
				}
				if text := <-told; !strings.Contains(text, "TestHandlerPanics") {
					t.Errorf("a stack without the handler: %s", text)
				}
				over := async(func() error { return s.Close(t.Context()) })
				conn.Send(mqtttest.Answer(conn, mqtttest.Expect[packet.Unsubscribe](conn))...)
				if err := <-over; err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// Callbacks and trace functions that panic or exit do not stop those that come after.
func TestCallbackAndTracePanics(t *testing.T) {
	t.Parallel()
	for name, fail := range map[string]func(){"panic": func() { panic("ouch") }, "exit": runtime.Goexit} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				p := newPeer(t)
				var told int
				c := start(t, p, func(c *mqtt.Config) {
					c.Trace = &mqtt.Trace{
						Attempt:      func(int) { fail() },
						Connected:    func(mqtt.Session) { fail() },
						HandlerPanic: func(any, []byte) { told++; fail() },
						Disconnected: func(error) { told += 100 },
					}
				})
				p.Serve(nil)
				calls := make(chan int, 10)
				for i := range 10 {
					err := c.PublishAsync(mqtt.Publish{Topic: "t", QoS: 1}, func(mqtt.PublishResult, error) {
						if calls <- i; i%3 == 0 {
							fail()
						}
					})
					if err != nil {
						t.Fatal(err)
					}
				}
				for i := range 10 {
					if got := recv(t, calls); got != i {
						t.Errorf("callback %d, want %d", got, i)
					}
				}
				synctest.Wait()
				c.Close()
				gone(t, c)
				if told != 104 || c.Stats().Panics != 4+4+2 {
					t.Errorf("told %d, %d panics", told, c.Stats().Panics)
				}
			})
		})
	}
}

// F42: a handler that takes ten times the keep alive does not cost the connection, and does not hold up others.
func TestBlockedHandler(t *testing.T) {
	both(t, func(t *testing.T, version packet.Version) {
		p := newPeer(t)
		c := start(t, p, v(version), func(c *mqtt.Config) { c.KeepAlive = 10 * time.Second })
		conn, _ := p.Connect(&packet.Connack{})
		connected(t, c)
		release := make(chan struct{})
		slow, fast := make(chan string, 10), make(chan string, 10)
		subscribe(t, c, conn, mqtt.SubscribeOptions{Handler: func(m mqtt.Message) {
			slow <- string(m.Payload)
			<-release
		}}, mqtt.Filter{Filter: "slow", QoS: 1})
		subscribe(t, c, conn, mqtt.SubscribeOptions{Handler: func(m mqtt.Message) { fast <- string(m.Payload) }}, mqtt.Filter{Filter: "fast", QoS: 1})
		conn.Send(message("slow", "1", 0, 0), message("slow", "2", 1, 1), message("fast", "1", 0, 0))
		if recv(t, slow) != "1" || recv(t, fast) != "1" {
			t.Error("wrong messages")
		}
		pings := 0
		for until := time.Now().Add(100 * time.Second); time.Now().Before(until); pings++ {
			mqtttest.Expect[packet.Pingreq](conn)
			conn.Send(new(packet.Pingresp), message("fast", "again", 0, 0))
			recv(t, fast)
		}
		if pings < 10 || c.Stats().Connects != 1 {
			t.Errorf("%d pings, %d connections", pings, c.Stats().Connects)
		}
		close(release)
		if recv(t, slow) != "2" {
			t.Error("wrong message")
		}
		mqtttest.Expect[packet.Puback](conn)
	})
}

// A handler that is slow with every message gets each acknowledged when it is done, not in groups.
func TestSlowHandlerAcknowledgesEachMessage(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPeer(t)
		c, conn := connect(t, p)
		subscribe(t, c, conn, mqtt.SubscribeOptions{Handler: func(mqtt.Message) { time.Sleep(time.Second) }}, mqtt.Filter{Filter: "t", QoS: 1})
		var burst []packet.Packet
		for i := range uint16(20) {
			burst = append(burst, message("t", "", 1, i+1))
		}
		begun := time.Now()
		conn.Send(burst...)
		for i := range 20 {
			mqtttest.Expect[packet.Puback](conn)
			if late := time.Since(begun) - time.Duration(i+1)*time.Second; late < 0 || late > time.Millisecond {
				t.Errorf("acknowledgement %d came %v late", i+1, late)
			}
		}
	})
}
