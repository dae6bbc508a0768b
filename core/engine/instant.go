package engine

import "math"

// Instant is a point in time, in nanoseconds on a clock of the driver's choice that never runs backwards. On
// machines that sleep, one that counts the sleep is best.
type Instant int64

// Never is later than every other instant.
const Never Instant = math.MaxInt64

// Duration is a span of time in nanoseconds, convertible from and to a time.Duration.
type Duration int64

// Second is one second.
const Second Duration = 1e9

// add never wraps around.
func (t Instant) add(d Duration) Instant {
	if d > 0 && t > Never-Instant(d) {
		return Never
	}
	return t + Instant(d)
}
