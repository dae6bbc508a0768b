package memnet

import (
	"net"
	"sync"
)

// listener is a name that can be dialled.
type listener struct {
	network *Network
	addr    Addr
	queue   chan *Conn
	done    chan struct{}
	once    sync.Once
}

// Accept returns the next connection, or an error that is [net.ErrClosed] once the listener is closed.
func (l *listener) Accept() (net.Conn, error) {
	select {
	case <-l.done:
		return nil, opError("accept", l.addr, nil, net.ErrClosed)
	default:
	}
	select {
	case c := <-l.queue:
		return c, nil
	case <-l.done:
		return nil, opError("accept", l.addr, nil, net.ErrClosed)
	}
}

// Close ends the listener and cuts the connections that nobody has accepted. Accepted ones go on.
func (l *listener) Close() error {
	err := opError("close", l.addr, nil, net.ErrClosed)
	l.once.Do(func() {
		err = nil
		l.network.mu.Lock()
		delete(l.network.listeners, string(l.addr))
		l.network.mu.Unlock()
		close(l.done)
		l.refuseQueued()
	})
	return err
}

// refuseQueued cuts what is queued at a closed listener, and reports whether it is closed.
func (l *listener) refuseQueued() bool {
	select {
	case <-l.done:
	default:
		return false
	}
	for {
		select {
		case c := <-l.queue:
			c.Cut()
		default:
			return true
		}
	}
}

// Addr returns the listener's name.
func (l *listener) Addr() net.Addr { return l.addr }
