package mqtttest

import (
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// DefaultBuffer is how many bytes each direction of a pipe holds, unless told otherwise.
const DefaultBuffer = 64 << 10

// Pipe returns the two ends of a connection in memory. Unlike those of [net.Pipe] they have buffers, as sockets do: a
// write waits only while the other side has not read and the buffer of that direction, of so many bytes, is full.
// Deadlines work, waiting is durable in the sense of [testing/synctest], and nothing is allocated per read or write.
func Pipe(buffer int) (client, broker *PipeConn) {
	if buffer <= 0 {
		buffer = DefaultBuffer
	}
	up, down := newHalf(buffer), newHalf(buffer)
	return &PipeConn{in: down, out: up, name: "client"}, &PipeConn{in: up, out: down, name: "broker"}
}

// PipeConn is one end of a [Pipe].
type PipeConn struct {
	in, out *half
	name    string
}

// Read returns io.EOF after the other end has closed and all its bytes are read.
func (c *PipeConn) Read(p []byte) (int, error) {
	n, err := c.in.read(p)
	return n, c.wrap("read", err)
}

// Write returns when all of p is in the buffer.
func (c *PipeConn) Write(p []byte) (int, error) {
	n, err := c.out.write(p)
	return n, c.wrap("write", err)
}

// Close ends the connection in order: the other end can read what was written.
func (c *PipeConn) Close() error {
	c.in.set(func(h *half) {
		h.gone = true
		h.readBy.stop()
	})
	c.out.set(func(h *half) {
		h.eof = true
		h.writeBy.stop()
	})
	return nil
}

// Cut ends the connection as a reset does: both ends fail at once, and what was not read is lost.
func (c *PipeConn) Cut() {
	for _, h := range []*half{c.in, c.out} {
		h.set(func(h *half) {
			h.cut = true
			h.readBy.stop()
			h.writeBy.stop()
		})
	}
}

// Stall makes writes of the other end wait, as if the buffer were full, until it is called with false.
func (c *PipeConn) Stall(stalled bool) { c.in.set(func(h *half) { h.stalled = stalled }) }

// Buffered returns how many bytes the other end has written that were not read.
func (c *PipeConn) Buffered() (n int) {
	c.in.set(func(h *half) { n = len(h.buf) - h.off })
	return n
}

// SetDeadline sets both deadlines.
func (c *PipeConn) SetDeadline(t time.Time) error {
	_ = c.SetReadDeadline(t)
	return c.SetWriteDeadline(t)
}

// SetReadDeadline makes reads fail with [os.ErrDeadlineExceeded] from t on; the zero time means never.
func (c *PipeConn) SetReadDeadline(t time.Time) error {
	c.in.set(func(h *half) { h.readBy.set(h, t) })
	return nil
}

// SetWriteDeadline makes writes fail with [os.ErrDeadlineExceeded] from t on; the zero time means never.
func (c *PipeConn) SetWriteDeadline(t time.Time) error {
	c.out.set(func(h *half) { h.writeBy.set(h, t) })
	return nil
}

// LocalAddr returns an address of the network "pipe".
func (c *PipeConn) LocalAddr() net.Addr { return pipeAddr(c.name) }

// RemoteAddr returns an address of the network "pipe".
func (c *PipeConn) RemoteAddr() net.Addr {
	if c.name == "client" {
		return pipeAddr("broker")
	}
	return pipeAddr("client")
}

func (c *PipeConn) wrap(op string, err error) error {
	if err == nil || err == io.EOF {
		return err
	}
	return &net.OpError{Op: op, Net: "pipe", Source: c.LocalAddr(), Addr: c.RemoteAddr(), Err: err}
}

type pipeAddr string

func (a pipeAddr) Network() string { return "pipe" }
func (a pipeAddr) String() string  { return string(a) }

// half is one direction.
type half struct {
	mu      sync.Mutex
	changed sync.Cond // of anything below
	limit   int
	buf     []byte // buf[off:] is written and not read
	off     int
	writing bool // a write is in progress: they do not mix
	eof     bool // closed by the writing end
	gone    bool // closed by the reading end
	cut     bool
	stalled bool
	readBy  deadline
	writeBy deadline
}

func newHalf(limit int) *half {
	h := &half{limit: limit}
	h.changed.L = &h.mu
	return h
}

func (h *half) set(f func(*half)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	f(h)
	h.changed.Broadcast()
}

func (h *half) read(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for {
		switch {
		case h.gone:
			return 0, net.ErrClosed
		case h.cut:
			return 0, syscall.ECONNRESET
		case h.readBy.passed:
			return 0, os.ErrDeadlineExceeded
		case h.off < len(h.buf):
			n := copy(p, h.buf[h.off:])
			if h.off += n; h.off == len(h.buf) {
				h.buf, h.off = h.buf[:0], 0
			}
			h.changed.Broadcast()
			return n, nil
		case h.eof:
			return 0, io.EOF
		case len(p) == 0:
			return 0, nil
		}
		h.changed.Wait()
	}
}

func (h *half) write(p []byte) (n int, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for h.writing {
		h.changed.Wait()
	}
	h.writing = true
	defer func() {
		h.writing = false
		h.changed.Broadcast()
	}()
	for {
		switch {
		case h.eof:
			return n, net.ErrClosed
		case h.cut:
			return n, syscall.ECONNRESET
		case h.gone:
			return n, syscall.EPIPE
		case h.writeBy.passed:
			return n, os.ErrDeadlineExceeded
		case len(p) == n:
			return n, nil
		}
		if room := h.limit - (len(h.buf) - h.off); room > 0 && !h.stalled {
			n += h.push(p[n:min(len(p), n+room)])
			continue
		}
		h.changed.Wait()
	}
}

func (h *half) push(p []byte) int {
	if h.off > 0 && len(h.buf)+len(p) > cap(h.buf) {
		h.buf = h.buf[:copy(h.buf, h.buf[h.off:])]
		h.off = 0
	}
	h.buf = append(h.buf, p...)
	h.changed.Broadcast()
	return len(p)
}

// deadline is guarded by its half's mutex.
type deadline struct {
	passed bool
	timer  *time.Timer
	turn   int // counts the settings: a timer of an earlier one is void
}

// stop gives the timer back: nothing keeps a connection that has ended.
func (d *deadline) stop() {
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
}

func (d *deadline) set(h *half, t time.Time) {
	d.stop()
	if h.cut {
		return
	}
	d.turn++
	wait := time.Until(t)
	if d.passed = !t.IsZero() && wait <= 0; d.passed || t.IsZero() {
		return
	}
	turn := d.turn
	d.timer = time.AfterFunc(wait, func() {
		h.set(func(*half) {
			if d.turn == turn {
				d.passed = true
			}
		})
	})
}
