package mqttws_test

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"testing"
	"time"
)

// waitRead starts a read of one byte that has nothing to read yet.
func waitRead(conn net.Conn) <-chan error {
	result := make(chan error, 1)
	go func() {
		_, err := io.ReadFull(conn, make([]byte, 1))
		result <- err
	}()
	return result
}

func TestReadDeadlineDoesNoHarm(t *testing.T) {
	t.Parallel()
	conn := dial(t, serveWS(t, echo))
	for range 20 {
		_ = conn.SetReadDeadline(time.Now().Add(time.Millisecond))
		_, err := conn.Read(make([]byte, 1))
		timeout, ok := errors.AsType[net.Error](err)
		if !errors.Is(err, os.ErrDeadlineExceeded) || !ok || !timeout.Timeout() {
			t.Fatalf("got %v", err)
		}
		exchange(t, conn)
	}
}

func TestReadDeadlineWithinAFrame(t *testing.T) {
	t.Parallel()
	more := make(chan struct{})
	conn := dial(t, serveWS(t, func(s *side) {
		wire := frame(fin|opBinary, []byte("abcdef"))
		_, _ = s.Write(wire[:4])
		<-more
		_, _ = s.Write(wire[4:])
		s.drain()
	}))
	buf := make([]byte, 6)
	n, err := io.ReadFull(conn, buf[:2])
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.SetReadDeadline(time.Now().Add(5 * time.Millisecond))
	if _, err = conn.Read(buf[n:]); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatal(err)
	}
	_ = conn.SetReadDeadline(time.Now().Add(limit))
	close(more)
	if _, err := io.ReadFull(conn, buf[n:]); err != nil || string(buf) != "abcdef" {
		t.Errorf("got %q, %v", buf, err)
	}
}

// Deadlines act on reads that wait already, as for every net.Conn.
func TestReadDeadlineOfAReadUnderWay(t *testing.T) {
	t.Parallel()
	conn := dial(t, serveWS(t, echo))
	for _, when := range []time.Time{time.Unix(1, 0), time.Now().Add(30 * time.Millisecond)} {
		_ = conn.SetReadDeadline(time.Time{})
		reading := waitRead(conn)
		_ = conn.SetReadDeadline(when)
		if err := <-reading; !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%v: got %v", when, err)
		}
	}
	_ = conn.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
	reading := waitRead(conn)
	_ = conn.SetReadDeadline(time.Now().Add(limit)) // moved away
	time.AfterFunc(60*time.Millisecond, func() { _, _ = conn.Write([]byte("x")) })
	if err := <-reading; err != nil {
		t.Errorf("after the deadline was moved: %v", err)
	}
	exchange(t, conn)
}

func TestCloseEndsAReadThatWaits(t *testing.T) {
	t.Parallel()
	conn := dial(t, serveWS(t, echo))
	first, second := waitRead(conn), waitRead(conn)
	if err := conn.Close(); err != nil {
		t.Error(err)
	}
	for _, reading := range []<-chan error{first, second, waitRead(conn)} {
		if err := <-reading; !errors.Is(err, net.ErrClosed) {
			t.Errorf("got %v", err)
		}
	}
}

// Nothing of this is about results: it is for the race detector.
func TestEverythingAtOnce(t *testing.T) {
	t.Parallel()
	conn := dial(t, serveWS(t, echo))
	var running sync.WaitGroup
	stop := make(chan struct{})
	again := func(f func()) {
		running.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					f()
				}
			}
		})
	}
	again(func() { _, _ = conn.Read(make([]byte, 100)) })
	again(func() { _, _ = conn.Read(make([]byte, 1)) })
	again(func() { _, _ = conn.Write(make([]byte, 500)) })
	again(func() { _, _ = conn.Write(make([]byte, 5)) })
	again(func() { _ = conn.SetReadDeadline(time.Now().Add(time.Microsecond)) })
	again(func() { _ = conn.SetReadDeadline(time.Time{}) })
	again(func() { _ = conn.SetDeadline(time.Now().Add(time.Hour)) })
	again(func() { _, _ = conn.LocalAddr(), conn.RemoteAddr() })
	time.AfterFunc(100*time.Millisecond, func() {
		_ = conn.Close()
		close(stop)
	})
	running.Wait()
}
