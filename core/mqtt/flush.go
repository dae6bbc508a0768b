package mqtt

import (
	"runtime"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/engine"
)

const (
	writeChunk = 64 << 10  // after each, the engine hears of progress
	keepSpare  = 256 << 10 // larger buffers are given back
	lastWords  = time.Second
)

// settle does what follows from the last input: completions, events, bytes to write, the timer. It is called with
// c.mu held before it is given up.
func (c *Client) settle() {
	if c.engine.HasOutput() {
		c.collect()
	}
	c.kick()
	c.arm()
}

// kick starts the flusher where there is something to store or to write and nobody does.
func (c *Client) kick() {
	work := c.store != nil && c.engine.HasRecords()
	if l := c.link; l != nil && l.live {
		if c.engine.Err() != nil && !l.ending {
			l.ending, work = true, true
			l.hurry() // a write that is stuck has its last second, too
		}
		work = work || c.engine.Pending() && !l.broken
	}
	if work && !c.flushing {
		c.flushing = true
		c.spawnIO(c.flushFn)
	}
}

// hurry bounds the rest of a connection: what is still written, and what the broker still says. c.mu is held.
func (l *link) hurry() {
	if l.last == nil {
		l.last = time.AfterFunc(lastWords, func() { l.conn.Close() })
	}
}

// hangUp closes the transport now. With TLS that may take its time, so it has a goroutine. c.mu is held.
func (c *Client) hangUp(l *link) {
	if l.hungUp {
		return
	}
	l.hungUp = true
	c.spawnIO(func() {
		l.conn.Close()
		c.mu.Lock()
		c.exitIO()
		c.mu.Unlock()
	})
}

// flush stores and writes until there is nothing to store or to write. It exists only while there is. What the bytes
// depend on is stored before they leave: one flusher does both, so that everything that came meanwhile shares the
// next write to the disk, and the next to the network.
func (c *Client) flush() {
	// Let the callers that were woken just now append first: one write instead of many.
	runtime.Gosched()
	c.mu.Lock()
	for {
		l := c.link
		if l != nil && (!l.live || l.broken) {
			l = nil
		}
		records := c.takeRecords()
		buf := c.takeOut(l)
		if len(buf) == 0 && len(records) == 0 {
			break
		}
		c.settleTaken()
		c.mu.Unlock()
		ok := len(records) == 0 || c.save(records)
		if ok && len(buf) > 0 {
			ok = l.write(buf)
		}
		c.mu.Lock()
		if !ok && l != nil { // the reader finds out too, and why: the broker may have said so before it closed
			l.broken = true
			l.hurry()
		}
		if cap(buf) <= keepSpare {
			c.spare = buf[:0]
		}
	}
	c.flushing = false
	if l := c.link; l != nil && l.ending && !l.broken {
		c.mu.Unlock()
		l.closeWrite()
		c.mu.Lock()
	}
	c.exitIO()
	c.mu.Unlock()
}

// closeWrite ends our side once everything is written. The reader goes on until the broker has closed too, or lastWords
// are over: to close while there is something to read resets the connection, and a reset can overtake DISCONNECT.
func (l *link) closeWrite() {
	if conn, ok := l.conn.(interface{ CloseWrite() error }); ok {
		_ = conn.CloseWrite()
	}
}

// takeOut takes the bytes for a link, which may be nil. c.mu is held.
func (c *Client) takeOut(l *link) (buf []byte) {
	if l == nil {
		return nil
	}
	if buf = l.rest; len(buf) > 0 {
		l.rest = nil
		return buf
	}
	buf = c.engine.TakeOut(c.now(), c.spare)
	if c.spare = nil; len(buf) == 0 {
		c.spare = buf
	}
	return buf
}

// settleTaken handles what TakeOut has brought about: operations that could not be sent.
func (c *Client) settleTaken() {
	if c.engine.HasOutput() {
		c.collect()
	}
	c.arm()
}

// write writes all of p and reports whether it could. c.mu is not held.
func (l *link) write(p []byte) bool {
	for len(p) > 0 {
		n, err := l.conn.Write(p[:min(len(p), writeChunk)])
		p = p[n:]
		l.c.mu.Lock()
		l.c.wrote(l, n)
		l.c.mu.Unlock()
		if err != nil {
			return false
		}
	}
	return true
}

// wrote tells the engine of progress. c.mu is held.
func (c *Client) wrote(l *link, n int) {
	if c.link != l || n <= 0 {
		return
	}
	c.stamp = c.now()
	c.stats.BytesSent += uint64(n)
	c.engine.Wrote(c.stamp, n)
	if c.engine.HasOutput() {
		c.collect()
	}
}

// inline writes on the calling goroutine what the system takes without waiting, and leaves the rest to the flusher:
// for a caller who is alone, handing over to another goroutine costs more than the write. c.mu is held, given up for
// the write, and held again.
func (c *Client) inline() {
	l := c.link
	if l == nil || !l.live || c.flushing || l.broken || l.try == nil || !c.engine.Pending() || c.engine.Err() != nil ||
		c.store != nil && c.engine.HasRecords() {
		c.kick()
		return
	}
	c.flushing = true
	buf := c.engine.TakeOut(c.stamp, c.spare)
	c.spare = nil
	c.settleTaken()
	c.mu.Unlock()
	n := l.try(buf)
	c.mu.Lock()
	c.wrote(l, n)
	if n < len(buf) {
		l.rest = buf[n:]
		c.spawnIO(c.flushFn)
		return
	}
	c.spare = buf[:0]
	c.flushing = false
	c.kick()
}

// arm sets the timer to the engine's next deadline, where it is not set earlier. c.mu is held.
func (c *Client) arm() {
	wake := c.engine.Wake()
	if wake >= c.armed || c.state == StateClosed {
		return
	}
	c.armed = wake
	d := max(0, time.Duration(wake-c.now()))
	if c.timer == nil {
		c.timer = time.AfterFunc(d, c.tick)
	} else {
		c.timer.Reset(d)
	}
}

// tick runs when the timer fires.
func (c *Client) tick() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state == StateClosed {
		return
	}
	c.armed = engine.Never
	c.stamp = c.now()
	c.engine.Tick(c.stamp)
	c.trim()
	if l := c.link; l != nil && !l.live && c.engine.Err() != nil {
		c.hangUp(l) // no CONNACK in time
	}
	c.settle()
}
