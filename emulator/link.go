package emulator

import (
	"net"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/emulator/broker"
)

// link joins a network connection to its counterpart in the broker: a reader, which is the connection's own goroutine,
// and a writer.
type link struct {
	s      *Server
	id     broker.ConnID
	conn   net.Conn
	output chan struct{} // there is something to write
	room   chan struct{} // something has been written
	over   chan struct{} // the reader has ended

	in, out throttle // of the reader and of the writer
}

const (
	firstRead    = 4 << 10
	largeRead    = 64 << 10
	keepSpare    = 64 << 10 // an output buffer that has grown larger is not used again
	largestWrite = 64 << 10
	// lastWrite is how long the last bytes of a connection that the broker ends may take, and lingerTime how long it is
	// still read after them, so that they are not destroyed by a reset.
	lastWrite  = time.Second
	lingerTime = 250 * time.Millisecond
)

// hurry bounds how long a writer that may be stuck keeps a connection that the broker has ended. It does not wait.
func (l *link) hurry(silent bool) {
	at := time.Now()
	if !silent {
		at = at.Add(lastWrite)
	}
	_ = l.conn.SetWriteDeadline(at)
}

// signal leaves a note in a channel of one place.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// serve runs a connection until it is over.
func (s *Server) serve(conn net.Conn, info broker.ConnInfo) error {
	l := &link{s: s, conn: conn, output: make(chan struct{}, 1), room: make(chan struct{}, 1), over: make(chan struct{})}
	l.in.rate = s.throughput()
	l.out.rate = l.in.rate
	s.mu.Lock()
	if !s.running {
		s.mu.Unlock()
		_ = conn.Close()
		return ErrClosed
	}
	l.id = s.core.Open(s.now(), info)
	s.links[l.id] = l
	s.flush()
	s.mu.Unlock()

	s.wg.Go(l.write)
	err := l.read()
	close(l.over)
	_ = conn.Close()

	s.mu.Lock()
	delete(s.links, l.id)
	s.core.Closed(s.now(), l.id)
	s.flush()
	s.mu.Unlock()
	return err
}

// read hands what arrives to the broker, until the connection fails.
func (l *link) read() error {
	buf := make([]byte, firstRead)
	for {
		n, err := l.conn.Read(buf[:l.in.piece(len(buf))])
		if n > 0 {
			l.s.mu.Lock()
			l.s.core.Receive(l.s.now(), l.id, buf[:n])
			l.s.flush()
			readable := l.s.core.Readable(l.id)
			l.s.mu.Unlock()
			if !readable {
				l.waitReadable()
			}
		}
		if err != nil {
			return err
		}
		l.in.pass(n)
		if n == len(buf) && n < largeRead {
			buf = make([]byte, largeRead)
		}
	}
}

// waitReadable lets a client that does not read feel it on its own writes.
func (l *link) waitReadable() {
	for {
		if _, ok := <-l.room; !ok {
			return
		}
		l.s.mu.Lock()
		readable := l.s.core.Readable(l.id)
		l.s.mu.Unlock()
		if readable {
			return
		}
	}
}

// write writes what the broker has for the client, and closes the connection when the broker says so.
func (l *link) write() {
	defer close(l.room) // the reader must not wait for a writer that is gone
	var spare []byte
	for {
		l.s.mu.Lock()
		out, closing := l.s.core.TakeOut(l.id, spare)
		l.s.mu.Unlock()
		if !l.writeAll(out) {
			return
		}
		if closing {
			l.finish(len(out) > 0)
			return
		}
		if spare = out; cap(spare) > keepSpare {
			spare = nil
		}
		if len(out) > 0 {
			continue // more may have come meanwhile
		}
		select {
		case <-l.output:
		case <-l.over:
			return
		}
	}
}

// writeAll writes in pieces, so that the broker sees that a slow client makes progress. It reports false where the
// connection has failed.
func (l *link) writeAll(p []byte) bool {
	for len(p) > 0 {
		n := l.out.piece(min(len(p), largestWrite))
		if _, err := l.conn.Write(p[:n]); err != nil {
			_ = l.conn.Close()
			return false
		}
		p = p[n:]
		l.s.mu.Lock()
		l.s.core.Written(l.s.now(), l.id, n)
		l.s.flush()
		l.s.mu.Unlock()
		signal(l.room)
		l.out.pass(n)
	}
	return true
}

// finish closes the connection for the broker. After a last packet it is closed for writing only and read on for a
// while: closing it with unread input would reset it, and the client might never see that packet.
func (l *link) finish(polite bool) {
	half, ok := l.conn.(interface{ CloseWrite() error })
	if !polite || !ok || half.CloseWrite() != nil {
		_ = l.conn.Close()
		return
	}
	_ = l.conn.SetReadDeadline(time.Now().Add(lingerTime))
}
