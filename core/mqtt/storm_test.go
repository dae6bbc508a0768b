package mqtt_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/mqtttest"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// F02, F07, F51: everything at once, while connections come and go: no race, no deadlock, no panic, and every operation
// ends once with an outcome that is true.
func TestStorm(t *testing.T) {
	t.Parallel()
	for seed := range uint64(6) {
		for _, version := range []packet.Version{packet.V5, packet.V311} {
			t.Run(fmt.Sprint(seed, version), func(t *testing.T) {
				bubble(t, func(t *testing.T) { stormy(t, seed, version) })
			})
		}
	}
}

type weather struct {
	c    *mqtt.Client
	b    *broker
	ends atomic.Int64 // of asynchronous publishes
}

func stormy(t *testing.T, seed uint64, version packet.Version) {
	p := newPeer(t)
	w := &weather{b: newBroker()}
	p.Serve(w.b.answer)
	r := rand.New(rand.NewPCG(seed, 3))
	w.c = idle(t, p, v(version), func(c *mqtt.Config) {
		c.Reconnect = mqtt.Backoff{Min: time.Second, Max: 5 * time.Second}
		c.AckTimeout = time.Hour
		c.ManualAcks = seed%2 == 1
		c.Handler = func(m mqtt.Message) { _ = m.Ack() }
		c.Endpoint.Dial = func(ctx context.Context) (net.Conn, error) {
			conn, err := p.Dial(ctx)
			switch r.IntN(4) {
			case 0:
				return mqtttest.CutRead(conn, r.IntN(300)), err
			case 1:
				return mqtttest.CutWrite(mqtttest.Split(conn, 1+r.IntN(7)), r.IntN(3000)), err
			case 2:
				conn.Close()
				return nil, errDial
			}
			return mqtttest.CutWrite(conn, r.IntN(3000)), err
		}
		c.Trace = &mqtt.Trace{Connected: func(mqtt.Session) { w.c.Stats() }, Disconnected: func(error) { w.c.State() }}
	})
	if err := w.c.Start(); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	var asyncs atomic.Int64
	for worker := range 6 {
		r := rand.New(rand.NewPCG(seed, uint64(100+worker)))
		wg.Go(func() {
			for i := range 60 {
				w.act(t, r, fmt.Sprintf("%d/%d", worker, i), &asyncs)
			}
		})
	}
	wg.Wait()
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	if err := w.c.Shutdown(ctx); err != nil {
		t.Error(err)
	}
	gone(t, w.c)
	if got, want := w.ends.Load(), asyncs.Load(); got != want {
		t.Errorf("%d of %d callbacks were called", got, want)
	}
	if s := w.c.Stats(); s.Queued != 0 || s.Panics != 0 || s.Connects < 2 {
		t.Errorf("%+v", s)
	}
}

// act does something.
func (w *weather) act(t *testing.T, r *rand.Rand, topic string, asyncs *atomic.Int64) {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	if r.IntN(6) == 0 { // one that soon gives up
		ctx, cancel = context.WithTimeout(ctx, time.Duration(r.IntN(3000))*time.Millisecond)
		defer cancel()
	}
	switch r.IntN(8) {
	case 0:
		s, err := w.c.Subscribe(ctx, mqtt.Filter{Filter: fmt.Sprintf("f/%d", r.IntN(4)), QoS: packet.QoS(r.IntN(3))})
		if err != nil {
			return
		}
		for range s.Messages(expired(t)) {
		}
		_ = s.Close(ctx)
	case 1:
		time.Sleep(time.Duration(r.IntN(2000)) * time.Millisecond)
	case 2:
		_, _ = w.c.Connected(ctx)
		synctestYield()
	case 3:
		err := w.c.PublishAsync(mqtt.Publish{Topic: topic, QoS: packet.QoS(r.IntN(3))}, func(mqtt.PublishResult, error) { w.ends.Add(1) })
		if err == nil {
			asyncs.Add(1)
		}
	default:
		qos := packet.QoS(r.IntN(3))
		_, err := w.c.Publish(ctx, mqtt.Publish{Topic: topic, QoS: qos, Payload: make([]byte, r.IntN(300))})
		n := w.b.received(topic)
		switch {
		case err == nil && qos > 0 && n == 0:
			t.Errorf("%s at QoS %d is acknowledged and was not received", topic, qos)
		case err != nil && mqtt.NotSent(err) && n > 0:
			t.Errorf("%s at QoS %d was not sent and was received: %v", topic, qos, err)
		case qos == 2 && n > 1:
			t.Errorf("%s at QoS 2 was received %d times", topic, n)
		case err != nil && !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, mqtt.ErrOffline) &&
			!errors.Is(err, mqtt.ErrConnectionLost):
			t.Errorf("%s at QoS %d: %v", topic, qos, err)
		}
	}
}

// synctestYield lets everything else come to rest.
func synctestYield() { time.Sleep(time.Nanosecond) }

// A client is ended in the middle of it all.
func TestStormEnds(t *testing.T) {
	t.Parallel()
	for seed := range uint64(10) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				p := newPeer(t)
				b := newBroker()
				p.Serve(b.answer)
				r := rand.New(rand.NewPCG(seed, 4))
				lives := time.Duration(r.IntN(60)) * time.Second
				c := start(t, p, func(c *mqtt.Config) {
					c.Endpoint.Dial = func(ctx context.Context) (net.Conn, error) {
						conn, err := p.Dial(ctx)
						return mqtttest.CutWrite(conn, r.IntN(4000)), err
					}
				})
				var wg sync.WaitGroup
				for worker := range 5 {
					wg.Go(func() {
						for i := 0; ; i++ {
							_, err := c.Publish(t.Context(), mqtt.Publish{Topic: fmt.Sprint(worker, i), QoS: packet.QoS(1 + i%2)})
							if errors.Is(err, mqtt.ErrClosed) {
								return
							}
							if err != nil {
								t.Error(err)
							}
							if s, err := c.Subscribe(t.Context(), mqtt.Filter{Filter: "f"}); err == nil {
								_ = s.Close(t.Context())
							}
						}
					})
				}
				time.Sleep(lives)
				if seed%2 == 0 {
					c.Close()
				} else {
					_ = c.Shutdown(expired(t))
				}
				wg.Wait()
				gone(t, c)
				synctest.Wait()
			})
		})
	}
}
