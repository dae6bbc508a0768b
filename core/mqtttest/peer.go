package mqtttest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// TB is what a [Peer] needs of a [testing.TB].
type TB interface {
	Helper()
	Fatalf(format string, args ...any)
	Cleanup(func())
}

// DefaultPatience is how long a peer waits for the client, unless told otherwise.
const DefaultPatience = 10 * time.Second

// Peer is a broker's end: it takes the connections of clients. Make one with [NewPeer] or [NewLoopbackPeer], inside
// the synctest bubble if there is one, and set its fields before the first connection.
type Peer struct {
	// Version is what the peer speaks until a CONNECT says otherwise. Default packet.V5.
	Version packet.Version
	// Patience is how long Accept and the methods of its connections wait before the test fails. Default
	// [DefaultPatience]. In a synctest bubble, where waiting costs nothing, it must be above whatever the test lets pass.
	Patience time.Duration
	// Buffer is how many bytes each direction of a connection in memory holds. Default [DefaultBuffer].
	Buffer int

	t       TB
	arrived chan *Conn
	closed  chan struct{}
	loops   sync.WaitGroup
	listen  net.Listener // nil: in memory

	mu      sync.Mutex
	refuse  []error
	dials   int
	closing bool
	conns   map[*Conn]bool
}

// NewPeer returns a peer for connections in memory. It is closed at the end of the test. Where t is nil, as in an
// example, failures panic, and the caller closes the peer.
func NewPeer(t TB) *Peer {
	p := &Peer{t: t, arrived: make(chan *Conn, 4096), closed: make(chan struct{}), conns: make(map[*Conn]bool)}
	if t == nil {
		p.t = panics{}
	}
	p.t.Cleanup(p.Close)
	return p
}

// NewLoopbackPeer is [NewPeer] over TCP, on a free port of the loopback interface.
func NewLoopbackPeer(t TB) *Peer {
	p := NewPeer(t)
	p.t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		p.t.Fatalf("mqtttest: %v", err)
	}
	p.listen = l
	p.loops.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			p.add(conn)
		}
	})
	return p
}

type panics struct{}

func (panics) Helper()                           {}
func (panics) Cleanup(func())                    {}
func (panics) Fatalf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }

// Addr returns where a loopback peer listens, nil for one in memory.
func (p *Peer) Addr() net.Addr {
	if p.listen == nil {
		return nil
	}
	return p.listen.Addr()
}

// Dial connects a client, as the Dial of its endpoint. The connection waits to be accepted: until then the client
// sees a broker that says nothing.
func (p *Peer) Dial(ctx context.Context) (net.Conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	p.mu.Lock()
	p.dials++
	if len(p.refuse) > 0 {
		err := p.refuse[0]
		p.refuse = p.refuse[1:]
		p.mu.Unlock()
		return nil, err
	}
	p.mu.Unlock()
	if p.listen != nil {
		var d net.Dialer
		return d.DialContext(ctx, "tcp", p.listen.Addr().String())
	}
	client, broker := Pipe(p.Buffer)
	if !p.add(broker) {
		return nil, errPeerClosed
	}
	return client, nil
}

var errPeerClosed = errors.New("mqtttest: the peer is closed")

// Refuse makes the next calls of Dial fail, one with each error.
func (p *Peer) Refuse(errs ...error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refuse = append(p.refuse, errs...)
}

// Dials returns how often Dial was called.
func (p *Peer) Dials() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.dials
}

func (p *Peer) add(conn net.Conn) bool {
	c := &Conn{peer: p, conn: conn, version: p.version()}
	c.decoder.Version = c.version
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closing {
		conn.Close()
		return false
	}
	p.conns[c] = true
	p.arrived <- c
	return true
}

func (p *Peer) version() packet.Version {
	if p.Version == 0 {
		return packet.V5
	}
	return p.Version
}

func (p *Peer) patience() time.Duration {
	if p.Patience == 0 {
		return DefaultPatience
	}
	return p.Patience
}

// Accept waits for the next connection.
func (p *Peer) Accept() *Conn {
	p.t.Helper()
	timer := time.NewTimer(p.patience())
	defer timer.Stop()
	select {
	case c := <-p.arrived:
		return c
	case <-p.closed:
		p.t.Fatalf("mqtttest: accept: the peer is closed")
	case <-timer.C:
		p.t.Fatalf("mqtttest: no connection within %v", p.patience())
	}
	return nil
}

// Connect accepts the next connection, expects its CONNECT and answers with ack.
func (p *Peer) Connect(ack *packet.Connack) (*Conn, *packet.Connect) {
	p.t.Helper()
	c := p.Accept()
	connect := Expect[packet.Connect](c)
	c.Send(ack)
	return c, connect
}

// Serve takes this and all later connections on goroutines of its own, and answers each packet as answer says; nil means
// [Answer]. Use it in place of Accept.
func (p *Peer) Serve(answer func(c *Conn, in packet.Packet) []packet.Packet) {
	p.loops.Go(func() {
		for {
			select {
			case c := <-p.arrived:
				p.loops.Go(func() { _ = c.Serve(answer) })
			case <-p.closed:
				return
			}
		}
	})
}

// Close ends all connections and refuses new ones. It may be called more than once.
func (p *Peer) Close() {
	p.mu.Lock()
	conns := p.conns
	p.conns = nil
	if !p.closing {
		p.closing = true
		close(p.closed)
	}
	p.mu.Unlock()
	if p.listen != nil {
		p.listen.Close()
	}
	for c := range conns {
		c.conn.Close()
	}
	p.loops.Wait()
}

func (p *Peer) forget(c *Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, c)
}
