package interop

import (
	"context"
	"errors"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// wire sees every packet between a client and its broker, over all connections of the client, and can cut and
// swallow. With TLS it sits between the client and TLS.
type wire struct {
	version packet.Version

	mu       sync.Mutex
	conn     *wireConn
	blocked  bool // nobody is there to connect to
	patient  bool // closing waits until the broker has closed
	sent     []packet.Packet
	received []packet.Packet
	onSend   func(packet.Packet) (swallow bool) // decides whether this packet and all after it get lost
	onRead   func(packet.Packet) (swallow bool) // decides whether all that is sent from now on gets lost
}

// newWire puts a wire into the configuration of a client.
func newWire(c *mqtt.Config) *wire {
	w := &wire{version: c.Version}
	dial := c.Endpoint.Dial
	c.Endpoint.Dial = func(ctx context.Context) (net.Conn, error) {
		w.mu.Lock()
		blocked := w.blocked
		w.mu.Unlock()
		if blocked {
			return nil, errBlocked
		}
		conn, err := dial(ctx)
		if err != nil {
			return nil, err
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		w.conn = &wireConn{Conn: conn, wire: w, ended: make(chan struct{})}
		w.conn.out.version(w.version)
		w.conn.in.version(w.version)
		return w.conn, nil
	}
	return w
}

// cut breaks the connection.
func (w *wire) cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	_ = w.conn.Conn.Close()
}

// wait makes every connection end only when the broker has ended it.
func (w *wire) wait() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.patient = true
}

var errBlocked = errors.New("the test keeps the client offline")

// offline breaks the connection and allows no other until online.
func (d *device) offline(t testing.TB) {
	t.Helper()
	d.settle(t)
	d.wire.block(true)
	d.wire.cut()
	d.down(t)
	if d.farewell != nil {
		d.farewell.want(t, "gone")
	}
}

func (d *device) online() { d.wire.block(false) }

// settle waits until the broker has every acknowledgement of the device.
func (d *device) settle(t testing.TB) {
	t.Helper()
	eventually(t, "all messages are acknowledged", func() bool {
		_, messages := seen[*packet.Publish](d.wire)
		first, _ := seen[*packet.Puback](d.wire)
		second, _ := seen[*packet.Pubcomp](d.wire)
		n := 0
		for _, m := range messages {
			if m.QoS > 0 {
				n++
			}
		}
		return len(first)+len(second) == n
	})
	d.roundTrip(t)
}

// roundTrip waits for an answer of the broker. It reads in order: it has read all before.
func (d *device) roundTrip(t testing.TB) {
	t.Helper()
	err := d.Unsubscribe(within(t), "nothing")
	// What mochi-mqtt answers where a message of its own has the same identifier. An answer it is.
	if err != nil && !errors.Is(err, &mqtt.ReasonError{Code: packet.PacketIdentifierInUse}) {
		t.Fatal(err)
	}
}

func (w *wire) block(yes bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.blocked = yes
}

// swallow loses what the client sends on this connection from now on. The client learns nothing of it.
func (w *wire) swallow() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.conn.swallows = true
}

// when sets what decides on the packets of all connections to come and of the current one.
func (w *wire) when(onSend, onRead func(packet.Packet) bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.onSend, w.onRead = onSend, onRead
}

// forget drops what was seen until now.
func (w *wire) forget() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sent, w.received = nil, nil
}

// seen returns the packets of one type, in order.
func seen[P packet.Packet](w *wire) (sent, received []P) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return only[P](w.sent), only[P](w.received)
}

func only[P packet.Packet](all []packet.Packet) (list []P) {
	for _, p := range all {
		if p, ok := p.(P); ok {
			list = append(list, p)
		}
	}
	return list
}

// wireConn is one connection.
type wireConn struct {
	net.Conn
	wire     *wire
	swallows bool // guarded by the wire's mutex
	out, in  half
	over     bool
	ended    chan struct{} // closed when nothing more comes
}

// half reads one direction.
type half struct {
	framer  packet.Framer
	decoder packet.Decoder
}

func (h *half) version(v packet.Version) { h.decoder.Version = v }

// each calls f with every packet that ends in p, and where in p it began. It stops where f says so.
func (h *half) each(p []byte, f func(at int, pk packet.Packet) (more bool)) {
	for rest := p; ; {
		frame, next, ok, err := h.framer.Next(rest)
		if err != nil || !ok {
			return
		}
		at := len(p) - len(rest)
		rest = next
		frame.Body = append([]byte(nil), frame.Body...) // packets alias it, and they are kept
		if pk, err := h.decoder.Decode(frame); err == nil && !f(at, pk) {
			return
		}
	}
}

func (c *wireConn) Write(p []byte) (int, error) {
	c.wire.mu.Lock()
	keep := len(p)
	if c.swallows {
		keep = 0
	}
	c.out.each(p, func(at int, pk packet.Packet) bool {
		c.wire.sent = append(c.wire.sent, pk)
		if !c.swallows && c.wire.onSend != nil && c.wire.onSend(pk) {
			c.swallows, keep = true, at
		}
		return true
	})
	c.wire.mu.Unlock()
	if keep > 0 {
		if n, err := c.Conn.Write(p[:keep]); err != nil {
			return n, err
		}
	}
	return len(p), nil
}

func (c *wireConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.wire.mu.Lock()
	defer c.wire.mu.Unlock()
	c.in.each(p[:n], func(_ int, pk packet.Packet) bool {
		c.wire.received = append(c.wire.received, pk)
		if c.wire.onRead != nil && c.wire.onRead(pk) {
			c.swallows = true
		}
		return true
	})
	if err != nil && !c.over {
		c.over = true
		close(c.ended)
	}
	return n, err
}

// Close of a patient wire proves that the broker has read the DISCONNECT before.
func (c *wireConn) Close() error {
	c.wire.mu.Lock()
	patient := c.wire.patient
	c.wire.mu.Unlock()
	if patient {
		select {
		case <-c.ended:
		case <-time.After(limit):
		}
	}
	return c.Conn.Close()
}
