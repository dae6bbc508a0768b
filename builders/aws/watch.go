package awsiot

import (
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// watched is a connection that notes what was sent on it last: AWS IoT Core answers much that it does not allow by closing
// the connection, in MQTT 3.1.1 without a word.
type watched struct {
	net.Conn
	answered atomic.Bool // the service has sent something: CONNACK comes first
	closed   atomic.Bool

	mu     sync.Mutex
	opened time.Time
	sent   sent
}

// watch makes the connection the one that explanations are about. Where the one before is still open, several clients use
// the endpoint, and nothing can be told of either.
func (g *gate) watch(conn net.Conn) net.Conn {
	w := &watched{Conn: conn, opened: time.Now()}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.last != nil && !g.last.closed.Load() {
		g.shared = true
	}
	g.last = w
	return w
}

// Read notes that the service has answered.
func (w *watched) Read(p []byte) (int, error) {
	n, err := w.Conn.Read(p)
	if n > 0 && !w.answered.Load() {
		w.answered.Store(true)
	}
	return n, err
}

// Write notes what is sent.
func (w *watched) Write(p []byte) (int, error) {
	n, err := w.Conn.Write(p)
	w.mu.Lock()
	w.sent.note(p[:max(n, 0)])
	w.mu.Unlock()
	return n, err
}

// Close notes the end.
func (w *watched) Close() error {
	w.closed.Store(true)
	return w.Conn.Close()
}

// CloseWrite ends our side, where the connection below can do that.
func (w *watched) CloseWrite() error {
	if c, ok := w.Conn.(interface{ CloseWrite() error }); ok {
		return c.CloseWrite()
	}
	return errors.ErrUnsupported
}

// lastSent returns what was sent last.
func (w *watched) lastSent(v packet.Version) request {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.sent.request(v)
}
