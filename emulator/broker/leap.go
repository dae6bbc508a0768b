package broker

// Leap tells that the driver has put its clock forward to now: for the bytes that are under way, and for clients that are
// about to connect, no time has passed. [Broker.Wake] does what else is due.
func (b *Broker) Leap(now Instant) {
	b.tick(now)
	for _, c := range b.conns {
		if c.progress != 0 {
			c.progress = b.now + 1
		}
		if c.session == nil {
			c.deadline = b.now.Add(b.limits.ConnectTimeout)
		}
	}
}
