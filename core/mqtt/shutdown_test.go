package mqtt_test

import (
	"context"
	"errors"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/mqtttest"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// situations are the states in which a client may be ended. Each returns a client in that state; what is under way
// cannot finish by itself.
var situations = map[string]func(t *testing.T, p *mqtttest.Peer) *mqtt.Client{
	"idle": func(t *testing.T, p *mqtttest.Peer) *mqtt.Client { return idle(t, p) },
	"idle with work": func(t *testing.T, p *mqtttest.Peer) *mqtt.Client {
		c := idle(t, p)
		pending(t, c)
		return c
	},
	"dialling": func(t *testing.T, p *mqtttest.Peer) *mqtt.Client {
		return start(t, p, func(c *mqtt.Config) {
			c.Endpoint.Dial = func(ctx context.Context) (net.Conn, error) {
				<-ctx.Done()
				return nil, ctx.Err()
			}
		})
	},
	"preparing": func(t *testing.T, p *mqtttest.Peer) *mqtt.Client {
		return start(t, p, func(c *mqtt.Config) {
			c.Endpoint.Prepare = func(ctx context.Context, _ *packet.Connect) error {
				<-ctx.Done()
				return ctx.Err()
			}
		})
	},
	"handshake": func(t *testing.T, p *mqtttest.Peer) *mqtt.Client {
		c := start(t, p)
		mqtttest.Expect[packet.Connect](p.Accept())
		return c
	},
	"handshake with a broker that does not read": func(t *testing.T, p *mqtttest.Peer) *mqtt.Client {
		p.Buffer = 1
		c := start(t, p)
		p.Accept()
		return c
	},
	"connected": func(t *testing.T, p *mqtttest.Peer) *mqtt.Client {
		c, _ := connect(t, p)
		return c
	},
	"connected with work": func(t *testing.T, p *mqtttest.Peer) *mqtt.Client {
		c, conn := connect(t, p)
		pending(t, c)
		mqtttest.Expect[packet.Publish](conn)
		return c
	},
	"connected with a stuck write": func(t *testing.T, p *mqtttest.Peer) *mqtt.Client {
		c, conn := connect(t, p)
		conn.Stall(true)
		pending(t, c)
		return c
	},
	"connected with a blocked handler": func(t *testing.T, p *mqtttest.Peer) *mqtt.Client {
		release := make(chan struct{})
		c, conn := connect(t, p, func(c *mqtt.Config) { c.Handler = func(mqtt.Message) { <-release } })
		conn.Send(message("t", "", 1, 1))
		time.AfterFunc(10*time.Second, func() { close(release) })
		return c
	},
	"connected with a blocked callback and trace function": func(t *testing.T, p *mqtttest.Peer) *mqtt.Client {
		release := make(chan struct{})
		c, conn := connect(t, p, func(c *mqtt.Config) {
			c.Trace = &mqtt.Trace{Connected: func(mqtt.Session) { <-release }}
		})
		if err := c.PublishAsync(mqtt.Publish{Topic: "t"}, func(mqtt.PublishResult, error) { <-release }); err != nil {
			t.Error(err)
		}
		mqtttest.Expect[packet.Publish](conn)
		time.AfterFunc(10*time.Second, func() { close(release) })
		return c
	},
	"flooded": func(t *testing.T, p *mqtttest.Peer) *mqtt.Client {
		release := make(chan struct{})
		c, conn := connect(t, p, func(c *mqtt.Config) {
			c.InboundBytes = 1000
			c.Handler = func(mqtt.Message) { <-release }
		})
		flood(conn, "t", 0, 50) // the reader waits for the handler
		time.AfterFunc(10*time.Second, func() { close(release) })
		return c
	},
	"waiting": func(t *testing.T, p *mqtttest.Peer) *mqtt.Client {
		p.Refuse(errDial)
		return start(t, p, func(c *mqtt.Config) { c.Reconnect = mqtt.Backoff{Min: time.Hour, Jitter: mqtt.NoJitter} })
	},
	"waiting with work": func(t *testing.T, p *mqtttest.Peer) *mqtt.Client {
		p.Refuse(errDial)
		c := start(t, p, func(c *mqtt.Config) { c.Reconnect = mqtt.Backoff{Min: time.Hour, Jitter: mqtt.NoJitter} })
		pending(t, c)
		return c
	},
	"closed": func(t *testing.T, p *mqtttest.Peer) *mqtt.Client {
		c, _ := connect(t, p)
		c.Close()
		return c
	},
}

// pending starts a publish that must end with the client.
func pending(t *testing.T, c *mqtt.Client) {
	over := publish(t.Context(), c, mqtt.Publish{Topic: "t", QoS: 1, Payload: make([]byte, 1<<20)})
	synctest.Wait()
	t.Cleanup(func() { wantErr(t, (<-over).err, mqtt.ErrClosed) })
}

// F48, F49, F55: the end comes in every state, in bounded time, as often and from as many goroutines as one likes.
func TestEndInEveryState(t *testing.T) {
	t.Parallel()
	ends := map[string]struct {
		end   func(t *testing.T, c *mqtt.Client)
		bound time.Duration
	}{
		"Close": {func(_ *testing.T, c *mqtt.Client) { c.Close() }, 0},
		"Close twice": {func(_ *testing.T, c *mqtt.Client) {
			c.Close()
			c.Close()
		}, 0},
		"Close at once from many goroutines": {func(_ *testing.T, c *mqtt.Client) {
			var wg sync.WaitGroup
			for range 5 {
				wg.Go(func() { c.Close() })
			}
			wg.Wait()
		}, 0},
		// The drain has 3 s, the last words one more.
		"Shutdown": {func(t *testing.T, c *mqtt.Client) { shutdown(t, c) }, 4 * time.Second},
		"Shutdown with no time at all": {func(t *testing.T, c *mqtt.Client) {
			_ = c.Shutdown(expired(t))
		}, time.Second},
		"Shutdown and Close": {func(t *testing.T, c *mqtt.Client) {
			over := async(func() error { return c.Shutdown(t.Context()) })
			synctest.Wait()
			c.Close()
			<-over
		}, 0},
		"Shutdown at once from many goroutines": {func(t *testing.T, c *mqtt.Client) {
			var wg sync.WaitGroup
			for range 5 {
				wg.Go(func() { shutdown(t, c) })
			}
			wg.Wait()
		}, 4 * time.Second},
	}
	for state, in := range situations {
		for way, end := range ends {
			t.Run(state+" "+way, func(t *testing.T) {
				bubble(t, func(t *testing.T) {
					c := in(t, newPeer(t))
					synctest.Wait()
					begun := time.Now()
					end.end(t, c)
					if took := time.Since(begun); took > end.bound {
						t.Errorf("took %v, want %v at the most", took, end.bound)
					}
					if c.State() != mqtt.StateClosed {
						t.Errorf("%v", c.State())
					}
					wantErr(t, c.Err(), mqtt.ErrClosed)
					gone(t, c)
					if err := c.Shutdown(t.Context()); err != nil {
						t.Errorf("once closed: %v", err)
					}
				})
			})
		}
	}
}

// shutdown gives a drain 3 s, and wants what is not finished to be told.
func shutdown(t *testing.T, c *mqtt.Client) {
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	left := c.Stats().Queued
	err := c.Shutdown(ctx)
	if failure, ok := errors.AsType[*mqtt.ShutdownError](err); left == 0 && err != nil || left > 0 && (!ok || failure.Unfinished != left) {
		t.Errorf("%d operations were under way, Shutdown says: %v", left, err)
	}
}

// Shutdown refuses new work, waits for what is under way, and says goodbye.
//
// Conformance: MQTT-3.14.4-1, MQTT-3.14.4-2
func TestShutdownDrains(t *testing.T) {
	both(t, func(t *testing.T, version packet.Version) {
		p := newPeer(t)
		c, conn := connect(t, p, v(version))
		over := publishAll(t, c, 3, always(1))
		list := wantTopics(t, conn, false, 0, 3)
		down := async(func() error { return c.Shutdown(t.Context()) })
		synctest.Wait()
		_, err := c.Publish(t.Context(), mqtt.Publish{Topic: "new"})
		if wantErr(t, err, mqtt.ErrClosed); !mqtt.NotSent(err) {
			t.Errorf("%v: may have been sent", err)
		}
		conn.ExpectSilence(10 * time.Second)
		for _, m := range list {
			conn.Send(mqtttest.Answer(conn, m)...)
		}
		if d := mqtttest.Expect[packet.Disconnect](conn); d.Code != packet.NormalDisconnection || d.SessionExpiry.IsSet() {
			t.Errorf("%+v", d)
		}
		conn.ExpectEnd()
		conn.Close()
		if err := <-down; err != nil {
			t.Error(err)
		}
		for _, over := range over {
			if err := recv(t, over); err != nil {
				t.Error(err)
			}
		}
		gone(t, c)
	})
}

// A drain goes on over a lost connection.
func TestShutdownDrainsOverAReconnect(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPeer(t)
		c, conn := connect(t, p)
		over := publishAll(t, c, 1, always(1))
		wantTopics(t, conn, false, 0, 1)
		down := async(func() error { return c.Shutdown(t.Context()) })
		conn.Cut()
		conn, _ = p.Connect(&packet.Connack{SessionPresent: true})
		conn.Send(mqtttest.Answer(conn, wantTopics(t, conn, true, 0, 1)[0])...)
		mqtttest.Expect[packet.Disconnect](conn)
		if err := errors.Join(<-down, recv(t, over[0])); err != nil {
			t.Error(err)
		}
	})
}

// What could not be delivered is counted, whoever ends the drain.
func TestShutdownSaysWhatIsLeft(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		end  func(*mqtt.Client, *mqtttest.Conn, context.CancelFunc)
		want error
	}{
		"context": {func(_ *mqtt.Client, _ *mqtttest.Conn, cancel context.CancelFunc) { cancel() }, context.Canceled},
		"Close":   {func(c *mqtt.Client, _ *mqtttest.Conn, _ context.CancelFunc) { c.Close() }, mqtt.ErrClosed},
		"refusal": {func(_ *mqtt.Client, conn *mqtttest.Conn, _ context.CancelFunc) {
			conn.Send(&packet.Disconnect{Code: packet.SessionTakenOver})
		}, &mqtt.ReasonError{Code: packet.SessionTakenOver}},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				p := newPeer(t)
				c, conn := connect(t, p)
				over := publishAll(t, c, 3, always(1))
				list := wantTopics(t, conn, false, 0, 3)
				conn.Send(mqtttest.Answer(conn, list[0])...)
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				down := async(func() error { return c.Shutdown(ctx) })
				synctest.Wait()
				test.end(c, conn, cancel)
				err := <-down
				wantErr(t, err, test.want)
				if failure, ok := errors.AsType[*mqtt.ShutdownError](err); !ok || failure.Unfinished != 2 {
					t.Errorf("%v", err)
				}
				for i, over := range over {
					if err := recv(t, over); i > 0 {
						wantErr(t, err, mqtt.ErrClosed)
					}
				}
			})
		})
	}
}

// The end can be told in other ways.
func TestShutdownOptions(t *testing.T) {
	bubble(t, func(t *testing.T) {
		for _, test := range []struct {
			options mqtt.ShutdownOptions
			want    packet.Disconnect
		}{
			{mqtt.ShutdownOptions{EndSession: true}, packet.Disconnect{SessionExpiry: packet.Some(uint32(0))}},
			{mqtt.ShutdownOptions{PublishWill: true}, packet.Disconnect{Code: packet.DisconnectWithWill}},
			{mqtt.ShutdownOptions{Reason: "maintenance"}, packet.Disconnect{ReasonString: "maintenance"}},
			{mqtt.ShutdownOptions{Reason: "\xff", EndSession: true}, packet.Disconnect{SessionExpiry: packet.Some(uint32(0))}},
		} {
			p := newPeer(t)
			c, conn := connect(t, p)
			down := async(func() error { return c.ShutdownWith(t.Context(), test.options) })
			d := mqtttest.Expect[packet.Disconnect](conn)
			if d.Code != test.want.Code || d.SessionExpiry != test.want.SessionExpiry || d.ReasonString != test.want.ReasonString {
				t.Errorf("%+v: %+v", test.options, d)
			}
			conn.Close()
			if err := <-down; err != nil {
				t.Error(err)
			}
		}
	})
}

// Close says nothing to the broker, which publishes the will.
func TestCloseSendsNoDisconnect(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPeer(t)
		c, conn := connect(t, p)
		c.Close()
		conn.ExpectEnd()
	})
}

// Shutdown returns without waiting for a handler; what that had is not acknowledged. Done waits for it.
func TestShutdownDoesNotWaitForHandlers(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPeer(t)
		release := make(chan struct{})
		c, conn := connect(t, p, func(c *mqtt.Config) { c.Handler = func(mqtt.Message) { <-release } })
		conn.Send(message("t", "", 1, 1))
		synctest.Wait()
		down := async(func() error { return c.Shutdown(t.Context()) })
		mqtttest.Expect[packet.Disconnect](conn)
		conn.ExpectEnd()
		conn.Close()
		if err := <-down; err != nil {
			t.Error(err)
		}
		select {
		case <-c.Done():
			t.Error("Done before the handler has returned")
		default:
		}
		close(release)
		gone(t, c)
	})
}

// A Dial that ignores its context holds Close up for some seconds only.
func TestCloseWithAStuckDial(t *testing.T) {
	bubble(t, func(t *testing.T) {
		release := make(chan struct{})
		late, other := mqtttest.Pipe(0)
		c := start(t, newPeer(t), func(c *mqtt.Config) {
			c.Endpoint.Dial = func(context.Context) (net.Conn, error) {
				<-release
				return late, nil
			}
		})
		synctest.Wait()
		begun := time.Now()
		c.Close()
		if took := time.Since(begun); took > 5*time.Second {
			t.Errorf("took %v", took)
		}
		close(release)
		gone(t, c)
		if _, err := other.Read(make([]byte, 1)); err == nil {
			t.Error("a connection that came too late was used")
		}
	})
}

// A transport whose Close blocks, as TLS may, blocks nothing but its own end.
func TestTransportWhoseCloseBlocks(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPeer(t)
		lost := make(chan error, 1)
		c, conn := connect(t, p, func(c *mqtt.Config) {
			dial := c.Endpoint.Dial
			c.Endpoint.Dial = func(ctx context.Context) (net.Conn, error) {
				conn, err := dial(ctx)
				return &slowCloser{conn}, err
			}
			c.Trace = &mqtt.Trace{Disconnected: func(err error) { lost <- err }}
		})
		conn.Stall(true)
		for range 3 { // pings find out
			if err := c.PublishAsync(mqtt.Publish{Topic: "t", QoS: 1, Payload: make([]byte, 100_000)}, nil); err != nil {
				t.Error(err)
			}
		}
		for len(lost) == 0 { // meanwhile every call returns at once
			begun := time.Now()
			c.Stats()
			c.State()
			if _, err := c.Publish(expired(t), mqtt.Publish{Topic: "t", QoS: 1}); err == nil {
				t.Error("published")
			}
			if took := time.Since(begun); took > 0 {
				t.Fatalf("a call took %v", took)
			}
			time.Sleep(100 * time.Millisecond)
		}
		begun := time.Now()
		c.Close()
		if took := time.Since(begun); took > 6*time.Second {
			t.Errorf("Close took %v", took)
		}
	})
}

type slowCloser struct{ net.Conn }

func (c *slowCloser) Close() error {
	time.Sleep(5 * time.Second)
	return c.Conn.Close()
}
