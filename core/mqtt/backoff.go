package mqtt

import (
	"errors"
	"math/rand/v2"
	"time"
)

// Backoff is the time between attempts to connect. It doubles from Min to Max, and starts over once a connection has
// been stable: a broker that accepts and hangs up is not asked again at once.
type Backoff struct {
	Min    time.Duration // default 1 s
	Max    time.Duration // default 2 minutes
	Stable time.Duration // a connection this old starts the backoff over; default 30 s
	Jitter Jitter        // default FullJitter
	// Rand returns a number in [0, 1) for the jitter. nil: math/rand/v2.
	Rand func() float64
}

// Jitter spreads the attempts of many clients.
type Jitter uint8

// The kinds of jitter.
const (
	// FullJitter waits a random part of the backoff, so that after a restart of the broker its clients do not all
	// come back in the same moment.
	FullJitter Jitter = iota
	// EqualJitter waits half of the backoff and a random part of the other half.
	EqualJitter
	// NoJitter waits the whole backoff.
	NoJitter
)

func (b *Backoff) setDefaults() error {
	orDefault(&b.Min, time.Second)
	orDefault(&b.Max, max(b.Min, 2*time.Minute))
	orDefault(&b.Stable, 30*time.Second)
	if b.Rand == nil {
		b.Rand = rand.Float64
	}
	if b.Min < 0 || b.Max < b.Min || b.Stable < 0 || b.Jitter > NoJitter {
		return errors.New("mqtt: Config.Reconnect: want 0 < Min <= Max, Stable not negative, and a known jitter")
	}
	return nil
}

// wait returns how long to wait before attempt n, counted from 0 after the last stable connection.
func (b *Backoff) wait(n int) time.Duration {
	d := b.Max
	if n < 32 && b.Min<<n>>n == b.Min && b.Min<<n < b.Max {
		d = b.Min << n
	}
	switch b.Jitter {
	case FullJitter:
		return b.part(d)
	case EqualJitter:
		return d/2 + b.part(d/2)
	}
	return d
}

// part returns a random part of d, all of it where Rand does not keep to its range.
func (b *Backoff) part(d time.Duration) time.Duration {
	if r := b.Rand(); r >= 0 && r < 1 { // not NaN
		return time.Duration(r * float64(d))
	}
	return d
}
