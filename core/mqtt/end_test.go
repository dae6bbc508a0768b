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
