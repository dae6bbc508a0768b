package reqres

import (
	"context"
	"slices"
	"time"
)

// lane lets one request pass at a time, of those whose answers could be taken for each other's. Where a token or
// correlation data tells them apart each request has a lane of its own.
//
// A request that was given up on after it was sent keeps its lane until its answer comes, its session is lost or
// [Options.Linger] has passed: otherwise the answer would be taken for that of the next one.
type lane struct {
	waiting []chan struct{}
	left    *call // given up on, in the lane all the same
	timer   *time.Timer
}

// enter waits for the lane.
func (c *Client) enter(ctx context.Context, key string) error {
	c.mu.Lock()
	if c.closed != nil {
		defer c.mu.Unlock()
		return c.closed
	}
	l := c.lanes[key]
	if l == nil {
		c.lanes[key] = new(lane)
		c.mu.Unlock()
		return nil
	}
	turn := make(chan struct{})
	l.waiting = append(l.waiting, turn)
	c.mu.Unlock()
	var err error
	select {
	case <-turn:
		return nil
	case <-ctx.Done():
		err = ctx.Err()
	case <-c.ctx.Done():
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if i := slices.Index(l.waiting, turn); i >= 0 {
		l.waiting = slices.Delete(l.waiting, i, i+1)
	} else {
		c.pass(key) // it was our turn in this very moment
	}
	if c.closed != nil {
		return c.closed
	}
	return err
}

// pass gives the lane to the next. c.mu is held.
func (c *Client) pass(key string) {
	l := c.lanes[key]
	l.stop()
	if len(l.waiting) == 0 {
		delete(c.lanes, key)
		return
	}
	close(l.waiting[0])
	l.waiting = l.waiting[1:]
}

// linger leaves a call in its lane that nobody waits for, until so many answers have come. c.mu is held.
func (c *Client) linger(k *call, answers int, most time.Duration) {
	l := c.lanes[k.lane]
	l.left, k.over, k.expect = k, true, answers
	l.timer = time.AfterFunc(most, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if l.left != k {
			return
		}
		rest := most // what was lost with the connection is sent again, and answered, with the next one
		if !c.online.IsZero() {
			rest -= time.Since(c.online)
		}
		if rest > 0 {
			l.timer.Reset(rest)
			return
		}
		c.lingerOver(k)
	})
}

// secondAnswer is how much later the second answer to a request may come.
const secondAnswer = 5 * time.Second

// lingerTwice leaves a call in its lane that was answered, but perhaps sent twice: after a reconnect at QoS 1 the service
// may answer again, and that would be taken for the answer to the next request. It reports whether it did.
func (c *Client) lingerTwice(k *call) bool {
	again := c.sentAgain(k)
	if again == 0 || c.opts.Linger <= 0 {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed != nil {
		return false
	}
	c.enlist(k)
	c.linger(k, again, min(c.opts.Linger, secondAnswer))
	return true
}

// sentAgain returns how often a call may have been published again, where that matters.
func (c *Client) sentAgain(k *call) int {
	if k.r.Match != ByTopic {
		return 0
	}
	return int(c.mqtt.Stats().Connects - k.began)
}

// lingerOver ends what a call that nobody waits for still holds. c.mu is held.
func (c *Client) lingerOver(k *call) {
	if l := c.lanes[k.lane]; l != nil && l.left == k {
		c.forget(k)
		c.pass(k.lane)
	}
}

func (l *lane) stop() {
	l.left = nil
	if l.timer != nil {
		l.timer.Stop()
		l.timer = nil
	}
}
