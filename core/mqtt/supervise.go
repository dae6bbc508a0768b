package mqtt

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/engine"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
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

func (c *Client) explain(err error) error {
	if f := c.cfg.Endpoint.Explain; f != nil {
		if explained := f(err); explained != nil {
			return explained
		}
	}
	return err
}

func (c *Client) terminal(err error) bool {
	if f := c.cfg.Endpoint.Terminal; f != nil {
		return f(err)
	}
	return IsTerminal(err)
}

type stageError struct {
	stage string
	err   error
}

func (e *stageError) Error() string { return e.stage + ": " + e.err.Error() }
func (e *stageError) Unwrap() error { return e.err }

// attempt dials and shakes hands, all within one deadline. After a success the reader runs.
func (c *Client) attempt(n int) error {
	if f := c.cfg.Trace.Attempt; f != nil {
		c.mu.Lock()
		c.tell(func() { f(n) })
		c.mu.Unlock()
	}
	ctx, cancel := context.WithTimeout(c.ctx, c.cfg.ConnectTimeout)
	defer cancel()
	if err := c.storeError(); err != nil {
		return &stageError{"store", err}
	}
	login, err := c.login(ctx)
	if err != nil {
		return &stageError{"authenticate", c.late(ctx, err)}
	}
	conn, err := c.cfg.Endpoint.Dial(ctx)
	if err == nil && conn == nil {
		err = errNoConn
	}
	if err != nil {
		return &stageError{"dial", c.late(ctx, err)}
	}
	connect := c.cfg.connect()
	if f := c.cfg.Endpoint.Prepare; f != nil {
		if err := f(ctx, connect); err != nil {
			conn.Close()
			return &stageError{"prepare", c.late(ctx, err)}
		}
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

// cleared ends a connection of MQTT 3.1.1 that was made only to be rid of a session: the new one would end with it.
func (c *Client) cleared(l *link, durable bool) error {
	c.mu.Lock()
	purge := c.clean && durable && c.cfg.Version == packet.V311
	if purge {
		c.clean = false
	}
	c.mu.Unlock()
	if !purge {
		return nil
	}
	bye, _ := new(packet.Disconnect).Append(nil, packet.V311) // and nothing of what the engine wants to send
	if _, err := l.conn.Write(bye); err != nil {
		return err
	}
	return errCleared
}

var errCleared = errors.New("mqtt: the broker's old session is cleared")

var errNoConn = errors.New("the endpoint's Dial returned neither a connection nor an error")

// late says of an error that it is one of the deadline, where it is.
func (c *Client) late(ctx context.Context, err error) error {
	over := ctx.Err() != nil || errors.Is(err, os.ErrDeadlineExceeded)
	if !over || c.ctx.Err() != nil || errors.Is(err, ErrConnectTimeout) || err == errCleared {
		return err
	}
	return fmt.Errorf("%w: %w", ErrConnectTimeout, err)
}

// handshake sends CONNECT and reads until CONNACK is in.
func (c *Client) handshake(ctx context.Context, l *link, connect *packet.Connect) error {
	deadline, _ := ctx.Deadline()
	c.mu.Lock()
	if c.state == StateClosed {
		c.mu.Unlock()
		return ErrClosed
	}
	now := c.now()
	connect.CleanStart = connect.CleanStart || c.clean
	if err := c.engine.Open(now, connect, now+engine.Instant(time.Until(deadline))); err != nil {
		c.mu.Unlock()
		return err
	}
	c.link, c.stamp = l, now
	c.kick()
	err := c.awaitSaved(ctx) // what a clean start has ended must not come back after a crash
	c.mu.Unlock()
	if err != nil {
		return &stageError{"store", err}
	}
	for {
		c.mu.Lock()
		if c.engine.Connected() { // what is to be written now is the flusher's
			c.mu.Unlock()
			return c.loggedIn(ctx, l)
		}
		out := c.engine.TakeOut(c.stamp, nil)
		fail := c.engine.Err()
		challenge := l.auth.takeChallenge()
		c.mu.Unlock()
		if len(out) > 0 {
			n, err := l.conn.Write(out)
			c.mu.Lock()
			c.wrote(l, n)
			c.mu.Unlock()
			if err != nil && fail == nil {
				return err
			}
			continue
		}
		if fail != nil {
			return fail
		}
		if challenge != nil {
			if err := c.respond(ctx, l, challenge); err != nil {
				return &stageError{"authenticate", err}
			}
			continue
		}
		n, err := l.conn.Read(l.small[:])
		if n > 0 {
			c.receivedFirst(l, l.small[:n])
		} else if err != nil {
			return err
		}
	}
}

// accepted makes the connection public, and hands over to a reader.
func (c *Client) accepted(l *link) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state == StateClosed || c.link != l {
		return ErrClosed
	}
	l.live, l.since = true, time.Now()
	c.clean = false
	c.stats.Connects++
	c.lastErr = nil
	session := c.session
	c.setState(StateConnected)
	c.announce(connectedTo(session))
	c.logLater(slog.LevelInfo, "connected", logEndpoint, c.cfg.Endpoint.Name, logClientID, session.ClientID,
		logSessionPresent, session.SessionPresent)
	c.spawnIO(l.readFn)
	if c.cfg.Endpoint.Renew != nil {
		c.spawn(func() { c.renewals(l) })
	}
	c.exitIO()
	c.settle()
	return nil
}
