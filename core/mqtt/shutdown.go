package mqtt

import (
	"context"
	"fmt"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/engine"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// ShutdownOptions are for [Client.ShutdownWith].
type ShutdownOptions struct {
	// EndSession makes the broker forget the session. By default Config.SessionExpiry decides how long it lives.
	// MQTT 5 only.
	EndSession bool
	// PublishWill makes the broker publish the will although the connection ends in order. MQTT 5 only.
	PublishWill bool
	// Reason is given to the broker. MQTT 5 only.
	Reason string
}

// Shutdown refuses new work, waits until what is under way is over, sends DISCONNECT and closes. When ctx ends first,
// it disconnects all the same and returns a [*ShutdownError] that says what was not finished. Messages that handlers
// have not finished stay unacknowledged: the broker delivers them in the next connection of the session.
//
// After DISCONNECT the broker has a second to close the connection. Shutdown does not wait for handlers, and may be
// called by one; wait for [Client.Done] to know that all have ended.
func (c *Client) Shutdown(ctx context.Context) error { return c.ShutdownWith(ctx, ShutdownOptions{}) }

// ShutdownWith is [Client.Shutdown] with options.
func (c *Client) ShutdownWith(ctx context.Context, o ShutdownOptions) error {
	c.mu.Lock()
	if c.state == StateClosed {
		c.mu.Unlock()
		return nil
	}
	c.refusing = true
	c.wakeWaiting() // who waits for room need not wait any more
	err := c.drain(ctx)
	if c.state != StateClosed {
		c.goodbye(o)
		c.terminate(ErrClosed)
	} else if err == nil { // by Close, by another Shutdown or by a refusal
		err = c.closed
	}
	unfinished, left := c.abandoned, c.left
	c.mu.Unlock()
	c.join()
	if unfinished > 0 {
		return &ShutdownError{Unfinished: unfinished, Left: left, Err: err}
	}
	return nil
}

// maxLeft is how many operations a [ShutdownError] describes.
const maxLeft = 100

// noteLeft describes operations that the end of the client has ended.
func noteLeft(left []*OpError, done []*engine.Op) []*OpError {
	for _, o := range done {
		if len(left) == maxLeft {
			break
		}
		left = append(left, describe(o, o.Err, o.Sent))
	}
	return left
}

// drain waits until no operation is under way or the client is closed. c.mu is held, and given up while waiting.
func (c *Client) drain(ctx context.Context) error {
	for c.engine.Unfinished() > 0 && c.state != StateClosed {
		if !c.started {
			return ErrNotStarted // nothing will ever be sent
		}
		if c.drained == nil {
			c.drained = make(chan struct{})
		}
		drained, changed := c.drained, c.changed
		c.mu.Unlock()
		var err error
		select {
		case <-drained:
		case <-changed:
		case <-ctx.Done():
			err = ctx.Err()
		}
		c.mu.Lock()
		if err != nil {
			return err
		}
	}
	return nil
}

// goodbye encodes DISCONNECT. c.mu is held.
func (c *Client) goodbye(o ShutdownOptions) {
	p := &packet.Disconnect{ReasonString: o.Reason}
	if o.PublishWill {
		p.Code = packet.DisconnectWithWill
	}
	if o.EndSession {
		p.SessionExpiry = packet.Some(uint32(0))
	}
	if err := c.engine.Disconnect(c.now(), p); err != nil { // a reason that cannot be sent
		_ = c.engine.Disconnect(c.now(), &packet.Disconnect{Code: p.Code, SessionExpiry: p.SessionExpiry})
	}
}

// Close ends the client at once, without a DISCONNECT: the broker publishes the will. What is under way ends with
// [ErrClosed]. It does not wait for handlers.
func (c *Client) Close() error {
	c.mu.Lock()
	if c.state != StateClosed {
		c.terminate(ErrClosed)
	}
	if l := c.link; l != nil {
		c.hangUp(l)
	}
	c.mu.Unlock()
	c.join()
	return nil
}

// terminate closes the client for good. c.mu is held. The transport is closed by the flusher once DISCONNECT is out,
// or at once where there is none.
func (c *Client) terminate(reason error) {
	c.lastErr, c.refusing = reason, true
	c.setState(StateClosed)
	c.cancel()
	if c.callOff != nil {
		c.callOff()
	}
	if c.timer != nil {
		c.timer.Stop()
	}
	if c.closed = ErrClosed; reason != ErrClosed {
		c.closed = fmt.Errorf("%w: %w", ErrClosed, reason)
	}
	c.announce(closedBy(c.closed))
	c.abandoned = c.engine.Unfinished()
	c.leaving = true
	c.engine.Abandon(c.now(), c.closed)
	c.collect()
	c.leaving = false
	if l := c.link; l != nil && (!l.live || c.engine.Err() == nil) {
		c.hangUp(l)
	}
	c.kick()
	for _, at := range c.router.routes {
		for _, s := range at.subs {
			s.end(c.closed)
		}
	}
	c.finished()
}

// joinTimeout bounds how long Close waits for goroutines that stand in a Dial that does not honour its context.
const joinTimeout = 5 * time.Second

// join waits until the transport is closed and its goroutines have ended.
func (c *Client) join() {
	deadline := time.NewTimer(joinTimeout)
	defer deadline.Stop()
	select {
	case <-c.offline:
	case <-deadline.C:
	}
}
