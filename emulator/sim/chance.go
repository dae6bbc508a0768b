package sim

import (
	"math/rand/v2"
	"time"
)

// chance is the one source of randomness of a world.
type chance struct{ *rand.Rand }

func newChance(seed uint64) chance { return chance{rand.New(rand.NewPCG(seed, 0x676e65697373))} }

// one is true once in n times.
func (c chance) one(n int) bool { return n > 0 && c.IntN(n) == 0 }

// percent is true that often.
func (c chance) percent(n int) bool { return n > 0 && c.IntN(100) < n }

// upTo returns a number from 0 to n, n included.
func (c chance) upTo(n int) int { return c.IntN(n + 1) }

// within returns a duration from lo to hi, mostly nearer to lo.
func (c chance) within(lo, hi time.Duration) time.Duration {
	if hi <= lo {
		return lo
	}
	f := c.Float64()
	return lo + time.Duration(f*f*float64(hi-lo))
}

// about returns a duration with that mean, as between events that have nothing to do with each other.
func (c chance) about(mean time.Duration) time.Duration {
	return time.Duration(min(c.ExpFloat64(), 10) * float64(mean))
}

// pick returns one of the values.
func pick[T any](c chance, values ...T) T { return values[c.IntN(len(values))] }

// weigh returns an index, in proportion to the weights, of which at least one is not 0.
func (c chance) weigh(weights []int) int {
	sum := 0
	for _, w := range weights {
		sum += w
	}
	n := c.IntN(sum)
	for i, w := range weights {
		if n -= w; n < 0 {
			return i
		}
	}
	return 0
}
