package mqtt

import (
	"context"
	"errors"
	"fmt"

	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// reauth is a re-authentication under way.
type reauth struct {
	l      *link
	steps  chan *packet.Auth // one slot: the broker's step alternates with ours
	over   chan struct{}
	err    error
	cancel context.CancelFunc
	sent   bool // guarded by the client's mutex: the broker knows of it
}

// Reauthenticate authenticates anew on the live connection, as with a fresh token [section 4.12.1]. Messages go on
// meanwhile. One exchange runs at a time: a call waits for its turn.
//
// The broker may accept (nil), put it off ([ErrAuthLater], the connection goes on) or end the connection, with or
// without a DISCONNECT; the client then connects again, as after any loss. The same happens where the exchange is not over
// within [Config.ConnectTimeout] ([ErrAuthTimeout]), or the authenticator does not accept an answer. An error of the
// authenticator before anything is sent leaves the connection as it is. An exchange that the broker knows of goes on when
// ctx ends.
func (c *Client) Reauthenticate(ctx context.Context) error {
	if c.cfg.Endpoint.Auth == nil {
		return ErrNoAuth
	}
	l, err := c.liveLink()
	if err != nil {
		return err
	}
	return c.reauthenticate(ctx, l)
}

// liveLink returns the connection that is accepted.
func (c *Client) liveLink() (*link, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.state == StateClosed:
		return nil, c.closed
	case !c.started:
		return nil, ErrNotStarted
	case c.link == nil || !c.link.live:
		return nil, ErrOffline
	}
	return c.link, nil
}

// turn is the slot of who re-authenticates or connects anew.
func (c *Client) turn() chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.authTurn == nil {
		c.authTurn = make(chan struct{}, 1)
	}
	return c.authTurn
}

func (c *Client) reauthenticate(ctx context.Context, l *link) error {
	turn := c.turn()
	select {
	case turn <- struct{}{}:
	case <-ctx.Done():
		return fmt.Errorf("mqtt: re-authenticate: %w", ctx.Err())
	}
	r := &reauth{l: l, steps: make(chan *packet.Auth, 1), over: make(chan struct{})}
	var xctx context.Context
	xctx, r.cancel = context.WithTimeout(l.ctx, c.cfg.ConnectTimeout)
	c.mu.Lock()
	if c.link != l {
		c.mu.Unlock()
		r.cancel()
		<-turn
		return fmt.Errorf("mqtt: re-authenticate: %w", context.Cause(l.ctx))
	}
	c.spawn(func() {
		err := c.exchange(xctx, r)
		r.cancel()
		c.renewed(err)
		<-turn
		if err != nil {
			r.err = fmt.Errorf("mqtt: re-authenticate: %w", err)
		}
		close(r.over)
		c.mu.Lock()
		c.exit()
		c.mu.Unlock()
	})
	c.mu.Unlock()
	select {
	case <-r.over:
		return r.err
	case <-ctx.Done():
		c.mu.Lock()
		if !r.sent {
			r.cancel()
		}
		c.mu.Unlock()
		return fmt.Errorf("mqtt: re-authenticate: %w", ctx.Err())
	}
}

// exchange runs a re-authentication.
func (c *Client) exchange(ctx context.Context, r *reauth) error {
	x, err := c.begin(ctx, true)
	if err != nil {
		return c.gone(r.l, err)
	}
	if err := c.sendAuth(ctx, r, packet.ReAuthenticate, x.data); err != nil {
		return err
	}
	defer func() {
		c.mu.Lock()
		c.reauth = nil
		c.mu.Unlock()
	}()
	for {
		var p *packet.Auth
		select {
		case p = <-r.steps:
		case <-ctx.Done():
			return c.breakOff(r.l, ErrAuthTimeout)
		}
		if p.Code == packet.Success {
			if err := c.accept(ctx, x, p.Data); err != nil {
				return c.breakOff(r.l, overdue(ctx, err))
			}
			return nil
		}
		data, err := c.next(ctx, x, challengeOf(p))
		if errors.Is(err, ErrAuthLater) {
			return err
		}
		if err == nil {
			err = c.sendAuth(ctx, r, packet.ContinueAuthentication, data)
		}
		if err != nil {
			return c.breakOff(r.l, overdue(ctx, err))
		}
	}
}

// overdue says of an error of the authenticator that the time was over, where it was: whose turn it was by then does not
// matter.
func overdue(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("%w: %w", ErrAuthTimeout, err)
	}
	return err
}

// sendAuth sends the next step, the first only while somebody waits for it.
func (c *Client) sendAuth(ctx context.Context, r *reauth, code packet.ReasonCode, data []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.link != r.l {
		return context.Cause(r.l.ctx)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	c.stamp = c.now()
	if err := c.engine.Authenticate(c.stamp, &packet.Auth{Code: code, Data: data}); err != nil {
		return err
	}
	r.sent, c.reauth = true, r
	c.settle()
	return nil
}

// challenged hands on an AUTH of the broker. c.mu is held.
func (c *Client) challenged(p *packet.Auth) {
	l := c.link
	switch r := c.reauth; {
	case l == nil:
	case !l.live && l.auth != nil:
		l.auth.challenge = challengeOf(p)
	case r != nil && r.l == l:
		r.steps <- p
	}
}

// challengeOf returns the data of an AUTH, not nil.
func challengeOf(p *packet.Auth) []byte {
	if p.Data == nil {
		return []byte{}
	}
	return p.Data
}

// gone returns why the connection ended, if it did, and err otherwise.
func (c *Client) gone(l *link, err error) error {
	if l.ctx.Err() != nil {
		return context.Cause(l.ctx)
	}
	return err
}

// breakOff ends the connection because a re-authentication failed on our side [MQTT-4.12.1-2].
func (c *Client) breakOff(l *link, err error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.link != l || l.ctx.Err() != nil { // it has ended, and why is what matters
		return c.gone(l, err)
	}
	if cause := c.engine.Err(); cause != nil {
		return cause
	}
	c.engine.Fail(c.now(), packet.UnspecifiedError, fmt.Errorf("%w: re-authentication failed: %w", ErrConnectionLost, err))
	c.settle()
	return err
}
