package mqtt_test

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/mqtttest"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// F63: one deadline covers everything from dialling to CONNACK.
//
// Conformance: MQTT-3.1.4-5
func TestConnectDeadline(t *testing.T) {
	t.Parallel()
	block := func(ctx context.Context) error {
		<-ctx.Done()
		return ctx.Err()
	}
	for name, test := range map[string]struct {
		stage  string
		change func(*mqtt.Config)
		broker func(*mqtttest.Conn)
	}{
		"dial": {"dial", func(c *mqtt.Config) {
			c.Endpoint.Dial = func(ctx context.Context) (net.Conn, error) { return nil, block(ctx) }
		}, nil},
		"prepare": {"prepare", func(c *mqtt.Config) {
			c.Endpoint.Prepare = func(ctx context.Context, _ *packet.Connect) error { return block(ctx) }
		}, nil},
		"dial and CONNACK together": {"connect", func(c *mqtt.Config) {
			dial := c.Endpoint.Dial
			c.Endpoint.Dial = func(ctx context.Context) (net.Conn, error) {
				time.Sleep(9 * time.Second)
				return dial(ctx)
			}
		}, func(*mqtttest.Conn) {}},
		"a broker that never answers": {"connect", nil, func(*mqtttest.Conn) {}},
		"a broker that reads nothing": {"connect", nil, func(c *mqtttest.Conn) { c.Stall(true) }},
		"a CONNACK that never ends": {"connect", nil, func(c *mqtttest.Conn) {
			c.SendBytes([]byte{0x20, 0x7f, 0, 0})
		}},
		"a CONNACK byte by byte": {"connect", nil, func(c *mqtttest.Conn) {
			for _, b := range []byte{0x20, 0x20, 0, 0, 29, 0x26, 0, 1, 'k'} { // a user property, a byte each second
				time.Sleep(time.Second)
				c.SendBytes([]byte{b})
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				p := newPeer(t)
				failed := make(chan *mqtt.ConnectError, 1)
				begun := time.Now()
				c := start(t, p, func(c *mqtt.Config) {
					c.ConnectTimeout = 10 * time.Second
					c.Reconnect.Min = time.Hour
					c.Reconnect.Jitter = mqtt.NoJitter
					c.Trace = &mqtt.Trace{ConnectFailed: func(err *mqtt.ConnectError, _ time.Duration) { failed <- err }}
					if test.change != nil {
						test.change(c)
					}
				})
				if test.broker != nil {
					go test.broker(p.Accept())
				}
				err := <-failed
				wantErr(t, err, mqtt.ErrConnectTimeout)
				if took := time.Since(begun); took != 10*time.Second || err.Stage != test.stage || err.Terminal {
					t.Errorf("after %v: stage %q, %v", took, err.Stage, err)
				}
				// The client goes on.
				if c.State() == mqtt.StateClosed {
					t.Error(c.Err())
				}
			})
		})
	}
}
