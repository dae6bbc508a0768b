package mqtt_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
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
