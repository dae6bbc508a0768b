package mqtt

import (
	"slices"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/engine"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// perMessage is what a waiting message takes beside its payload, for the limit of inbound bytes.
const perMessage = 256

// deliver puts a message into the queues of its subscriptions. c.mu is held.
func (c *Client) deliver(in *engine.Inbound) {
	subs := c.router.find(in.Topic, in.SubscriptionIDs)
	if len(subs) == 0 {
		if c.fallback == nil {
			c.stats.Unclaimed++
			if !in.Token.IsZero() { // every message is acknowledged, wanted or not [MQTT-4.5.0-2]
				_ = c.engine.Ack(c.stamp, in.Token, packet.Success, "")
			}
			return
		}
		c.fallback.enqueue(in, nil, 0)
		return
	}
	if len(subs) == 1 {
		subs[0].enqueue(in, nil, 0)
		return
	}
	var sh *share
	if !in.Token.IsZero() {
		sh = &share{link: c.link, left: len(subs)}
		if c.cfg.ManualAcks {
			sh.answered = make([]bool, len(subs))
		}
	}
	for part, s := range subs {
		s.enqueue(in, sh, part)
	}
}

// batch is what a consumer takes at a time.
type batch struct {
	list  []Message
	arena []byte // borrowed payloads
	bytes int
}

// enqueue adds a message to the queue. c.mu is held.
func (s *Subscription) enqueue(in *engine.Inbound, sh *share, part int) {
	c := s.c
	if c.dropping && in.QoS == packet.QoS0 && s.drops() && !s.makeRoom(perMessage+len(in.Payload)) {
		c.stats.Dropped++
		return
	}
	n := len(s.in.list)
	if n == cap(s.in.list) {
		s.in.list = slices.Grow(s.in.list, max(8, n))
	}
	s.in.list = s.in.list[:n+1]
	m := &s.in.list[n]
	m.fill(c, in)
	if m.share != sh {
		m.share, m.part = sh, int32(part)
	}
	m.Payload = s.payload(in.Payload)
	size := perMessage + len(in.Payload)
	s.in.bytes += size
	c.inboundBytes += size
	if !s.isReady && (!s.running || s.opts.Handler == nil) {
		s.isReady = true
		c.ready = append(c.ready, s)
	}
	if n >= softQueue && s.running && !s.stuck {
		c.behind = s
	}
}

const (
	smallPayload = 128  // payloads up to this size share an allocation with their neighbours in a stream
	slabSize     = 1024 // of that size: what one payload that is kept may keep with it
)

// payload copies a payload to where it is safe: the arena of the batch where it is borrowed, memory of its own, or,
// in a stream of small messages, a slab that it shares with a few others.
func (s *Subscription) payload(p []byte) []byte {
	n := len(p)
	switch {
	case n == 0:
		return nil
	case s.opts.Borrow:
		// When the arena grows, payloads stay in the old one.
		from := len(s.in.arena)
		s.in.arena = append(s.in.arena, p...)
		return s.in.arena[from : from+n : from+n]
	case n > smallPayload || len(s.in.list) == 1:
		own := make([]byte, n)
		copy(own, p)
		return own
	}
	from := len(s.slab)
	if cap(s.slab)-from < n {
		s.slab, from = make([]byte, 0, slabSize), 0
	}
	s.slab = append(s.slab, p...)
	return s.slab[from : from+n : from+n]
}

// startReady starts the consumers of the subscriptions that got messages in this batch. c.mu is held.
func (c *Client) startReady() {
	for i, s := range c.ready {
		c.ready[i] = nil
		s.isReady = false
		s.wake()
	}
	c.ready = c.ready[:0]
}

const (
	// softQueue is how many messages may wait before the reader gives their handler a moment: with a handler that
	// keeps up, queues stay short and their memory stays in the cache.
	softQueue = 1024
	moment    = 5 * time.Millisecond
	// patience is how long the reader waits for handlers before it drops messages at QoS 0: long enough for any that
	// makes progress, short enough for pings.
	patience = 250 * time.Millisecond
)

// crowded decides, after a batch, whether the reader has to wait, and for how long. c.mu is held.
func (c *Client) crowded() (wait time.Duration) {
	switch {
	case c.inboundBytes > c.cfg.InboundBytes && !c.dropping:
		wait = patience
	case c.behind != nil:
		wait = moment
	default:
		return 0
	}
	if c.readerWaits = true; c.relieved == nil {
		c.relieved = make(chan struct{}, 1)
	}
	return wait
}

// relief waits for the handlers, but not for long: behind the messages there may be what they wait for.
func (l *link) relief(wait time.Duration) {
	c := l.c
	if l.waiter == nil {
		l.waiter = time.NewTimer(wait)
	} else {
		l.waiter.Reset(wait)
	}
	late := false
	select {
	case <-c.relieved:
		l.waiter.Stop()
	case <-c.ctx.Done():
	case <-l.waiter.C:
		late = true
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.readerWaits = false
	select {
	case <-c.relieved: // of this wait, too late
	default:
	}
	s := c.behind
	if c.behind = nil; late && s != nil {
		s.stuck = true // until it takes something
	}
	if c.inboundBytes > c.cfg.InboundBytes && !c.dropping {
		c.dropping = true
		c.stats.Crowded++
	}
}

// relieve lets a waiting reader go on. c.mu is held.
func (c *Client) relieve() {
	if !c.readerWaits {
		return
	}
	select {
	case c.relieved <- struct{}{}:
	default:
	}
}

// consumed gives back the memory of messages that have been handled. c.mu is held.
func (c *Client) consumed(bytes int) {
	c.inboundBytes -= bytes
	if c.inboundBytes > c.cfg.InboundBytes/2 {
		return
	}
	if c.dropping {
		c.dropping = false
		if f := c.cfg.Trace.Dropped; f != nil && c.stats.Dropped > c.reported {
			n := int(c.stats.Dropped - c.reported)
			c.reported = c.stats.Dropped
			c.tell(func() { f(n) })
		}
	}
	if c.behind == nil {
		c.relieve()
	}
}
