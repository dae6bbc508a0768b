package mqtt

import (
	"bytes"
	"context"

	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// respond answers a challenge before CONNACK.
func (c *Client) respond(ctx context.Context, l *link, challenge []byte) error {
	data, err := c.next(ctx, l.auth, challenge)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.link != l {
		return ErrClosed
	}
	c.stamp = c.now()
	return c.engine.Authenticate(c.stamp, &packet.Auth{Code: packet.ContinueAuthentication, Data: data})
}

// receivedFirst is received until CONNACK. While an exchange is to be ended by it, nothing behind CONNACK is read: a
// message of a broker that has yet to prove itself must not reach a handler. Byte by byte the engine stops just there.
func (c *Client) receivedFirst(l *link, p []byte) {
	if l.auth == nil {
		c.received(l, p)
		return
	}
	for i := range p {
		c.received(l, p[i:i+1])
		c.mu.Lock()
		accepted := c.engine.Connected()
		c.mu.Unlock()
		if accepted {
			l.early = bytes.Clone(p[i+1:])
			return
		}
	}
}

// loggedIn ends the exchange of an attempt after CONNACK.
func (c *Client) loggedIn(ctx context.Context, l *link) error {
	x := l.auth
	if x == nil {
		return nil
	}
	c.mu.Lock()
	final := x.final
	c.mu.Unlock()
	if err := c.accept(ctx, x, final); err != nil {
		return &stageError{"authenticate", c.late(ctx, err)}
	}
	l.auth = nil // it holds secrets
	if early := l.early; len(early) > 0 {
		l.early = nil
		c.received(l, early)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.engine.Err()
}
