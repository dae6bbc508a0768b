package emulator_test

import (
	"bytes"
	"net"
	"testing"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/packet"
	"github.com/gneiss-mqtt/gneiss-go/emulator"
)

// client is a scripted MQTT client: it sends what the test says and hands over what comes.
type client struct {
	t       testing.TB
	conn    net.Conn
	version packet.Version
	framer  packet.Framer
	decoder packet.Decoder
	rest    []byte
	buf     []byte
}

const patience = 30 * time.Second

func start(t testing.TB, o emulator.Options) *emulator.Server {
	t.Helper()
	s, err := emulator.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func newClient(t testing.TB, conn net.Conn, v packet.Version) *client {
	t.Helper()
	t.Cleanup(func() { _ = conn.Close() })
	return &client{t: t, conn: conn, version: v, decoder: packet.Decoder{Version: v}, buf: make([]byte, 64<<10)}
}

// dial opens a connection to the server.
func dial(t testing.TB, s *emulator.Server, v packet.Version) *client {
	t.Helper()
	conn, err := s.Dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return newClient(t, conn, v)
}

// connect dials, connects with MQTT 5 and expects to be accepted.
func connect(t testing.TB, s *emulator.Server, p packet.Connect) (*client, *packet.Connack) {
	t.Helper()
	c := dial(t, s, packet.V5)
	return c, c.connect(p)
}

func (c *client) connect(p packet.Connect) *packet.Connack {
	c.t.Helper()
	c.send(&p)
	ack := expect[*packet.Connack](c)
	if ack.Code != packet.Success {
		c.t.Fatalf("refused: %s %s", ack.Code, ack.ReasonString)
	}
	return ack
}

func (c *client) send(list ...packet.Packet) {
	c.t.Helper()
	var b []byte
	for _, p := range list {
		var err error
		if b, err = p.Append(b, c.version); err != nil {
			c.t.Fatal(err)
		}
	}
	if _, err := c.conn.Write(b); err != nil {
		c.t.Fatal(err)
	}
}

func (c *client) subscribe(qos packet.QoS, filters ...string) {
	c.t.Helper()
	p := packet.Subscribe{ID: 1}
	for _, f := range filters {
		p.Filters = append(p.Filters, packet.Filter{Filter: f, QoS: qos})
	}
	c.send(&p)
	for _, code := range expect[*packet.Suback](c).Codes {
		if code.Failed() {
			c.t.Fatalf("subscribe: %s", code)
		}
	}
}

// next returns the next packet; the error is that of the connection.
func (c *client) next() (packet.Packet, error) {
	c.t.Helper()
	if err := c.conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		return nil, err
	}
	for {
		f, rest, ok, err := c.framer.Next(c.rest)
		if err != nil {
			c.t.Fatal(err)
		}
		if ok {
			f.Body = bytes.Clone(f.Body)
			c.rest = rest
			p, err := c.decoder.Decode(f)
			if err != nil {
				c.t.Fatal(err)
			}
			return p, nil
		}
		n, err := c.conn.Read(c.buf)
		if err != nil {
			return nil, err
		}
		c.rest = c.buf[:n]
	}
}

// expect returns the next packet, which has to be of a type.
func expect[P packet.Packet](c *client) P {
	c.t.Helper()
	p, err := c.next()
	if err != nil {
		c.t.Fatal(err)
	}
	want, ok := p.(P)
	if !ok {
		c.t.Fatalf("got a %s: %+v", p.Type(), p)
	}
	return want
}

// message expects a PUBLISH with a payload, and acknowledges it.
func (c *client) message(payload string) *packet.Publish {
	c.t.Helper()
	p := expect[*packet.Publish](c)
	if string(p.Payload) != payload {
		c.t.Fatalf("got %q on %q, want %q", p.Payload, p.Topic, payload)
	}
	switch p.QoS {
	case packet.QoS1:
		c.send(&packet.Puback{Ack: packet.Ack{ID: p.ID}})
	case packet.QoS2:
		c.send(&packet.Pubrec{Ack: packet.Ack{ID: p.ID}})
		expect[*packet.Pubrel](c)
		c.send(&packet.Pubcomp{Ack: packet.Ack{ID: p.ID}})
	}
	return p
}

// publish sends a message and sees its handshake through.
func (c *client) publish(p packet.Publish) {
	c.t.Helper()
	if p.QoS > 0 {
		p.ID = 9
	}
	c.send(&p)
	switch p.QoS {
	case packet.QoS1:
		expect[*packet.Puback](c)
	case packet.QoS2:
		expect[*packet.Pubrec](c)
		c.send(&packet.Pubrel{Ack: packet.Ack{ID: p.ID}})
		expect[*packet.Pubcomp](c)
	}
}

// gone expects the connection to end without another packet.
func (c *client) gone() {
	c.t.Helper()
	if p, err := c.next(); err == nil {
		c.t.Fatalf("got a %s: %+v", p.Type(), p)
	} else if ne, ok := err.(net.Error); ok && ne.Timeout() {
		c.t.Fatal("the connection stays open")
	}
}

// eventually waits for a condition that other goroutines bring about.
func eventually(t testing.TB, what string, f func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !f(); {
		if time.Now().After(end) {
			t.Fatalf("in vain: %s", what)
		}
		<-time.After(time.Millisecond)
	}
}
