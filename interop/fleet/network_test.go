package fleet

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
)

// network is where the connections of a device go through, below TLS. The first ones break after a random number of
// bytes, in a handshake or in the middle of a packet, or are refused.
type network struct {
	mu   sync.Mutex
	rng  *rand.Rand
	cuts int // that are left
	done *atomic.Int64
}

var (
	errUnreachable = errors.New("the network is unreachable")
	errCut         = errors.New("the connection is cut")
)

// longest is how many bytes, both ways, a connection lives at the most that is to be cut: a handshake has some 4,000, a
// device's life some 20,000.
const longest = 20_000

func (n *network) dial(ctx context.Context, network, address string) (net.Conn, error) {
	n.mu.Lock()
	doomed, refused, life := n.cuts > 0, false, 0
	if doomed {
		refused, life = n.rng.IntN(4) == 0, n.rng.IntN(longest)
	}
	n.mu.Unlock()
	if refused && n.take() {
		return nil, errUnreachable
	}
	conn, err := new(net.Dialer).DialContext(ctx, network, address)
	if err != nil || !doomed {
		return conn, err
	}
	c := &mortal{Conn: conn, n: n}
	c.left.Store(int64(life))
	return c, nil
}

// take takes one of the cuts, if one is left.
func (n *network) take() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.cuts == 0 {
		return false
	}
	n.cuts--
	n.done.Add(1)
	return true
}

// mortal is a connection that is cut after a number of bytes.
type mortal struct {
	net.Conn
	n    *network
	left atomic.Int64
}

func (c *mortal) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if n > 0 && c.spend(n) < n {
		return 0, c.cut()
	}
	return n, err
}

func (c *mortal) Write(p []byte) (int, error) {
	may := c.spend(len(p))
	if may == len(p) {
		return c.Conn.Write(p)
	}
	n, err := c.Conn.Write(p[:may])
	if err == nil {
		err = c.cut()
	}
	return n, err
}

// spend counts bytes, and returns how many of them the connection still lives for.
func (c *mortal) spend(n int) (may int) {
	left := c.left.Add(-int64(n))
	if left >= 0 || left+int64(n) < 0 || !c.n.take() { // the end is neither ahead nor behind
		return n
	}
	return n + int(left)
}

func (c *mortal) cut() error { return errors.Join(errCut, c.Close()) }
