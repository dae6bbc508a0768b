package mqtt_test

import (
	"context"
	"errors"
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

// places are where the application's code runs. Each calls f once, after the client has connected to an obliging broker.
var places = map[string]func(t *testing.T, p *mqtttest.Peer, f func(c *mqtt.Client)) *mqtt.Client{
	"handler": func(t *testing.T, p *mqtttest.Peer, f func(*mqtt.Client)) *mqtt.Client {
		c := start(t, p)
		p.Serve(mqtttest.Echo)
		handler := func(mqtt.Message) { f(c) }
		if _, err := c.SubscribeFunc(t.Context(), handler, mqtt.Filter{Filter: "go"}); err != nil {
			t.Error(err)
		}
		if err := c.PublishAsync(mqtt.Publish{Topic: "go", QoS: 1}, nil); err != nil {
			t.Error(err)
		}
		return c
	},
	"loop": func(t *testing.T, p *mqtttest.Peer, f func(*mqtt.Client)) *mqtt.Client {
		c := start(t, p)
		p.Serve(mqtttest.Echo)
		s, err := c.Subscribe(t.Context(), mqtt.Filter{Filter: "go"})
		if err != nil {
			t.Error(err)
		}
		if err := c.PublishAsync(mqtt.Publish{Topic: "go", QoS: 1}, nil); err != nil {
			t.Error(err)
		}
		go func() {
			for range s.Messages(t.Context()) {
				f(c)
				return
			}
		}()
		return c
	},
	"fallback": func(t *testing.T, p *mqtttest.Peer, f func(*mqtt.Client)) *mqtt.Client {
		var c *mqtt.Client
		c = idle(t, p, func(cfg *mqtt.Config) {
			cfg.Handler = func(m mqtt.Message) {
				if m.Topic == "go" {
					f(c)
				}
			}
		})
		if err := c.Start(); err != nil {
			t.Error(err)
		}
		p.Serve(mqtttest.Echo)
		if err := c.PublishAsync(mqtt.Publish{Topic: "go", QoS: 1}, nil); err != nil {
			t.Error(err)
		}
		return c
	},
	"callback": func(t *testing.T, p *mqtttest.Peer, f func(*mqtt.Client)) *mqtt.Client {
		c := start(t, p)
		p.Serve(mqtttest.Echo)
		if err := c.PublishAsync(mqtt.Publish{Topic: "t", QoS: 1}, func(mqtt.PublishResult, error) { f(c) }); err != nil {
			t.Error(err)
		}
		return c
	},
	"trace": func(t *testing.T, p *mqtttest.Peer, f func(*mqtt.Client)) *mqtt.Client {
		var c *mqtt.Client
		c = idle(t, p, func(cfg *mqtt.Config) { cfg.Trace = &mqtt.Trace{Connected: func(mqtt.Session) { f(c) }} })
		if err := c.Start(); err != nil {
			t.Error(err)
		}
		p.Serve(mqtttest.Echo)
		return c
	},
}

// F01, F03, F04, F05: the application's code may do everything, wherever the client calls it, and wait for it.
func TestApplicationCodeMayCallEverything(t *testing.T) {
	t.Parallel()
	for place, run := range places {
		t.Run(place, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				over := make(chan error, 1)
				run(t, newPeer(t), func(c *mqtt.Client) { over <- doEverything(t.Context(), c) })
				if err := recv(t, over); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

func doEverything(ctx context.Context, c *mqtt.Client) error {
	for qos := range packet.QoS2 + 1 {
		if _, err := c.Publish(ctx, mqtt.Publish{Topic: "t", QoS: qos}); err != nil {
			return err
		}
	}
	// Another callback than this one, which would wait for itself.
	if err := c.PublishAsync(mqtt.Publish{Topic: "t", QoS: 1}, nil); err != nil {
		return err
	}
	s, err := c.Subscribe(ctx, mqtt.Filter{Filter: "inner"})
	if err != nil {
		return err
	}
	if _, err := c.Publish(ctx, mqtt.Publish{Topic: "inner", QoS: 1}); err != nil {
		return err
	}
	for m, err := range s.Messages(ctx) {
		if err != nil || m.Topic != "inner" {
			return fmt.Errorf("%v, %w", m, err)
		}
		break
	}
	got := make(chan mqtt.Message, 1)
	h, err := c.SubscribeFunc(ctx, func(m mqtt.Message) { got <- m }, mqtt.Filter{Filter: "handled"})
	if err != nil {
		return err
	}
	if _, err := c.Publish(ctx, mqtt.Publish{Topic: "handled", QoS: 1}); err != nil {
		return err
	}
	<-got
	if _, err := c.Connected(ctx); err != nil {
		return err
	}
	c.Stats()
	c.State()
	s.Filters()
	return errors.Join(h.Close(ctx), s.Close(ctx), c.Unsubscribe(ctx, "nothing"))
}

// F01: it may also end the client.
func TestApplicationCodeMayEndTheClient(t *testing.T) {
	t.Parallel()
	for place, run := range places {
		for way, end := range map[string]func(*mqtt.Client) error{
			"Shutdown": func(c *mqtt.Client) error { return c.Shutdown(context.Background()) },
			"Close":    (*mqtt.Client).Close,
		} {
			t.Run(place+" "+way, func(t *testing.T) {
				bubble(t, func(t *testing.T) {
					over := make(chan error, 1)
					begun := time.Now()
					c := run(t, newPeer(t), func(c *mqtt.Client) { over <- end(c) })
					if err := recv(t, over); err != nil {
						t.Error(err)
					}
					gone(t, c)
					if took := time.Since(begun); took > time.Second {
						t.Errorf("it took %v", took)
					}
				})
			})
		}
	}
}

// A subscription may be closed by its own handler.
func TestHandlerMayCloseItsSubscription(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPeer(t)
		c := start(t, p)
		p.Serve(mqtttest.Echo)
		over := make(chan error, 2)
		subscribed := make(chan struct{})
		var s *mqtt.Subscription
		s, err := c.SubscribeFunc(t.Context(), func(mqtt.Message) {
			<-subscribed
			over <- s.Close(t.Context())
		}, mqtt.Filter{Filter: "t"})
		if err != nil {
			t.Fatal(err)
		}
		close(subscribed)
		for range 2 {
			if _, err := c.Publish(t.Context(), mqtt.Publish{Topic: "t", QoS: 1}); err != nil {
				t.Fatal(err)
			}
		}
		if err := recv(t, over); err != nil {
			t.Error(err)
		}
	})
}

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

// F08: the order of one subscription is kept, whatever its handler does.
func TestOrderPerSubscription(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPeer(t)
		c, conn := connect(t, p)
		var got []string
		subscribe(t, c, conn, mqtt.SubscribeOptions{Handler: func(m mqtt.Message) {
			if len(got)%7 == 0 {
				time.Sleep(time.Millisecond)
			}
			got = append(got, string(m.Payload))
		}}, mqtt.Filter{Filter: "t/#", QoS: 2})
		id := uint16(0)
		for i := range 300 {
			qos := packet.QoS(i % 3)
			m := message(fmt.Sprintf("t/%d", i%5), fmt.Sprint(i), qos, 0)
			if qos > 0 {
				id++
				m.ID = id
			}
			conn.Send(m)
			if i%10 == 9 {
				time.Sleep(time.Duration(i%4) * time.Millisecond)
			}
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		for i, payload := range got {
			if payload != fmt.Sprint(i) {
				t.Fatalf("message %d is %s", i, payload)
			}
		}
		if len(got) != 300 {
			t.Errorf("%d messages", len(got))
		}
	})
}

// A handler may keep its message: nothing of it is used again.
func TestMessageIsTheHandlersOwn(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPeer(t)
		c, conn := connect(t, p)
		var kept []mqtt.Message
		subscribe(t, c, conn, mqtt.SubscribeOptions{Handler: func(m mqtt.Message) { kept = append(kept, m) }}, mqtt.Filter{Filter: "#"})
		for i := range 500 {
			m := message(fmt.Sprintf("t/%d", i), fmt.Sprintf("payload %d", i), 0, 0)
			if i%3 == 0 {
				m.CorrelationData, m.ContentType, m.ResponseTopic = []byte(fmt.Sprintf("token %d", i)), fmt.Sprint(i), "r"
				m.UserProperties = []packet.UserProperty{{Key: "k", Value: fmt.Sprint(i)}}
				m.MessageExpiry = packet.Some(uint32(i))
			}
			conn.Send(m)
			if i%50 == 0 {
				synctest.Wait()
			}
		}
		synctest.Wait()
		for i, m := range kept {
			rich := i%3 == 0
			if m.Topic != fmt.Sprintf("t/%d", i) || string(m.Payload) != fmt.Sprintf("payload %d", i) ||
				rich != (string(m.Correlation) == fmt.Sprintf("token %d", i)) || rich != (m.ContentType == fmt.Sprint(i)) ||
				rich != (len(m.User) == 1 && m.User[0].Value == fmt.Sprint(i)) || rich != (m.ResponseTopic == "r") ||
				!rich && m.Expiry != 0 || rich && m.Expiry != time.Duration(i)*time.Second {
				t.Fatalf("message %d: %+v", i, m)
			}
		}
		if len(kept) != 500 {
			t.Errorf("%d messages", len(kept))
		}
	})
}

// Borrowed payloads are right while the handler runs.
func TestBorrow(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPeer(t)
		c, conn := connect(t, p)
		n := 0
		subscribe(t, c, conn, mqtt.SubscribeOptions{Borrow: true, Handler: func(m mqtt.Message) {
			want := strings.Repeat(fmt.Sprint(n), n%50)
			if n%20 == 0 {
				time.Sleep(time.Millisecond) // meanwhile others arrive
			}
			if string(m.Payload) != want {
				t.Errorf("message %d: %q", n, m.Payload)
			}
			n++
		}}, mqtt.Filter{Filter: "t"})
		for i := range 1000 {
			conn.Send(message("t", strings.Repeat(fmt.Sprint(i), i%50), 0, 0))
			if i%100 == 0 {
				time.Sleep(500 * time.Microsecond)
			}
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if n != 1000 {
			t.Errorf("%d messages", n)
		}
	})
}
