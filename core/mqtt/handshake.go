package mqtt

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/engine"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

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
				return l.whyClosed(err)
			}
			continue
		}
		if fail != nil {
			return fail
		}
		if challenge != nil {
			if err := c.respond(ctx, l, challenge); err != nil {
				return &stageError{"authenticate", c.late(ctx, err)}
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

// whyClosed looks, after a write of the handshake has failed, for what the broker said before it closed, such as the alert
// of TLS that names what is wrong with a certificate, or a CONNACK. It returns the error that tells more.
func (l *link) whyClosed(failed error) error {
	if l.conn.SetReadDeadline(time.Now().Add(lastWords)) != nil {
		return failed
	}
	for {
		n, err := l.conn.Read(l.small[:])
		if n > 0 {
			l.c.receivedFirst(l, l.small[:n])
		}
		l.c.mu.Lock()
		said := l.c.engine.Err()
		l.c.mu.Unlock()
		switch {
		case said != nil:
			return said
		case err == nil:
		case mute(err):
			return failed
		default:
			return err
		}
	}
}

// mute reports whether an error of a read says no more than that there is nothing to read.
func mute(err error) bool {
	if e, ok := errors.AsType[*net.OpError](err); ok {
		return e.Op == "read" // an alert of TLS is a "remote error"
	}
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.ErrClosedPipe) ||
		errors.Is(err, net.ErrClosed) || errors.Is(err, os.ErrDeadlineExceeded)
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
