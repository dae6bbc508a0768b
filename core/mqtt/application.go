package mqtt

import (
	"context"
	"fmt"
	"net"

	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// The functions of an Endpoint are code of the application: they may panic or block, which costs an attempt and not the
// process, nor the client. One that does not honour its context is waited for by the next attempt, so that attempts
// without end do not leave goroutines without end.

// dial calls Endpoint.Dial. A connection that comes too late is closed.
func (c *Client) dial(ctx context.Context) (net.Conn, error) {
	const what = "endpoint's Dial"
	leave, err := c.enter(ctx, what)
	if err != nil {
		return nil, err
	}
	return guardedLate(ctx, c, what, func() (net.Conn, error) {
		defer leave()
		conn, err := c.cfg.Endpoint.Dial(ctx)
		if err == nil && conn == nil {
			err = errNoConn
		}
		return conn, err
	}, func(conn net.Conn) {
		if conn != nil {
			conn.Close()
		}
	})
}

// prepare calls Endpoint.Prepare, where there is one.
func (c *Client) prepare(ctx context.Context, connect *packet.Connect) error {
	f := c.cfg.Endpoint.Prepare
	if f == nil {
		return nil
	}
	const what = "endpoint's Prepare"
	leave, err := c.enter(ctx, what)
	if err != nil {
		return err
	}
	_, err = guarded(ctx, c, what, func() (struct{}, error) {
		defer leave()
		return struct{}{}, f(ctx, connect)
	})
	return err
}

// enter waits until a call of an earlier attempt has returned, and says when the next one may begin.
func (c *Client) enter(ctx context.Context, what string) (leave func(), err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.inEndpoint != nil {
		out := c.inEndpoint
		c.mu.Unlock()
		select {
		case <-out:
		case <-ctx.Done():
		}
		c.mu.Lock()
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("the %s of an earlier attempt has not returned: %w", what, err)
		}
	}
	out := make(chan struct{})
	c.inEndpoint = out
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.inEndpoint = nil
		close(out)
	}, nil
}

// explain asks Endpoint.Explain for a better error.
func (c *Client) explain(err error) error {
	if f := c.cfg.Endpoint.Explain; f != nil {
		explained, failed := judged(c, "endpoint's Explain", func() error { return f(err) })
		if failed == nil && explained != nil {
			return explained
		}
	}
	return err
}

// terminal asks Endpoint.Terminal, and IsTerminal where that cannot say.
func (c *Client) terminal(err error) bool {
	if f := c.cfg.Endpoint.Terminal; f != nil {
		if final, failed := judged(c, "endpoint's Terminal", func() bool { return f(err) }); failed == nil {
			return final
		}
	}
	return IsTerminal(err)
}

// judged gives a function as long as an attempt may take.
func judged[T any](c *Client, what string, f func() T) (T, error) {
	ctx, cancel := context.WithTimeout(context.Background(), c.cfg.ConnectTimeout)
	defer cancel()
	return guarded(ctx, c, what, func() (T, error) { return f(), nil })
}
