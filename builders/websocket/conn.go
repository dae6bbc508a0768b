package mqttws

import (
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"
)

// conn makes a stream of the binary frames of a WebSocket. A goroutine of its own reads them, because the library
// cannot read on after a deadline.
type conn struct {
	ws        *websocket.Conn
	transport *transport
	closed    chan struct{}

	inbox    inbox
	read     sync.Mutex // one reader at a time; guards the next two
	held     *chunk     // being read
	rest     []byte     // of it
	deadline deadline

	write sync.Mutex // one writer at a time
	pong  atomic.Pointer[string]
	pongs atomic.Bool // a goroutine answers pings

	once  sync.Once
	ended error // of Close
}

func newConn(ws *websocket.Conn, t *transport) *conn {
	c := &conn{ws: ws, transport: t, closed: make(chan struct{})}
	c.inbox.init()
	ws.SetPingHandler(c.answerPing)
	ws.SetCloseHandler(func(code int, _ string) error {
		c.goodbye(code, "")
		return nil
	})
	go c.receive()
	return c
}

// Read reads what has arrived, of one frame or of several. A read that a deadline ends does no harm: what it waited for
// is there for the next one.
func (c *conn) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	c.read.Lock()
	defer c.read.Unlock()
	expired := c.deadline.wait()
	for {
		select {
		case <-c.closed:
			return 0, net.ErrClosed
		case <-expired:
			return 0, os.ErrDeadlineExceeded
		default:
		}
		if n, err := c.drain(p); n > 0 || err != nil {
			return n, err
		}
		select {
		case <-c.inbox.some:
		case <-expired:
		case <-c.closed:
		}
	}
}

// drain copies what is there.
func (c *conn) drain(p []byte) (n int, err error) {
	for n < len(p) {
		if c.held == nil {
			if c.held, err = c.inbox.take(n == 0); c.held == nil {
				break
			}
			c.rest = c.held.data[:c.held.n]
		}
		m := copy(p[n:], c.rest)
		n += m
		if c.rest = c.rest[m:]; len(c.rest) == 0 {
			c.held.recycle()
			c.held = nil
		}
	}
	if n > 0 {
		return n, nil
	}
	return 0, err
}

// Write writes p as binary frames that are messages of their own: some servers do not know fragments.
func (c *conn) Write(p []byte) (n int, err error) {
	c.write.Lock()
	defer c.write.Unlock()
	for len(p) > 0 {
		part := p[:min(len(p), writeBuffer)]
		if err := c.ws.WriteMessage(websocket.BinaryMessage, part); err != nil {
			return n, c.writeError(err)
		}
		n += len(part)
		p = p[len(part):]
	}
	return n, nil
}

// farewell bounds the wait for a writer that is stuck while the WebSocket is closed.
const farewell = 100 * time.Millisecond

func (c *conn) goodbye(code int, text string) {
	_ = c.ws.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(code, text), time.Now().Add(farewell))
}

// CloseWrite tells the server that nothing more will come. What it still sends can be read; as a rule it answers in
// kind, and the next read is io.EOF.
func (c *conn) CloseWrite() error {
	err := c.ws.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseNormalClosure, ""), time.Now().Add(farewell))
	return c.writeError(err)
}

// Close says goodbye, if that can be done at once, and closes the connection below. It ends reads and writes that wait.
func (c *conn) Close() error {
	c.once.Do(func() {
		close(c.closed)
		c.goodbye(websocket.CloseNormalClosure, "")
		c.ended = c.ws.Close()
	})
	return c.ended
}

// answerPing leaves the answer to a goroutine: the reader never waits for a write. Of several pings that came meanwhile
// the last one is answered, as RFC 6455 section 5.5.3 allows.
func (c *conn) answerPing(payload string) error {
	c.pong.Store(&payload)
	if c.pongs.CompareAndSwap(false, true) {
		go c.sendPongs()
	}
	return nil
}

func (c *conn) sendPongs() {
	for {
		if payload := c.pong.Swap(nil); payload != nil {
			if c.ws.WriteControl(websocket.PongMessage, []byte(*payload), time.Time{}) != nil {
				return // the writer finds out, too; no other ping needs an answer
			}
			continue
		}
		c.pongs.Store(false)
		if c.pong.Load() == nil || !c.pongs.CompareAndSwap(false, true) {
			return
		}
	}
}

func (c *conn) LocalAddr() net.Addr  { return c.ws.LocalAddr() }
func (c *conn) RemoteAddr() net.Addr { return c.ws.RemoteAddr() }

// SetDeadline sets both deadlines.
func (c *conn) SetDeadline(t time.Time) error {
	_ = c.SetReadDeadline(t)
	return c.SetWriteDeadline(t)
}

// SetReadDeadline bounds reads, those under way included.
func (c *conn) SetReadDeadline(t time.Time) error {
	c.deadline.set(t)
	return nil
}

// SetWriteDeadline bounds writes, those under way included. Once it has ended a write, all later ones fail.
func (c *conn) SetWriteDeadline(t time.Time) error { return c.transport.writeBefore(t) }
