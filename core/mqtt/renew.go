package mqtt

import (
	"context"
	"log/slog"
	"time"
)

// settleTimeout is how long a planned reconnect waits for acknowledgements. What is not acknowledged by then is sent
// again on the next connection, marked as a duplicate.
const settleTimeout = 5 * time.Second

// Reconnect replaces the connection by a new one, as for credentials or a certificate that were changed, and returns
// once the broker has accepted that. The session is kept. It stops sending messages at QoS 1 and 2, waits up to 5 s
// for those under way, sends DISCONNECT and connects at once, without a backoff: no publish at QoS 1 or 2 is lost, and
// none is sent twice unless the broker was slow. Publishes at QoS 0 go by [Config.Offline] while there is no connection.
//
// When ctx ends before DISCONNECT is sent, the connection stays; later, the client goes on connecting by itself.
func (c *Client) Reconnect(ctx context.Context) error {
	l, err := c.liveLink()
	if err != nil {
		return err
	}
	return c.reconnect(ctx, l)
}

func (c *Client) reconnect(ctx context.Context, l *link) error {
	turn := c.turn()
	select {
	case turn <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	begun, err := c.replace(ctx, l)
	<-turn
	if begun {
		if _, err = c.connectedAfter(ctx, l); err == nil {
			c.renewed(nil)
		}
		return err
	}
	c.renewed(err)
	return err
}

// replace ends the connection so that another follows.
func (c *Client) replace(ctx context.Context, l *link) (begun bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.link == l {
		c.engine.Hold(c.now(), true)
		c.awaitSettled(ctx, l)
	}
	switch {
	case c.state == StateClosed:
		return false, c.closed
	case c.link != l || c.engine.Err() != nil:
		return true, nil // it has ended meanwhile, and another follows
	case ctx.Err() != nil:
		c.engine.Hold(c.now(), false)
		c.settle()
		return false, ctx.Err()
	}
	l.replaced = true
	err = c.engine.Disconnect(c.now(), nil)
	c.settle()
	return true, err
}

// awaitSettled waits until all that was sent is acknowledged. c.mu is held, and given up while waiting.
func (c *Client) awaitSettled(ctx context.Context, l *link) {
	late := time.NewTimer(settleTimeout)
	defer late.Stop()
	for c.link == l && c.engine.Err() == nil && !c.engine.Settled() {
		if c.holding == nil {
			c.holding = make(chan struct{})
		}
		holding, changed := c.holding, c.changed
		c.mu.Unlock()
		over := false
		select {
		case <-holding:
		case <-changed:
		case <-ctx.Done():
			over = true
		case <-late.C:
			over = true
		}
		c.mu.Lock()
		if over {
			return
		}
	}
}

// connectedAfter waits for a connection that is not l.
func (c *Client) connectedAfter(ctx context.Context, l *link) (*link, error) {
	for {
		c.mu.Lock()
		now, state, changed, last, closed := c.link, c.state, c.changed, c.lastErr, c.closed
		c.mu.Unlock()
		if state == StateClosed {
			return nil, closed
		}
		if state == StateConnected && now != nil && now != l {
			return now, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, notConnected(ctx, last)
		}
	}
}

// renewals renews the credentials of a connection as long as it lasts. It runs on a goroutine of its own.
func (c *Client) renewals(l *link) {
	defer func() {
		c.mu.Lock()
		c.exit()
		c.mu.Unlock()
	}()
	pause := time.NewTimer(0)
	defer pause.Stop()
	<-pause.C
	var last error
	for {
		_, err := guarded(l.ctx, c, "Renew function", func() (struct{}, error) {
			return struct{}{}, c.cfg.Endpoint.Renew(l.ctx, last)
		})
		switch {
		case l.ctx.Err() != nil:
			return
		case err != nil:
			c.renewed(err)
		case c.cfg.Endpoint.Auth != nil:
			err = c.reauthenticate(l.ctx, l)
		default:
			err = c.reconnect(c.ctx, l)
		}
		last = err
		pause.Reset(c.cfg.Reconnect.Min)
		select {
		case <-pause.C:
		case <-l.ctx.Done():
			return
		}
	}
}

// renewed tells what became of a renewal.
func (c *Client) renewed(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if f := c.cfg.Trace.Renewed; f != nil {
		c.tell(func() { f(err) })
	}
	if err == nil {
		c.stats.Renewals++
		c.logLater(slog.LevelInfo, "credentials renewed", logEndpoint, c.cfg.Endpoint.Name)
		return
	}
	c.logLater(slog.LevelWarn, "credentials not renewed", logEndpoint, c.cfg.Endpoint.Name, logError, err)
}
