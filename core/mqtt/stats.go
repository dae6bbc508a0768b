package mqtt

import "github.com/gneiss-mqtt/gneiss-go/core/engine"

// Stats counts what a client has done since it was made.
type Stats struct {
	engine.Stats
	Connects      uint64 // connections the broker accepted
	Failures      uint64 // attempts that failed
	Renewals      uint64 // re-authentications and planned reconnects that succeeded
	BytesSent     uint64
	BytesReceived uint64
	Dropped       uint64 // messages at QoS 0 dropped because their handler is too slow
	Crowded       uint64 // times handlers fell so far behind that messages at QoS 0 were dropped
	Unclaimed     uint64 // messages that no subscription or handler claimed
	Panics        uint64 // handlers, callbacks, trace functions and functions of the endpoint that panicked
	Untold        uint64 // events that Trace and Logger were not told of because one of their functions blocks
	Restored      int    // messages of an earlier process that the store held
	Damaged       uint64 // stored records that could not be read
	StoreFailures uint64 // times the store could not save
	InboundBytes  int    // memory of messages that wait for their handlers
}

// Stats returns a copy of the counters.
func (c *Client) Stats() Stats {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.stats
	s.Stats = c.engine.Stats()
	s.InboundBytes = c.inboundBytes
	return s
}
