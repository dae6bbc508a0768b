package mqttws

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"
)

// conn makes a stream of the binary frames of a WebSocket. Pings are answered while it is read.
type conn struct {
	ws     *websocket.Conn
	reader io.Reader // of the frame that is being read; nil between frames

	write   sync.Mutex                // one writer at a time
	writeBy atomic.Pointer[time.Time] // the write deadline
	once    sync.Once
	ended   error // of Close

	read     sync.Mutex // one reader at a time; guards reader and pending
	pending  chan result
	held     []byte // of a read that a deadline has left behind
	deadline deadline
}

// result is what a read in the background found.
type result struct {
	p   []byte
	err error
}

func newConn(ws *websocket.Conn) *conn {
	return &conn{ws: ws}
}

// Read reads from the current frame, and goes on to the next. A read that its deadline ends does no harm: what it
// waited for is there for the next one.
func (c *conn) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	c.read.Lock()
	defer c.read.Unlock()
	if n := c.takeHeld(p); n > 0 {
		return n, nil
	}
	wait := c.deadline.channel()
	if wait == nil && c.pending == nil {
		return c.readFrames(p)
	}
	return c.readBefore(wait, p)
}

func (c *conn) takeHeld(p []byte) int {
	n := copy(p, c.held)
	if c.held = c.held[n:]; len(c.held) == 0 {
		c.held = nil
	}
	return n
}

// readBefore waits for a read in the background as long as the deadline allows: the WebSocket itself cannot be read
// again after a deadline.
func (c *conn) readBefore(wait <-chan struct{}, p []byte) (int, error) {
	select {
	case <-wait:
		return 0, os.ErrDeadlineExceeded
	default:
	}
	if c.pending == nil {
		c.pending = make(chan result, 1)
		go func(done chan<- result) {
			buf := make([]byte, 4<<10)
			n, err := c.readFrames(buf)
			done <- result{buf[:n], err}
		}(c.pending)
	}
	select {
	case r := <-c.pending:
		c.pending = nil
		if r.err != nil {
			return 0, r.err
		}
		c.held = r.p
		return c.takeHeld(p), nil
	case <-wait:
		return 0, os.ErrDeadlineExceeded
	}
}

// readFrames reads at least one byte.
func (c *conn) readFrames(p []byte) (int, error) {
	for {
		if c.reader == nil {
			kind, r, err := c.ws.NextReader()
			if err != nil {
				return 0, translate(err)
			}
			if kind != websocket.BinaryMessage {
				c.goodbye(websocket.CloseUnsupportedData, "only binary frames carry MQTT")
				_ = c.ws.Close()
				return 0, errors.New("mqttws: the server sent a text frame [MQTT-6.0.0-1]")
			}
			c.reader = r
		}
		n, err := c.reader.Read(p)
		if err == io.EOF {
			c.reader = nil
		} else if err != nil {
			return n, translate(err)
		}
		if n > 0 {
			return n, nil
		}
	}
}

// translate makes an orderly end an io.EOF, as every other connection has it.
func translate(err error) error {
	if websocket.IsCloseError(err, websocket.CloseNormalClosure, websocket.CloseGoingAway, websocket.CloseNoStatusReceived) {
		return io.EOF
	}
	if e, ok := errors.AsType[*websocket.CloseError](err); ok {
		return fmt.Errorf("mqttws: the server closed the WebSocket with code %d: %q", e.Code, e.Text)
	}
	if errors.Is(err, net.ErrClosed) {
		return net.ErrClosed
	}
	return err
}

// Write writes p as one binary frame.
func (c *conn) Write(p []byte) (int, error) {
	c.write.Lock()
	defer c.write.Unlock()
	if t := c.writeBy.Load(); t != nil {
		_ = c.ws.SetWriteDeadline(*t)
	}
	if err := c.ws.WriteMessage(websocket.BinaryMessage, p); err != nil {
		return 0, translate(err)
	}
	return len(p), nil
}

// farewell bounds the wait for a writer that is stuck while the WebSocket is closed.
const farewell = 100 * time.Millisecond

func (c *conn) goodbye(code int, text string) {
	_ = c.ws.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(code, text), time.Now().Add(farewell))
}

// Close says goodbye and closes the connection below. It ends reads and writes that wait.
func (c *conn) Close() error {
	c.once.Do(func() {
		c.goodbye(websocket.CloseNormalClosure, "")
		c.ended = c.ws.Close()
	})
	return c.ended
}

func (c *conn) LocalAddr() net.Addr  { return c.ws.LocalAddr() }
func (c *conn) RemoteAddr() net.Addr { return c.ws.RemoteAddr() }

// SetDeadline sets both deadlines.
func (c *conn) SetDeadline(t time.Time) error {
	_ = c.SetReadDeadline(t)
	return c.SetWriteDeadline(t)
}

// SetReadDeadline bounds the reads that begin after it.
func (c *conn) SetReadDeadline(t time.Time) error {
	c.deadline.set(t)
	return nil
}

// SetWriteDeadline bounds writes, those under way included. A write that it ends leaves the connection unusable.
func (c *conn) SetWriteDeadline(t time.Time) error {
	c.writeBy.Store(&t) // for writes to come; the library must not be told while it writes
	return c.ws.NetConn().SetWriteDeadline(t)
}
