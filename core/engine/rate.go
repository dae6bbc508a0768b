package engine

// rate is a token bucket: so many tokens flow in every second, and sending takes some out. It is kept as the instant at
// which the bucket is full again, so that there is no count that an operation which fails, expires, is cancelled or is lost
// with its connection could take with it: only what was encoded has moved that instant.
type rate struct {
	perSecond int // 0: no limit
	full      Instant
}

// capacity is what a bucket holds, as the time in which it fills. It is less than a second's worth, because packets that
// leave evenly arrive less so: what comes together on the way must not exceed what a service counts in a second.
const capacity = 9 * Second / 10

// after returns when the bucket has a token for the next packet. A packet may take more than there is left, which those
// behind it wait for.
func (r *rate) after() Instant {
	if r.perSecond <= 0 {
		return 0
	}
	return r.full - Instant(max(0, capacity-r.time(1)))
}

// take takes n tokens out.
func (r *rate) take(now Instant, n int) {
	if r.perSecond > 0 {
		r.full = max(r.full, now).add(r.time(n))
	}
}

// time is how long n tokens need to flow in. n is below 2^28, the largest packet.
func (r *rate) time(n int) Duration {
	per := int64(r.perSecond)
	return Duration((int64(n)*int64(Second) + per - 1) / per)
}

// paced reports whether PUBLISH has to wait for its rate. Nothing else ever does: acknowledgements and pings keep the
// connection alive, and SUBSCRIBE and UNSUBSCRIBE are few.
func (e *Engine) paced() bool { return e.now < e.sendAfter() }

func (e *Engine) sendAfter() Instant { return max(e.publishes.after(), e.bytes.after()) }

// pace makes Wake return when the rate lets the next PUBLISH go.
func (e *Engine) pace() { e.nextSend = min(e.nextSend, e.sendAfter()) }

// spend counts a PUBLISH of n bytes.
func (e *Engine) spend(n int) {
	e.publishes.take(e.now, 1)
	e.bytes.take(e.now, n)
}
