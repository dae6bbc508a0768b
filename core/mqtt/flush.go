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

// kick starts the flusher where there is something to write and nobody writes.
func (c *Client) kick() {
	l := c.link
	if l == nil || !l.live || l.flushing {
		return
	}
	if c.engine.Err() != nil {
		l.hurry()
	} else if !c.engine.Pending() {
		return
	}
	l.flushing = true
	c.spawnIO(l.flushFn)
}

// hurry bounds what is still written to a connection that has ended.
func (l *link) hurry() {
	if !l.ending {
		l.ending = true
		_ = l.conn.SetWriteDeadline(time.Now().Add(lastWords))
	}
}

// flush writes until there is nothing to write. It exists only while there is.
func (l *link) flush() {
	// Let the callers that were woken just now append first: one write instead of many.
	runtime.Gosched()
	c := l.c
	c.mu.Lock()
	for c.link == l {
		buf := l.rest
		if l.rest = nil; len(buf) == 0 {
			buf = c.engine.TakeOut(c.now(), l.spare)
			l.spare = nil
		}
		if len(buf) == 0 {
			l.spare = buf
			break
		}
		c.settleTaken()
		c.mu.Unlock()
		err := l.write(buf)
		c.mu.Lock()
		if l.spare = buf[:0]; cap(buf) > keepSpare {
			l.spare = nil
		}
		if err != nil { // the reader finds out too, and says why
			l.conn.Close()
			break
		}
	}
	l.flushing = false
	if l.ending {
		l.conn.Close()
	}
	c.exitIO()
	c.mu.Unlock()
}

// settleTaken handles what TakeOut has brought about: operations that could not be sent.
func (c *Client) settleTaken() {
	if c.engine.HasOutput() {
		c.collect()
	}
	c.arm()
}

// write writes all of p. c.mu is not held.
func (l *link) write(p []byte) error {
	for len(p) > 0 {
		n, err := l.conn.Write(p[:min(len(p), writeChunk)])
		p = p[n:]
		l.c.mu.Lock()
		l.c.wrote(l, n)
		if l.c.engine.Err() != nil && l.c.link == l {
			l.hurry()
		}
		l.c.mu.Unlock()
		if err != nil {
			return err
		}
	}
	return nil
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
	if l == nil || !l.live || l.flushing || l.try == nil || !c.engine.Pending() || c.engine.Err() != nil {
		c.kick()
		return
	}
	l.flushing = true
	buf := c.engine.TakeOut(c.stamp, l.spare)
	l.spare = nil
	c.settleTaken()
	c.mu.Unlock()
	n := l.try(buf)
	c.mu.Lock()
	c.wrote(l, n)
	if n < len(buf) {
		l.rest = buf[n:]
		c.spawnIO(l.flushFn)
		return
	}
	l.spare = buf[:0]
	l.flushing = false
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
	if l := c.link; l != nil && c.engine.Err() != nil {
		l.hurry() // a writer that is stuck gets its last second
		if !l.live {
			l.conn.Close()
		}
	}
	c.settle()
}
