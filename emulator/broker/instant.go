package broker

import "time"

// Instant is a point in time: nanoseconds on the driver's clock, whatever its zero. The clock must not go back; an
// earlier time than one already given counts as that one.
type Instant int64

// Add returns the instant d later.
func (t Instant) Add(d time.Duration) Instant { return t + Instant(d) }

// Sub returns the time from u to t.
func (t Instant) Sub(u Instant) time.Duration { return time.Duration(t - u) }

// seconds returns n seconds as a duration.
func seconds(n uint32) time.Duration { return time.Duration(n) * time.Second }
