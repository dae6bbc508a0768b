package mqtt

import (
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
		c.fallback.enqueue(in, nil)
		return
	}
	if len(subs) == 1 {
		subs[0].enqueue(in, nil)
		return
	}
	var sh *share
	if !in.Token.IsZero() {
		sh = &share{n: len(subs)}
	}
	for _, s := range subs {
		s.enqueue(in, sh)
	}
}

// delivery is a message on its way to a handler.
type delivery struct {
	m          Message
	start, end int // of a borrowed payload, in the batch's arena
}

// batch is what a consumer takes at a time.
type batch struct {
	list  []delivery
	arena []byte // borrowed payloads
	bytes int
}

// enqueue adds a message to the queue. c.mu is held.
func (s *Subscription) enqueue(in *engine.Inbound, sh *share) {
	c := s.c
	size := perMessage + len(in.Payload)
	if c.dropping && in.QoS == packet.QoS0 {
		c.stats.Dropped++
		return
	}
	s.in.list = append(s.in.list, delivery{m: c.message(in)})
	d := &s.in.list[len(s.in.list)-1]
	d.m.share = sh
	if s.opts.Borrow {
		d.start = len(s.in.arena)
		s.in.arena = append(s.in.arena, in.Payload...)
		d.end = len(s.in.arena)
	} else if len(in.Payload) > 0 {
		d.m.Payload = make([]byte, len(in.Payload))
		copy(d.m.Payload, in.Payload)
	}
	s.in.bytes += size
	c.inboundBytes += size
	if !s.isReady && (!s.running || s.opts.Handler == nil) {
		s.isReady = true
		c.ready = append(c.ready, s)
	}
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

// patience is how long the reader waits for handlers to catch up before it drops messages at QoS 0: long enough for
// any that makes progress, short enough for pings.
const patience = 250 * time.Millisecond

// crowded decides, after a batch, whether the reader has to wait: it returns the channel to wait for. c.mu is held.
func (c *Client) crowded() chan struct{} {
	if c.inboundBytes <= c.cfg.InboundBytes || c.dropping {
		return nil
	}
	if c.relieved == nil {
		c.relieved = make(chan struct{})
	}
	return c.relieved
}

// relief waits for the handlers, but not for long: behind the messages there may be what they wait for.
func (c *Client) relief(relieved chan struct{}) {
	t := time.NewTimer(patience)
	defer t.Stop()
	select {
	case <-relieved:
		return
	case <-c.ctx.Done():
		return
	case <-t.C:
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.inboundBytes > c.cfg.InboundBytes/2 {
		c.dropping = true
		c.stats.Crowded++
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
			c.tracer.add(func() { f(n) })
		}
	}
	if c.relieved != nil {
		close(c.relieved)
		c.relieved = nil
	}
}
