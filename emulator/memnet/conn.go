package memnet

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"time"
)

// Conn is one end of a connection. It is a [net.Conn] with what a TCP connection has beyond that, and with ways to break
// it.
type Conn struct {
	network       *Network
	peer          *Conn
	local, remote Addr
	in, out       *half
}

// Read reads what has arrived. Its errors are io.EOF, [net.ErrClosed], [os.ErrDeadlineExceeded] and, after a cut,
// syscall.ECONNRESET, the last three inside a [net.OpError].
func (c *Conn) Read(p []byte) (int, error) {
	n, err := c.in.read(p)
	return n, c.wrap("read", err)
}

// Write waits until all of p is in the buffer. Writing to an end that has closed fails with syscall.EPIPE.
func (c *Conn) Write(p []byte) (int, error) {
	n, err := c.out.write(p)
	return n, c.wrap("write", err)
}

// Close ends both directions. The peer reads what was written, then io.EOF.
func (c *Conn) Close() error {
	first := c.in.closeRead()
	c.out.closeWrite()
	c.release()
	if !first {
		return c.wrap("close", net.ErrClosed)
	}
	return nil
}

// CloseWrite ends the direction to the peer, which reads io.EOF after what was written.
func (c *Conn) CloseWrite() error {
	if !c.out.closeWrite() {
		return c.wrap("close", net.ErrClosed)
	}
	return nil
}

// Cut breaks the connection for both ends at once. What is under way is lost; reads and writes fail with
// syscall.ECONNRESET.
func (c *Conn) Cut() {
	c.in.cut()
	c.out.cut()
	c.release()
}

// Stall stops what this end writes from arriving, so that its writes wait once the buffer is full; false lets it go on.
func (c *Conn) Stall(on bool) { c.out.stall(on) }

// Peer returns the other end.
func (c *Conn) Peer() *Conn { return c.peer }

// release takes the connection off the network's list when neither end can use it any more.
func (c *Conn) release() {
	if c.in.over() && c.out.over() {
		c.network.forget(c)
		c.network.forget(c.peer)
	}
}

// LocalAddr returns this end's address: the listener's name, or one made up for a dialer.
func (c *Conn) LocalAddr() net.Addr { return c.local }

// RemoteAddr returns the other end's address.
func (c *Conn) RemoteAddr() net.Addr { return c.remote }

// SetDeadline sets both deadlines.
func (c *Conn) SetDeadline(t time.Time) error {
	return errors.Join(c.SetReadDeadline(t), c.SetWriteDeadline(t))
}

// SetReadDeadline lets reads, also one that waits already, fail with [os.ErrDeadlineExceeded] from t on; a zero time
// ends that.
func (c *Conn) SetReadDeadline(t time.Time) error {
	return c.wrap("set", c.in.setDeadline(&c.in.readBy, t, func() bool { return c.in.readClosed }))
}

// SetWriteDeadline does the same for writes.
func (c *Conn) SetWriteDeadline(t time.Time) error {
	return c.wrap("set", c.out.setDeadline(&c.out.writeBy, t, func() bool { return c.out.writeClosed }))
}

func (c *Conn) wrap(op string, err error) error {
	if err == nil || err == io.EOF { // io.EOF is never wrapped
		return err
	}
	return opError(op, c.local, c.remote, err)
}

// The errors of a broken connection, as those of TCP.
var (
	errReset  = error(syscall.ECONNRESET)
	errBroken = error(syscall.EPIPE)
	errLate   = os.ErrDeadlineExceeded
)
