package broker

import (
	"errors"
	"net"
	"sync"
)

// tracked is a listener that can cut the connections it has accepted, as a killed process does.
type tracked struct {
	net.Listener

	mu    sync.Mutex
	conns map[net.Conn]bool
	dead  bool
}

func track(l net.Listener) *tracked { return &tracked{Listener: l, conns: make(map[net.Conn]bool)} }

func (l *tracked) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.dead {
		_ = conn.Close()
		return nil, net.ErrClosed
	}
	tc := &trackedConn{Conn: conn, owner: l}
	l.conns[tc] = true
	return tc, nil
}

// cut closes the listener and all connections, so that what was not sent yet never is.
func (l *tracked) cut() error {
	l.mu.Lock()
	l.dead = true
	var conns []net.Conn
	for conn := range l.conns {
		conns = append(conns, conn)
	}
	l.mu.Unlock()
	err := l.Listener.Close()
	for _, conn := range conns {
		if tcp, ok := conn.(*trackedConn).Conn.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0) // a reset: the client sees a broken connection, not an orderly end
		}
		_ = conn.Close()
	}
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

type trackedConn struct {
	net.Conn
	owner *tracked
}

func (c *trackedConn) Close() error {
	c.owner.mu.Lock()
	delete(c.owner.conns, c)
	c.owner.mu.Unlock()
	return c.Conn.Close()
}
