package mqttws_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha1"
	"crypto/tls"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/builders/direct"
	mqttws "github.com/gneiss-mqtt/gneiss-go/builders/websocket"
)

// limit bounds every test that waits for something. None takes as long.
const limit = 20 * time.Second

// TestMain fails when a test leaves a goroutine of this package behind.
func TestMain(m *testing.M) {
	code := m.Run()
	deadline := time.Now().Add(5 * time.Second)
	for code == 0 {
		stacks := make([]byte, 1<<20)
		stacks = stacks[:runtime.Stack(stacks, true)]
		_, others, _ := bytes.Cut(stacks, []byte("\n\n")) // the first is this one
		if !bytes.Contains(others, []byte("builders/websocket")) {
			break
		}
		if time.Now().After(deadline) {
			_, _ = os.Stderr.Write(append([]byte("goroutines left behind:\n"), others...))
			code = 1
		}
		runtime.Gosched()
	}
	os.Exit(code)
}

// serve accepts connections until the test ends and gives each to handle on a goroutine of its own.
func serve(t testing.TB, handle func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
			running.Go(func() {
				defer stop()
				defer conn.Close()
				handle(conn)
			})
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		cancel()
		running.Wait()
	})
	return l.Addr().String()
}

// The opcodes of RFC 6455 section 5.2.
const (
	opContinuation = 0x0
	opText         = 0x1
	opBinary       = 0x2
	opClose        = 0x8
	opPing         = 0x9
	opPong         = 0xA

	fin = 0x80
)

// side is the server's side of a WebSocket, written from the RFC and not from the library under test.
type side struct {
	net.Conn
	r       *bufio.Reader
	request *http.Request
}

// accept reads the upgrade request and grants it.
func accept(conn net.Conn) (*side, error) {
	s := &side{Conn: conn, r: bufio.NewReader(conn)}
	var err error
	if s.request, err = http.ReadRequest(s.r); err != nil {
		return nil, err
	}
	_, err = io.WriteString(conn, s.granted()+"Sec-WebSocket-Protocol: mqtt\r\n\r\n")
	return s, err
}

// granted is the answer without its end.
func (s *side) granted() string {
	sum := sha1.Sum([]byte(s.request.Header.Get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " +
		base64.StdEncoding.EncodeToString(sum[:]) + "\r\n"
}

// serveWS is serve for WebSockets.
func serveWS(t testing.TB, handle func(*side)) string {
	t.Helper()
	return serve(t, func(conn net.Conn) { upgraded(conn, handle) })
}

// serveWSS is serveWS behind TLS.
func serveWSS(t testing.TB, config *tls.Config, handle func(*side)) string {
	t.Helper()
	return serve(t, func(conn net.Conn) {
		secure := tls.Server(conn, config)
		defer secure.Close()
		if secure.Handshake() == nil {
			upgraded(secure, handle)
		}
	})
}

func upgraded(conn net.Conn, handle func(*side)) {
	if s, err := accept(conn); err == nil {
		handle(s)
	}
}

// frame encodes a frame; first is the opcode and the bits beside it.
func frame(first byte, payload []byte) []byte {
	b := []byte{first}
	switch n := len(payload); {
	case n < 126:
		b = append(b, byte(n))
	case n < 1<<16:
		b = binary.BigEndian.AppendUint16(append(b, 126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, 127), uint64(n))
	}
	return append(b, payload...)
}

func (s *side) send(first byte, payload []byte) error {
	_, err := s.Write(frame(first, payload))
	return err
}

// next reads a frame of the client, which must be masked.
func (s *side) next() (first byte, payload []byte, err error) {
	var head [2]byte
	if _, err := io.ReadFull(s.r, head[:]); err != nil {
		return 0, nil, err
	}
	if head[1]&0x80 == 0 {
		return 0, nil, fmt.Errorf("frame %x is not masked", head)
	}
	size := uint64(head[1] & 0x7F)
	if width := map[uint64]int{126: 2, 127: 8}[size]; width > 0 {
		var b [8]byte
		if _, err := io.ReadFull(s.r, b[8-width:]); err != nil {
			return 0, nil, err
		}
		size = binary.BigEndian.Uint64(b[:])
	}
	if size > 1<<24 {
		return 0, nil, fmt.Errorf("frame of %d bytes", size)
	}
	var key [4]byte
	if _, err := io.ReadFull(s.r, key[:]); err != nil {
		return 0, nil, err
	}
	payload = make([]byte, size)
	if _, err := io.ReadFull(s.r, payload); err != nil {
		return 0, nil, err
	}
	for i := range payload {
		payload[i] ^= key[i%4]
	}
	return head[0], payload, nil
}

// drain reads until the client ends the connection.
func (s *side) drain() { _, _ = io.Copy(io.Discard, s.r) }

// echo sends every binary frame back as it came, and answers the closing handshake.
func echo(s *side) {
	for {
		first, payload, err := s.next()
		if err != nil {
			return
		}
		if s.send(first, payload) != nil || first == fin|opClose {
			return
		}
	}
}

// dial connects to a WebSocket at addr.
func dial(t testing.TB, addr string, opts ...func(*mqttws.Options)) net.Conn {
	t.Helper()
	return dialURL(t, "ws://"+addr, opts...)
}

func dialURL(t testing.TB, address string, opts ...func(*mqttws.Options)) net.Conn {
	t.Helper()
	endpoint, err := mqttws.URL(address, opts...)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := endpoint.Dial(short(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// dialError dials and wants an error.
func dialError(t testing.TB, ctx context.Context, address string, opts ...func(*mqttws.Options)) error {
	t.Helper()
	endpoint, err := mqttws.URL(address, opts...)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := endpoint.Dial(ctx)
	if err == nil {
		_ = conn.Close()
		t.Fatal("the dial succeeded")
	}
	return err
}

// exchange checks that bytes come back as they went.
func exchange(t testing.TB, conn net.Conn) {
	t.Helper()
	_ = conn.SetDeadline(time.Now().Add(limit))
	sent := []byte("\x10\x00a device\xff")
	if _, err := conn.Write(sent); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, len(sent))
	if _, err := io.ReadFull(conn, got); err != nil || !bytes.Equal(got, sent) {
		t.Fatalf("got %q, %v back for %q", got, err, sent)
	}
	_ = conn.SetDeadline(time.Time{})
}

// short is a context that ends before limit.
func short(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	t.Cleanup(cancel)
	return ctx
}

// below makes options of those of the connection below.
func below(list ...func(*direct.Options)) func(*mqttws.Options) {
	return func(o *mqttws.Options) {
		o.Direct = func(d *direct.Options) {
			for _, f := range list {
				f(d)
			}
		}
	}
}
