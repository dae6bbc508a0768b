package mqttws_test

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

// Conformance: MQTT-6.0.0-1, v3:MQTT-6.0.0-1
func TestWriteIsBinaryMessages(t *testing.T) {
	t.Parallel()
	type message struct {
		first byte
		size  int
	}
	stream := randomBytes(rand.New(rand.NewPCG(5, 6)), 100_000)
	var got []byte
	var messages []message
	done := make(chan struct{})
	conn := dial(t, serveWS(t, func(s *side) {
		defer close(done)
		for len(got) < len(stream)+1 {
			first, payload, err := s.next()
			if err != nil {
				return
			}
			got = append(got, payload...)
			messages = append(messages, message{first, len(payload)})
		}
	}))
	for _, p := range [][]byte{stream, {0xC0}} {
		if n, err := conn.Write(p); n != len(p) || err != nil {
			t.Fatal(n, err)
		}
	}
	<-done
	if !bytes.Equal(got, append(bytes.Clone(stream), 0xC0)) {
		t.Error("the stream did not arrive as it was written")
	}
	for _, m := range messages {
		if m.first != fin|opBinary || m.size > 32<<10 {
			t.Errorf("a message with first byte %#x and %d bytes", m.first, m.size)
		}
	}
	if len(messages) != 5 {
		t.Errorf("%d messages", len(messages))
	}
}

// Writers do not mix, nor do pongs and the closing handshake get between the bytes of a frame.
func TestConcurrentWritesAndClose(t *testing.T) {
	t.Parallel()
	const writers, each, size = 8, 40, 3000
	counts := make(map[byte]int)
	var failed error
	done := make(chan struct{})
	conn := dial(t, serveWS(t, func(s *side) {
		defer close(done)
		go func() {
			for s.send(fin|opPing, []byte("ping")) == nil {
			}
		}()
		for {
			first, payload, err := s.next()
			switch {
			case err != nil:
				failed = err
				return
			case first == fin|opClose:
				return
			case first == fin|opPong:
			case first != fin|opBinary || len(payload) != size || len(bytes.Trim(payload, string(payload[:1]))) != 0:
				failed = errors.New("a message of several writers")
				return
			default:
				counts[payload[0]]++
			}
		}
	}))
	var running sync.WaitGroup
	for w := range writers {
		running.Go(func() {
			for range each {
				if _, err := conn.Write(bytes.Repeat([]byte{'a' + byte(w)}, size)); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	running.Wait()
	// To close with pings unread would reset the connection, and what the server has not read would be lost.
	_ = conn.SetReadDeadline(time.Now().Add(limit))
	_ = conn.(interface{ CloseWrite() error }).CloseWrite()
	_, _ = io.Copy(io.Discard, conn)
	<-done
	for range 4 { // every Close but the first does nothing, and all wait for it
		running.Go(func() {
			if err := conn.Close(); err != nil {
				t.Error(err)
			}
			if _, err := conn.Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
				t.Errorf("write after Close: %v", err)
			}
		})
	}
	running.Wait()
	if failed != nil {
		t.Error(failed)
	}
	for w := range writers {
		if n := counts['a'+byte(w)]; n != each {
			t.Errorf("%d messages of writer %d", n, w)
		}
	}
}

// stuck returns a connection to a server that does not read, with a write that waits.
func stuck(t *testing.T) (conn net.Conn, ended <-chan error) {
	t.Helper()
	conn = dial(t, serve(t, func(conn net.Conn) {
		if s, err := accept(conn); err == nil {
			<-t.Context().Done()
			_ = s.Close()
		}
	}))
	result := make(chan error, 1)
	started := make(chan struct{})
	go func() {
		close(started)
		for {
			if _, err := conn.Write(make([]byte, 1<<20)); err != nil {
				result <- err
				return
			}
		}
	}()
	<-started
	return conn, result
}

func TestWriteDeadline(t *testing.T) {
	t.Parallel()
	conn, ended := stuck(t)
	_ = conn.SetWriteDeadline(time.Now().Add(50 * time.Millisecond)) // of the write under way
	timedOut := func(err error) bool {
		timeout, ok := errors.AsType[net.Error](err)
		return errors.Is(err, os.ErrDeadlineExceeded) && ok && timeout.Timeout()
	}
	if err := <-ended; !timedOut(err) {
		t.Fatalf("got %v", err)
	}
	_ = conn.SetWriteDeadline(time.Time{})
	if _, err := conn.Write([]byte("x")); !timedOut(err) { // half a frame has left
		t.Errorf("write after the deadline: %v", err)
	}
}

func TestWriteDeadlineThatIsMovedIsNot(t *testing.T) {
	t.Parallel()
	conn := dial(t, serveWS(t, echo))
	_ = conn.SetDeadline(time.Unix(1, 0))
	if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	_ = conn.SetDeadline(time.Time{})
	exchange(t, conn) // nothing was written before: there is no harm
}

func TestCloseEndsAWriteThatWaits(t *testing.T) {
	t.Parallel()
	conn, ended := stuck(t)
	if err := conn.Close(); err != nil {
		t.Error(err)
	}
	if err := <-ended; !errors.Is(err, net.ErrClosed) {
		t.Errorf("got %v", err)
	}
}

func TestCloseSaysGoodbye(t *testing.T) {
	t.Parallel()
	got := make(chan string, 1)
	conn := dial(t, serveWS(t, func(s *side) {
		defer close(got)
		if first, payload, err := s.next(); err == nil && first == fin|opClose {
			got <- string(payload)
		}
	}))
	if err := conn.Close(); err != nil {
		t.Error(err)
	}
	if payload := <-got; payload != "\x03\xE8" {
		t.Errorf("the close frame is %q", payload)
	}
}

// After CloseWrite the other direction goes on: the broker's last words are not lost.
func TestCloseWrite(t *testing.T) {
	t.Parallel()
	conn := dial(t, serveWS(t, func(s *side) {
		for {
			first, payload, err := s.next()
			if err != nil {
				return
			}
			if first == fin|opClose {
				if s.send(fin|opBinary, []byte("last words")) == nil {
					_ = s.send(first, payload)
				}
				return
			}
		}
	}))
	if _, err := conn.Write([]byte("\xE0\x00")); err != nil {
		t.Fatal(err)
	}
	if err := conn.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Write([]byte("x")); err == nil || !strings.Contains(err.Error(), "is being closed") {
		t.Errorf("write after CloseWrite: %v", err)
	}
	_ = conn.SetReadDeadline(time.Now().Add(limit))
	if text, err := io.ReadAll(conn); string(text) != "last words" || err != nil {
		t.Errorf("got %q, %v", text, err)
	}
}
