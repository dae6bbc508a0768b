package broker

// Stats counts what has happened since the broker began, and what there is now.
type Stats struct {
	// Now.
	Connections   int // network connections, before CONNECT and closing ones included
	Connected     int // accepted clients
	Sessions      int
	Subscriptions int
	Retained      int
	// Since the beginning.
	Opened           uint64 // network connections
	Refused          uint64 // connections that ended before they were accepted
	PacketsIn        uint64
	MessagesIn       uint64 // PUBLISH packets from clients
	MessagesOut      uint64 // PUBLISH packets to clients
	Dropped          uint64 // messages that a session did not get
	Duplicates       uint64 // QoS 2 messages received again
	RefusedPublishes uint64
	StrayAcks        uint64 // acknowledgements of nothing that is in flight
	Wills            uint64 // wills sent
}

// Stats returns the counters.
func (b *Broker) Stats() Stats {
	s := b.stats
	s.Connections, s.Sessions, s.Retained = len(b.conns), len(b.sessions), b.retained.count
	return s
}
