package gate

import (
	"github.com/gneiss-mqtt/gneiss-go/emulator/broker"
)

// bucket is a token bucket. It begins full.
type bucket struct {
	used float64 // tokens missing
	at   broker.Instant
}

// take takes n tokens out of a bucket that holds size and gains rate a second. A bucket that is full gives more than it
// holds, or one large message could never pass.
func (b *bucket) take(now broker.Instant, n, rate, size int) bool {
	if rate < 0 {
		return true
	}
	b.used = max(0, b.used-now.Sub(b.at).Seconds()*float64(rate))
	b.at = now
	if b.used > 0 && b.used+float64(n) > float64(size) {
		return false
	}
	b.used += float64(n)
	return true
}

// full reports whether the bucket holds what it can.
func (b *bucket) full(now broker.Instant, rate int) bool {
	return rate < 0 || b.used <= now.Sub(b.at).Seconds()*float64(rate)
}

// connectBurst is how many connects of a client identifier are taken at once.
const connectBurst = 10

// each takes one out of a bucket that holds a second's worth.
func (b *bucket) each(now broker.Instant, rate int) bool { return b.take(now, 1, rate, rate) }

// mayConnect counts a CONNECT.
func (g *Gate) mayConnect(now broker.Instant, id string) bool {
	g.forget(now)
	h := g.remember(id)
	return h.connects.take(now, 1, g.quotas.Connects, max(g.quotas.Connects, connectBurst))
}

func (g *Gate) remember(id string) *history {
	h := g.history[id]
	if h == nil {
		h = &history{}
		g.history[id] = h
	}
	return h
}
