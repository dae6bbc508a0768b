package mqtt

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/engine"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// link is one transport, from CONNECT until it ends. Fields below conn are guarded by the client's mutex, except
// where they say otherwise.
type link struct {
	c    *Client
	conn net.Conn
	try  func(p []byte) int // writes what the system takes without waiting; nil where the transport cannot

	live   bool // the broker has accepted: the flusher may write
	since  time.Time
	readFn func()
	rest   []byte // taken from the engine, not yet written
	ending bool   // the engine has ended the connection; the flusher writes the rest
	broken bool   // a write has failed
	hungUp bool
	last   *time.Timer // closes the transport

	auth     *exchange       // of the attempt; nil without enhanced authentication
	early    []byte          // of the attempt: what came behind CONNACK, before the exchange was over
	ctx      context.Context // ends with the connection; nil where nobody asks
	end      context.CancelCauseFunc
	replaced bool // ends as planned

	heard  engine.Instant // the last batch of bytes
	quiet  bool           // there was nothing for a while before it
	waiter *time.Timer    // of the reader
	small  [256]byte      // of the reader, while there is little to read
}

func newLink(c *Client, conn net.Conn) *link {
	l := &link{c: c, conn: conn, try: tryWriter(conn)}
	l.readFn = l.read
	if e := &c.cfg.Endpoint; e.Auth != nil || e.Renew != nil {
		l.ctx, l.end = context.WithCancelCause(c.ctx)
	}
	return l
}

// bigBuffers are what readers use while there is much to read: an idle connection has none.
var bigBuffers = sync.Pool{New: func() any { return new([64 << 10]byte) }}

// quietReads is how many small reads make a reader give its big buffer back.
const quietReads = 32

// quietAfter is how long there is nothing to read before the reader hands over.
const quietAfter = engine.Instant(10 * engine.Second)

// errQuiet says that the reader hands over to another goroutine.
var errQuiet = errors.New("mqtt: the reader hands over")

// read takes bytes from the broker until the transport ends. It is the one goroutine of an idle client, so it keeps a
// small stack and a small buffer: what handling a batch has made of its stack is given back when there was nothing to
// read for a while, by handing over to a new goroutine.
func (l *link) read() {
	c := l.c
	err := l.readSmall()
	if err == errQuiet {
		c.mu.Lock()
		l.quiet = false
		c.spawnIO(l.readFn)
		c.exitIO()
		c.mu.Unlock()
		return
	}
	c.ended(l, c.detach(l, err))
}

func (l *link) readSmall() error {
	for {
		n, err := l.conn.Read(l.small[:])
		if n > 0 {
			l.c.received(l, l.small[:n])
		}
		if err != nil {
			return err
		}
		if l.quiet && n < len(l.small) {
			return errQuiet
		}
		if n == len(l.small) {
			if err := l.readBig(); err != nil {
				return err
			}
		}
	}
}

func (l *link) readBig() error {
	buf := bigBuffers.Get().(*[64 << 10]byte)
	defer bigBuffers.Put(buf)
	for quiet := 0; quiet < quietReads; {
		n, err := l.conn.Read(buf[:])
		if n > 0 {
			l.c.received(l, buf[:n])
		}
		if err != nil {
			return err
		}
		if quiet++; n > len(l.small) {
			quiet = 0
		}
	}
	return nil
}

// received gives a batch of bytes to the engine, under one lock.
func (c *Client) received(l *link, p []byte) {
	c.mu.Lock()
	if c.link != l {
		c.mu.Unlock()
		return
	}
	c.stamp = c.now()
	l.quiet, l.heard = c.stamp-l.heard > quietAfter, c.stamp
	c.stats.BytesReceived += uint64(len(p))
	for {
		rest, m := c.engine.Receive(c.stamp, p)
		if m == nil {
			break
		}
		c.deliver(m)
		p = rest
	}
	c.startReady()
	c.settle()
	wait := c.crowded()
	c.mu.Unlock()
	if wait > 0 {
		l.relief(wait)
	}
}

// detach ends the use of a transport and returns why it ended, nil where it was not in use.
func (c *Client) detach(l *link, err error) error {
	c.mu.Lock()
	if c.link != l {
		if l.end != nil {
			l.end(err)
		}
		c.mu.Unlock()
		l.conn.Close()
		return nil
	}
	cause := c.engine.Err()
	_, staged := errors.AsType[*stageError](err)
	switch {
	case l.replaced && cause == ErrClosed && c.state != StateClosed:
		cause = ErrReplaced
	case cause != nil:
	case c.state == StateClosed:
		cause = ErrClosed
	case staged:
		cause = err
	case errors.Is(err, io.EOF):
		cause = fmt.Errorf("%w: the broker closed it without a word", ErrConnectionLost)
	case l.live:
		cause = fmt.Errorf("%w: %w", ErrConnectionLost, err)
	default:
		cause = err
	}
	c.link = nil
	if l.last != nil {
		l.last.Stop()
	}
	if l.end != nil {
		l.end(cause)
	}
	c.stamp = c.now()
	c.engine.Closed(c.stamp)
	if errors.Is(cause, errUnknownSession) {
		c.clean = true // the next attempt asks for a new session [MQTT-3.2.2-4]
	}
	c.settle()
	c.mu.Unlock()
	l.conn.Close()
	return cause
}

var errUnknownSession = &ProtocolError{Code: packet.ProtocolError, Clause: "MQTT-3.2.2-4"}

// ended decides, after an accepted connection, whether there is a next one. It runs on the reader's goroutine and
// ends it.
func (c *Client) ended(l *link, cause error) {
	planned := cause == ErrReplaced
	if cause != nil && !planned && cause != ErrClosed { // the others are our own doing
		cause = c.explain(cause)
	}
	final := cause != nil && !planned && cause != ErrClosed && c.terminal(cause)
	c.mu.Lock()
	defer c.mu.Unlock()
	defer c.exitIO()
	c.announce(disconnectedBy(cause))
	if c.state == StateClosed {
		return
	}
	c.lastErr = cause
	if planned {
		c.attempts = 0
		c.logLater(slog.LevelInfo, "connecting anew as planned", logEndpoint, c.cfg.Endpoint.Name)
		c.setState(StateConnecting)
		c.spawnIO(c.supervise)
		return
	}
	if time.Since(l.since) >= c.cfg.Reconnect.Stable {
		c.attempts = 0
	}
	level := slog.LevelWarn
	if final {
		level = slog.LevelError
	}
	c.logLater(level, "disconnected", logEndpoint, c.cfg.Endpoint.Name, logError, cause)
	if final {
		c.terminate(cause)
		return
	}
	c.setState(StateWaiting)
	c.spawnIO(c.resume)
}

// resume waits as the backoff says and supervises again. A connection that was not stable counts as an attempt that
// failed; after a stable one the backoff starts over.
func (c *Client) resume() {
	c.mu.Lock()
	n := c.attempts
	c.mu.Unlock()
	if c.pauseBefore(c.cfg.Reconnect.wait(max(0, n-1))) {
		c.supervise()
	}
}
