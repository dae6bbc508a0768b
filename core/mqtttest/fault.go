package mqtttest

import (
	"net"
	"sync/atomic"
	"syscall"
)

// CutRead returns conn with an end: after n bytes have been read from it, it is closed, and reads and writes fail as
// those of a connection that was reset.
func CutRead(conn net.Conn, n int) net.Conn {
	c := &cutConn{Conn: conn}
	c.read.Store(int64(n))
	c.write.Store(1 << 62)
	return c
}

// CutWrite is [CutRead] for the bytes written. Of the write that reaches the limit the bytes below it arrive.
func CutWrite(conn net.Conn, n int) net.Conn {
	c := &cutConn{Conn: conn}
	c.read.Store(1 << 62)
	c.write.Store(int64(n))
	return c
}

type cutConn struct {
	net.Conn
	read, write atomic.Int64 // bytes left
	cut         atomic.Bool
}

func (c *cutConn) fail(op string) error {
	c.cut.Store(true)
	c.Conn.Close()
	return &net.OpError{Op: op, Net: "cut", Err: syscall.ECONNRESET}
}

func (c *cutConn) Read(p []byte) (int, error) {
	left := c.read.Load()
	if left <= 0 || c.cut.Load() {
		return 0, c.fail("read")
	}
	n, err := c.Conn.Read(p[:min(int64(len(p)), left)])
	if c.read.Add(-int64(n)); err != nil && c.cut.Load() {
		err = c.fail("read")
	}
	return n, err
}

func (c *cutConn) Write(p []byte) (int, error) {
	if left := c.write.Load(); int64(len(p)) > left || c.cut.Load() {
		n := 0
		if !c.cut.Load() && left > 0 {
			n, _ = c.Conn.Write(p[:left])
		}
		c.write.Store(0)
		return n, c.fail("write")
	}
	n, err := c.Conn.Write(p)
	c.write.Add(-int64(n))
	return n, err
}

// Split returns conn with reads of at most n bytes: the peer's packets arrive in pieces.
func Split(conn net.Conn, n int) net.Conn { return &splitConn{conn, n} }

type splitConn struct {
	net.Conn
	n int
}

func (c *splitConn) Read(p []byte) (int, error) { return c.Conn.Read(p[:min(len(p), c.n)]) }
