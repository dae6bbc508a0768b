package mqtt_test

import (
	"context"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/mqtttest"
)

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
