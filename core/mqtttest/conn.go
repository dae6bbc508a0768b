package mqtttest

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// Conn is the broker's end of one connection. Methods that report nothing fail the test. One goroutine may read and
// any number may send.
type Conn struct {
	peer    *Peer
	conn    net.Conn
	version packet.Version
	decoder packet.Decoder
	framer  packet.Framer
	buf     [4096]byte
	rest    []byte // read and not yet looked at
}

// Version is the version of the CONNECT, once that has been read.
func (c *Conn) Version() packet.Version { return c.version }

// Read returns the client's next packet, which is the caller's. io.EOF says that the client has closed the connection,
// and [os.ErrDeadlineExceeded] that nothing came for as long as the peer is patient.
func (c *Conn) Read() (packet.Packet, error) {
	return c.read(time.Now().Add(c.peer.patience()))
}

func (c *Conn) read(deadline time.Time) (packet.Packet, error) {
	_ = c.conn.SetReadDeadline(deadline)
	for {
		f, rest, ok, err := c.framer.Next(c.rest)
		if err != nil {
			return nil, err
		}
		if c.rest = rest; ok {
			return c.decode(f)
		}
		n, err := c.conn.Read(c.buf[:])
		if c.rest = c.buf[:n]; n == 0 && err != nil {
			if err == io.EOF && c.framer.Buffered() > 0 {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
	}
}

func (c *Conn) decode(f packet.Frame) (packet.Packet, error) {
	f.Body = bytes.Clone(f.Body) // packets alias it
	p, err := c.decoder.Decode(f)
	if err != nil {
		return nil, err
	}
	if connect, ok := p.(*packet.Connect); ok {
		c.version, c.decoder.Version = connect.Version, connect.Version
	}
	return p, nil
}

// Next returns the client's next packet.
func (c *Conn) Next() packet.Packet {
	c.peer.t.Helper()
	p, err := c.Read()
	if err != nil {
		c.peer.t.Fatalf("mqtttest: waiting for a packet: %v", err)
	}
	return p
}

// Expect returns the client's next packet, which must be of the type asked for, as in Expect[packet.Publish](c).
func Expect[T any, P interface {
	*T
	packet.Packet
}](c *Conn) P {
	c.peer.t.Helper()
	want := P(new(T)).Type()
	in, err := c.Read()
	if err != nil {
		c.peer.t.Fatalf("mqtttest: waiting for %v: %v", want, err)
		return nil
	}
	p, ok := in.(P)
	if !ok {
		c.peer.t.Fatalf("mqtttest: the client sent %v %+v, want %v", in.Type(), in, want)
	}
	return p
}

// ExpectEnd waits until the client closes the connection, and wants nothing to come before.
func (c *Conn) ExpectEnd() {
	c.peer.t.Helper()
	p, err := c.Read()
	switch {
	case err == nil:
		c.peer.t.Fatalf("mqtttest: the client sent %v %+v, want the end of the connection", p.Type(), p)
	case errors.Is(err, os.ErrDeadlineExceeded):
		c.peer.t.Fatalf("mqtttest: the client has not closed the connection within %v", c.peer.patience())
	}
}

// ExpectSilence wants the client to send nothing for so long, and not to close either.
func (c *Conn) ExpectSilence(d time.Duration) {
	c.peer.t.Helper()
	if len(c.rest) == 0 {
		_ = c.conn.SetReadDeadline(time.Now().Add(d))
		n, err := c.conn.Read(c.buf[:])
		if c.rest = c.buf[:n]; errors.Is(err, os.ErrDeadlineExceeded) {
			return
		}
	}
	p, err := c.Read()
	if err != nil {
		c.peer.t.Fatalf("mqtttest: the client ended the connection (%v), want silence", err)
	}
	c.peer.t.Fatalf("mqtttest: the client sent %v %+v, want silence", p.Type(), p)
}

// Send sends packets, in one write.
func (c *Conn) Send(list ...packet.Packet) {
	c.peer.t.Helper()
	if err := c.send(list); err != nil {
		c.peer.t.Fatalf("mqtttest: send: %v", err)
	}
}

func (c *Conn) send(list []packet.Packet) error {
	var out []byte
	for _, p := range list {
		var err error
		if out, err = p.Append(out, c.version); err != nil {
			return err
		}
	}
	return c.write(out)
}

func (c *Conn) write(out []byte) error {
	if len(out) == 0 {
		return nil
	}
	_ = c.conn.SetWriteDeadline(time.Now().Add(c.peer.patience()))
	_, err := c.conn.Write(out)
	return err
}

// SendBytes sends what need not be MQTT.
func (c *Conn) SendBytes(p []byte) {
	c.peer.t.Helper()
	if err := c.write(p); err != nil {
		c.peer.t.Fatalf("mqtttest: send: %v", err)
	}
}

// Close ends the connection in order: the client reads all that was sent, then the end.
func (c *Conn) Close() {
	c.peer.forget(c)
	c.conn.Close()
}

// Cut ends the connection by a reset: both sides fail at once, and what was under way is lost.
func (c *Conn) Cut() {
	c.peer.forget(c)
	switch conn := c.conn.(type) {
	case *PipeConn:
		conn.Cut()
	case *net.TCPConn:
		_ = conn.SetLinger(0)
		conn.Close()
	}
}

// Stall makes the client's writes wait, as those to a peer that does not read, until it is called with false. Only for
// connections in memory: over TCP, not to read does the same once the system's buffers are full.
func (c *Conn) Stall(stalled bool) {
	c.peer.t.Helper()
	conn, ok := c.conn.(*PipeConn)
	if !ok {
		c.peer.t.Fatalf("mqtttest: only a connection in memory can be stalled")
		return
	}
	conn.Stall(stalled)
}

// NetConn returns the transport.
func (c *Conn) NetConn() net.Conn { return c.conn }
