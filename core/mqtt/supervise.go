package mqtt

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"
)

// supervise makes attempts until one succeeds: then a reader takes over, and starts supervise again when the
// connection ends. So there is one goroutine either way, and what dialling and TLS need of stack is given back.
func (c *Client) supervise() {
	for {
		c.mu.Lock()
		c.attempts++
		n := c.attempts
		c.mu.Unlock()
		err := c.attempt(n)
		if err == errCleared {
			err = c.attempt(n)
		}
		if err == nil || !c.again(n, err) {
			return
		}
	}
}

// again waits for the time of the next attempt. It ends the goroutine where there is none.
func (c *Client) again(n int, err error) bool {
	stage, cause := "connect", err
	if s, ok := errors.AsType[*stageError](err); ok {
		stage, cause = s.stage, s.err
	}
	failure := &ConnectError{Endpoint: c.cfg.Endpoint.Name, Attempt: n, Stage: stage, Err: c.explain(cause)}
	failure.Terminal = c.terminal(failure)
	wait := c.cfg.Reconnect.wait(n - 1)

	c.mu.Lock()
	if c.state == StateClosed {
		c.exitIO()
		c.mu.Unlock()
		return false
	}
	c.stats.Failures++
	c.lastErr = failure
	if f := c.cfg.Trace.ConnectFailed; f != nil {
		c.tell(func() { f(failure, wait) })
	}
	if failure.Terminal {
		c.logLater(slog.LevelError, "refused for good", logEndpoint, c.cfg.Endpoint.Name, logError, failure)
		c.terminate(failure)
		c.exitIO()
		c.mu.Unlock()
		return false
	}
	c.logLater(slog.LevelWarn, "connect failed", logEndpoint, c.cfg.Endpoint.Name, logAttempt, n, logError, failure, logWait, wait)
	c.setState(StateWaiting)
	c.mu.Unlock()
	return c.pauseBefore(wait)
}

// pauseBefore waits before an attempt, and ends the goroutine where the client is closed meanwhile.
func (c *Client) pauseBefore(wait time.Duration) bool {
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case <-t.C:
	case <-c.ctx.Done():
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state == StateClosed {
		c.exitIO()
		return false
	}
	c.setState(StateConnecting)
	return true
}

type stageError struct {
	stage string
	err   error
}

func (e *stageError) Error() string { return e.stage + ": " + e.err.Error() }
func (e *stageError) Unwrap() error { return e.err }

// attempt dials and shakes hands, all within one deadline. After a success the reader runs.
func (c *Client) attempt(n int) error {
	ctx, cancel := c.attemptContext(n)
	defer cancel()
	if err := c.storeError(); err != nil {
		return &stageError{"store", err}
	}
	login, err := c.login(ctx)
	if err != nil {
		return &stageError{"authenticate", c.late(ctx, err)}
	}
	conn, err := c.dial(ctx)
	if err != nil {
		return &stageError{"dial", c.late(ctx, err)}
	}
	connect := c.cfg.connect()
	if err := c.prepare(ctx, connect); err != nil {
		conn.Close()
		return &stageError{"prepare", c.late(ctx, err)}
	}
	if login != nil {
		connect.AuthMethod, connect.AuthData = login.method, login.data
	}
	durable := !connect.CleanStart
	l := newLink(c, conn)
	l.auth = login
	// A read or write of the handshake ends at the deadline, also where a transport has no deadlines of its own.
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	err = c.handshake(ctx, l, connect)
	if stopped := stop(); err == nil && !stopped {
		err = ctx.Err() // the transport is being closed
	}
	if err == nil {
		if err = c.cleared(l, durable); err == nil {
			err = c.accepted(l)
		}
	}
	if err != nil {
		if e := c.detach(l, err); e != nil {
			err = e
		}
		return c.late(ctx, err)
	}
	return nil
}

// attemptContext returns the context of an attempt, which ends with the client, too.
func (c *Client) attemptContext(n int) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(context.Background(), c.cfg.ConnectTimeout)
	c.mu.Lock()
	defer c.mu.Unlock()
	if f := c.cfg.Trace.Attempt; f != nil {
		c.tell(func() { f(n) })
	}
	if c.callOff = cancel; c.state == StateClosed {
		cancel()
	}
	return ctx, func() {
		cancel()
		c.mu.Lock()
		c.callOff = nil
		c.mu.Unlock()
	}
}

// late says of an error that it is one of the deadline, where it is.
func (c *Client) late(ctx context.Context, err error) error {
	over := ctx.Err() != nil || errors.Is(err, os.ErrDeadlineExceeded)
	if !over || c.ctx.Err() != nil || errors.Is(err, ErrConnectTimeout) || err == errCleared {
		return err
	}
	return fmt.Errorf("%w: %w", ErrConnectTimeout, err)
}
