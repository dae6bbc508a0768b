package memnet

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"syscall"
	"time"
)

// Addr is an address on a network: any non-empty string.
type Addr string

// Network returns "mem".
func (a Addr) Network() string { return "mem" }

// String returns the address.
func (a Addr) String() string { return string(a) }

// Link describes the connections of a network, each direction alike. The zero value is a perfect link.
type Link struct {
	// Latency is how long bytes, and the end of the stream, are under way.
	Latency time.Duration
	// Jitter adds a random time up to this; bytes stay in order.
	Jitter time.Duration
	// Buffer is how many bytes a direction holds before writes wait; 0 means 64 KiB.
	Buffer int
	// MaxRead is how many bytes a Read returns at most; 0 means any number. RandomRead makes it 1 to MaxRead, at random.
	MaxRead    int
	RandomRead bool
	// MeanLife cuts a connection after a random number of bytes, both directions together, with this mean; 0 means never.
	MeanLife int
}

// Network connects dialers with listeners by name. Its methods may be called from any goroutine.
type Network struct {
	mu        sync.Mutex
	link      Link
	random    *rand.Rand
	listeners map[string]*listener
	silent    map[string]bool
	conns     map[*Conn]struct{} // the dialing ends
	dialed    int
}

// New returns a network whose connections are all like link. The seed decides everything random.
func New(link Link, seed uint64) *Network {
	return &Network{
		link:      link,
		random:    rand.New(rand.NewPCG(seed, 0)),
		listeners: map[string]*listener{},
		silent:    map[string]bool{},
		conns:     map[*Conn]struct{}{},
	}
}

// SetLink changes what later connections are like.
func (n *Network) SetLink(link Link) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.link = link
}

// backlog is how many connections wait for Accept; further dials wait.
const backlog = 128

// Listen returns a listener with the name as its address. A name is in use until its listener is closed.
func (n *Network) Listen(name string) (net.Listener, error) {
	if name == "" {
		return nil, opError("listen", Addr(name), nil, errors.New("empty address"))
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.listeners[name] != nil {
		return nil, opError("listen", Addr(name), nil, syscall.EADDRINUSE)
	}
	l := &listener{network: n, addr: Addr(name), queue: make(chan *Conn, backlog), done: make(chan struct{})}
	n.listeners[name] = l
	return l, nil
}

// DialContext connects to the listener of a name. The network's name is not looked at, so that DialContext fits where a
// [net.Dialer] does; neither is anything after the last colon of an address that has no listener of its own. Without a
// listener the connection is refused.
func (n *Network) DialContext(ctx context.Context, _, addr string) (net.Conn, error) {
	n.mu.Lock()
	n.dialed++
	local := Addr(fmt.Sprintf("client-%d", n.dialed))
	link := n.link
	n.mu.Unlock()
	if err := sleep(ctx, 2*link.Latency); err != nil {
		return nil, opError("dial", local, Addr(addr), err)
	}
	n.mu.Lock()
	if n.silent[addr] {
		n.mu.Unlock()
		<-ctx.Done()
		return nil, opError("dial", local, Addr(addr), contextError(ctx))
	}
	l := n.listeners[addr]
	if l == nil {
		if host, _, err := net.SplitHostPort(addr); err == nil {
			l = n.listeners[host]
		}
	}
	if l == nil {
		n.mu.Unlock()
		return nil, opError("dial", local, Addr(addr), syscall.ECONNREFUSED)
	}
	near, far := n.pair(local, l.addr, link)
	n.mu.Unlock()
	select {
	case <-l.done:
	default:
		select {
		case l.queue <- far:
			if l.refuseQueued() { // closed in the meantime: nobody will accept it
				break
			}
			return near, nil
		case <-l.done:
		case <-ctx.Done():
			near.Cut()
			return nil, opError("dial", local, l.addr, contextError(ctx))
		}
	}
	near.Cut()
	return nil, opError("dial", local, l.addr, syscall.ECONNREFUSED)
}

// pair makes both ends of a connection. It is called with mu held.
func (n *Network) pair(local, remote Addr, link Link) (near, far *Conn) {
	budget := &lifetime{}
	if link.MeanLife > 0 {
		budget.left, budget.limited = int(n.random.ExpFloat64()*float64(link.MeanLife)), true
	}
	out := newHalf(link, budget, n.random.Uint64())
	in := newHalf(link, budget, n.random.Uint64())
	near = &Conn{network: n, local: local, remote: remote, in: in, out: out}
	far = &Conn{network: n, local: remote, remote: local, in: out, out: in}
	near.peer, far.peer = far, near
	budget.cut = near.Cut
	n.conns[near] = struct{}{}
	return near, far
}

// forget is called when both directions of a connection have ended.
func (n *Network) forget(near *Conn) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.conns, near)
}

// Silence makes dials to an address hang until their context ends, as where packets are dropped; false ends that for
// later dials.
func (n *Network) Silence(addr string, on bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.silent[addr] = on
}

// CutAll cuts every connection, see [Conn.Cut]. It returns how many there were.
func (n *Network) CutAll() int {
	list := n.open()
	for _, c := range list {
		c.Cut()
	}
	return len(list)
}

// StallAll stalls every connection in both directions, or ends that, see [Conn.Stall].
func (n *Network) StallAll(on bool) {
	for _, c := range n.open() {
		c.Stall(on)
		c.peer.Stall(on)
	}
}

// Connections returns how many connections are open.
func (n *Network) Connections() int { return len(n.open()) }

func (n *Network) open() []*Conn {
	n.mu.Lock()
	defer n.mu.Unlock()
	list := make([]*Conn, 0, len(n.conns))
	for c := range n.conns {
		list = append(list, c)
	}
	return list
}

// sleep waits for d or the end of the context.
func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		if ctx.Err() != nil {
			return contextError(ctx)
		}
		return nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return contextError(ctx)
	}
}

func contextError(ctx context.Context) error { return context.Cause(ctx) }

func opError(op string, local, remote net.Addr, err error) error {
	e := &net.OpError{Op: op, Net: "mem", Err: err}
	if op == "listen" {
		e.Addr = local
	} else {
		e.Source, e.Addr = local, remote
	}
	return e
}
