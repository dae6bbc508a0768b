package mqtt_test

import (
	"context"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/mqtttest"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// waits returns the first n waits between attempts that all fail.
func waits(t *testing.T, n int, b mqtt.Backoff) []time.Duration {
	var dials []time.Time
	enough := make(chan struct{})
	var announced []time.Duration
	c := start(t, newPeer(t), func(c *mqtt.Config) {
		c.Reconnect = b
		c.Endpoint.Dial = func(context.Context) (net.Conn, error) {
			if dials = append(dials, time.Now()); len(dials) == n+1 {
				close(enough)
			}
			return nil, errDial
		}
		c.Trace = &mqtt.Trace{ConnectFailed: func(_ *mqtt.ConnectError, wait time.Duration) { announced = append(announced, wait) }}
	})
	<-enough
	c.Close()
	gone(t, c)
	list := make([]time.Duration, n)
	for i := range list {
		list[i] = dials[i+1].Sub(dials[i])
	}
	if !slices.Equal(list, announced[:n]) {
		t.Errorf("waited %v, announced %v", list, announced)
	}
	return list
}

func TestBackoff(t *testing.T) {
	t.Parallel()
	const s = time.Second
	half := func() float64 { return 0.5 }
	for name, test := range map[string]struct {
		backoff mqtt.Backoff
		want    []time.Duration
	}{
		"defaults":     {mqtt.Backoff{Rand: half}, []time.Duration{s / 2, 1 * s, 2 * s, 4 * s, 8 * s, 16 * s, 32 * s, 60 * s, 60 * s}},
		"equal jitter": {mqtt.Backoff{Rand: half, Jitter: mqtt.EqualJitter, Max: 8 * s}, []time.Duration{s * 3 / 4, s * 3 / 2, 3 * s, 6 * s, 6 * s}},
		"no jitter":    {mqtt.Backoff{Min: 3 * s, Max: 20 * s, Jitter: mqtt.NoJitter}, []time.Duration{3 * s, 6 * s, 12 * s, 20 * s, 20 * s}},
		"no doubling":  {mqtt.Backoff{Min: 5 * s, Max: 5 * s, Jitter: mqtt.NoJitter}, []time.Duration{5 * s, 5 * s, 5 * s}},
		"min above the default of max": {mqtt.Backoff{Min: time.Hour, Jitter: mqtt.NoJitter},
			[]time.Duration{time.Hour, time.Hour}},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				if got := waits(t, len(test.want), test.backoff); !slices.Equal(got, test.want) {
					t.Errorf("got %v, want %v", got, test.want)
				}
			})
		})
	}
}

// The backoff never wraps around, however long the broker is away.
func TestBackoffAfterManyAttempts(t *testing.T) {
	bubble(t, func(t *testing.T) {
		list := waits(t, 500, mqtt.Backoff{Min: 1, Max: 100 * time.Hour, Jitter: mqtt.NoJitter})
		if !slices.IsSorted(list) || list[499] != 100*time.Hour {
			t.Errorf("the last waits: %v", list[490:])
		}
	})
}

// F59: without Rand the waits are random, and anywhere from nothing to the whole backoff.
func TestFullJitterSpreads(t *testing.T) {
	bubble(t, func(t *testing.T) {
		list := waits(t, 400, mqtt.Backoff{Min: time.Minute, Max: time.Minute})
		var quarter [4]int
		for _, w := range list {
			quarter[w*4/time.Minute]++
		}
		for i, n := range quarter {
			if n < 45 || n > 155 { // 100 expected, with a deviation of 8.7
				t.Errorf("%d of 400 waits in quarter %d", n, i)
			}
		}
	})
}

// F60: a broker that accepts and hangs up does not get the backoff reset; one that was stable does.
func TestBackoffStartsOverAfterAStableConnection(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPeer(t)
		c := start(t, p, func(c *mqtt.Config) {
			c.Reconnect = mqtt.Backoff{Min: time.Second, Max: time.Minute, Stable: 30 * time.Second, Jitter: mqtt.NoJitter}
		})
		next := func(lives time.Duration) *mqtttest.Conn {
			conn, _ := p.Connect(&packet.Connack{})
			connected(t, c)
			time.Sleep(lives)
			return conn
		}
		conn := next(0)
		for _, want := range []time.Duration{1, 2, 4, 8, 16} {
			ended := time.Now()
			conn.Close()
			conn = next(0)
			if got := time.Since(ended); got != want*time.Second {
				t.Errorf("reconnected after %v, want %v", got, want*time.Second)
			}
		}
		conn.Close()
		conn = next(30 * time.Second)
		ended := time.Now()
		conn.Close()
		p.Refuse(errDial, errDial)
		next(0)
		if got := time.Since(ended); got != (1+1+2)*time.Second {
			t.Errorf("reconnected after %v", got)
		}
	})
}

// A broker that accepts and kicks at once, as for a second client with the same identifier, sees no storm.
func TestKickedClientDoesNotStorm(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPeer(t)
		c := start(t, p)
		p.Serve(func(_ *mqtttest.Conn, in packet.Packet) []packet.Packet {
			return append(mqtttest.Answer(nil, in), &packet.Disconnect{Code: packet.AdministrativeAction})
		})
		time.Sleep(6 * time.Hour)
		if n := p.Dials(); n < 200 || n > 600 { // 360 expected: a minute each on average
			t.Errorf("%d attempts in 6 hours", n)
		}
		c.Close()
	})
}
