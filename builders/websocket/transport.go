package mqttws

import (
	"errors"
	"net"
	"sync"
	"time"
)

// maxAnswer bounds what a server may send before the upgrade is done: the parser of its header has no limit.
const maxAnswer = 64 << 10

var errLongAnswer = errors.New("the header of the server's answer is too long")

// transport is what the WebSocket library reads and writes. Read deadlines are not its business: those of the
// application are kept above the library, which cannot read on after one.
type transport struct {
	net.Conn

	// Of the handshake.
	limited  bool
	left     int
	exceeded bool

	mu          sync.Mutex
	application time.Time // the write deadline that the application has set
	library     time.Time // the one for the write under way; control frames have one
	effective   time.Time
}

func newTransport(conn net.Conn) *transport {
	return &transport{Conn: conn, limited: true, left: maxAnswer}
}

// opened ends the handshake, and the limit on it.
func (t *transport) opened() { t.limited = false }

func (t *transport) Read(p []byte) (int, error) {
	if !t.limited {
		return t.Conn.Read(p)
	}
	if t.left <= 0 {
		t.exceeded = true
		return 0, errLongAnswer
	}
	n, err := t.Conn.Read(p)
	t.left -= n
	return n, err
}

// SetDeadline ignores the library, which sets the one of the dial's context: that is watched already.
func (t *transport) SetDeadline(time.Time) error { return nil }

// SetReadDeadline ignores the library.
func (t *transport) SetReadDeadline(time.Time) error { return nil }

// SetWriteDeadline is called by the library before every write.
func (t *transport) SetWriteDeadline(when time.Time) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.library = when
	return t.apply()
}

// writeBefore sets the application's deadline, for the write under way, too.
func (t *transport) writeBefore(when time.Time) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.application = when
	return t.apply()
}

// apply makes the earlier deadline the effective one.
func (t *transport) apply() error {
	when := t.application
	if when.IsZero() || !t.library.IsZero() && t.library.Before(when) {
		when = t.library
	}
	if when.Equal(t.effective) {
		return nil
	}
	t.effective = when
	return t.Conn.SetWriteDeadline(when)
}
