package mqttws_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"testing"
	"time"

	mqttws "github.com/gneiss-mqtt/gneiss-go/builders/websocket"
)

func randomBytes(r *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

// splitFrames cuts a stream into messages and these into fragments, of any size and some empty, with pings and pongs
// between them.
func splitFrames(r *rand.Rand, stream []byte, largest int) (wire []byte) {
	first := byte(opBinary)
	for len(stream) > 0 {
		n := min(r.IntN(largest), len(stream))
		last := r.IntN(2) == 0
		bits := first
		if last {
			bits |= fin
		}
		wire = append(wire, frame(bits, stream[:n])...)
		stream = stream[n:]
		if first = opContinuation; last {
			first = opBinary
		}
		switch r.IntN(40) {
		case 0:
			wire = append(wire, frame(fin|opPing, randomBytes(r, r.IntN(126)))...)
		case 1:
			wire = append(wire, frame(fin|opPong, nil)...)
		}
	}
	if first == opContinuation {
		wire = append(wire, frame(fin|opContinuation, nil)...)
	}
	return wire
}

// Conformance: MQTT-6.0.0-2, v3:MQTT-6.0.0-2
func TestAnySplitIsOneStream(t *testing.T) {
	t.Parallel()
	for seed := range uint64(40) {
		r := rand.New(rand.NewPCG(seed, 7))
		largest := []int{3, 200, 5000, 70_000}[seed%4]
		stream := randomBytes(r, 1+r.IntN(min(600*largest, 200_000)))
		wire := splitFrames(r, stream, largest)
		addr := serveWS(t, func(s *side) {
			for rest := wire; len(rest) > 0; {
				n := min(1+r.IntN(30_000), len(rest))
				if _, err := s.Write(rest[:n]); err != nil {
					return
				}
				rest = rest[n:]
			}
			if s.send(fin|opClose, []byte{0x03, 0xE8}) == nil {
				s.drain()
			}
		})
		conn := dial(t, addr)
		_ = conn.SetReadDeadline(time.Now().Add(limit))
		reads := rand.New(rand.NewPCG(seed, 8))
		buf := make([]byte, 40_000)
		var got []byte
		for {
			n, err := conn.Read(buf[:1+reads.IntN(len(buf))])
			got = append(got, buf[:n]...)
			if err == io.EOF {
				break
			}
			if err != nil || n == 0 {
				t.Fatalf("seed %d: read %d, %v after %d bytes", seed, n, err, len(got))
			}
		}
		if !bytes.Equal(got, stream) {
			t.Fatalf("seed %d: %d bytes of %d, or others", seed, len(got), len(stream))
		}
	}
}

func TestFrameLargerThanAnyBuffer(t *testing.T) {
	t.Parallel()
	payload := randomBytes(rand.New(rand.NewPCG(1, 2)), 3<<20)
	conn := dial(t, serveWS(t, func(s *side) {
		if s.send(fin|opBinary, payload) == nil {
			s.drain()
		}
	}))
	sum := sha256.New()
	if n, err := io.CopyN(sum, conn, int64(len(payload))); err != nil || [32]byte(sum.Sum(nil)) != sha256.Sum256(payload) {
		t.Errorf("%d bytes, %v", n, err)
	}
}

// Frames that arrived together are read together.
func TestSmallFramesAreReadTogether(t *testing.T) {
	t.Parallel()
	var wire []byte
	const frames = 2000
	for range frames {
		wire = append(wire, frame(fin|opBinary, []byte{0xD0, 0})...)
	}
	conn := dial(t, serveWS(t, func(s *side) {
		if _, err := s.Write(wire); err == nil {
			s.drain()
		}
	}))
	reads, buf := 0, make([]byte, 64<<10)
	for n := 0; n < 2*frames; reads++ {
		m, err := conn.Read(buf)
		if n += m; err != nil || m == 0 {
			t.Fatal(m, err)
		}
	}
	if reads > frames {
		t.Errorf("%d reads for %d frames", reads, frames)
	}
}

func TestReadOfNothing(t *testing.T) {
	t.Parallel()
	conn := dial(t, serveWS(t, (*side).drain))
	if n, err := conn.Read(nil); n != 0 || err != nil {
		t.Errorf("got %d, %v", n, err)
	}
	if n, err := conn.Write(nil); n != 0 || err != nil {
		t.Errorf("got %d, %v", n, err)
	}
}

// What the server breaks ends the connection, with the close code of RFC 6455 section 7.4.1.
// Conformance: MQTT-6.0.0-1, v3:MQTT-6.0.0-1
func TestServerBreaksTheProtocol(t *testing.T) {
	t.Parallel()
	masked := frame(fin|opBinary, []byte("abcd"))
	masked[1] |= 0x80
	for name, c := range map[string]struct {
		wire []byte
		code string
		text string
	}{
		"text frame":            {frame(fin|opText, []byte("hello")), "\x03\xEB", "text frame [MQTT-6.0.0-1]"},
		"text after binary":     {append(frame(fin|opBinary, []byte("A")), frame(fin|opText, nil)...), "\x03\xEB", "text frame [MQTT-6.0.0-1]"},
		"masked frame":          {masked, "\x03\xEA", "bad MASK"},
		"reserved bit":          {frame(fin|0x40|opBinary, []byte("x")), "\x03\xEA", "RSV1 set"},
		"reserved opcode":       {frame(fin|0x3, nil), "\x03\xEA", "bad opcode"},
		"stray continuation":    {frame(fin|opContinuation, nil), "\x03\xEA", "continuation after FIN"},
		"message in a message":  {append(frame(opBinary, nil), frame(fin|opBinary, nil)...), "\x03\xEA", "data before FIN"},
		"fragmented ping":       {frame(opPing, nil), "\x03\xEA", "FIN not set on control"},
		"long ping":             {frame(fin|opPing, make([]byte, 126)), "\x03\xEA", "len > 125"},
		"impossible close code": {frame(fin|opClose, []byte{0x03, 0xED}), "\x03\xEA", "bad close code"},
		"close reason no UTF-8": {frame(fin|opClose, []byte{0x03, 0xE8, 0xFF}), "\x03\xEA", "invalid utf8"},
		"length above 63 bits":  {append([]byte{fin | opBinary, 127, 0x80}, make([]byte, 7)...), "\x03\xE8", "read limit"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			closed := make(chan string, 1)
			conn := dial(t, serveWS(t, func(s *side) {
				defer close(closed)
				if _, err := s.Write(c.wire); err != nil {
					return
				}
				if first, payload, err := s.next(); err == nil && first == fin|opClose {
					closed <- string(payload[:2])
				}
			}))
			_ = conn.SetReadDeadline(time.Now().Add(limit))
			_, err := io.Copy(io.Discard, conn)
			if err == nil || !strings.Contains(err.Error(), c.text) || !strings.HasPrefix(err.Error(), "mqttws: ") {
				t.Errorf("got %v, want an error with %q", err, c.text)
			}
			if _, again := conn.Read(make([]byte, 1)); !errors.Is(again, err) {
				t.Errorf("the second read says %v", again)
			}
			_ = conn.Close()
			if code := <-closed; code != c.code {
				t.Errorf("the server was told %x, want %x", code, c.code)
			}
		})
	}
}

func TestPingIsAnswered(t *testing.T) {
	t.Parallel()
	got := make(chan string, 3)
	conn := dial(t, serveWS(t, func(s *side) {
		defer close(got)
		for _, payload := range []string{"", "a ping", strings.Repeat("x", 125)} {
			if s.send(fin|opPing, []byte(payload)) != nil {
				return
			}
			first, answer, err := s.next()
			if err != nil || first != fin|opPong {
				return
			}
			got <- string(answer)
		}
	}))
	go func() { _, _ = conn.Read(make([]byte, 1)) }()
	for _, want := range []string{"", "a ping", strings.Repeat("x", 125)} {
		if answer, ok := <-got; !ok || answer != want {
			t.Errorf("pong %q, %v; want %q", answer, ok, want)
		}
	}
}

// Pings are answered although nobody reads, and a server that takes no answers can still be read.
func TestReaderNeverWaitsForPongs(t *testing.T) {
	t.Parallel()
	const pings = 200_000 // some megabytes of answers
	conn := dial(t, serveWS(t, func(s *side) {
		wire := bytes.Repeat(frame(fin|opPing, make([]byte, 125)), 1000)
		for range pings / 1000 {
			if _, err := s.Write(wire); err != nil {
				return
			}
		}
		if s.send(fin|opBinary, []byte("done")) == nil {
			s.drain()
		}
	}))
	_ = conn.SetReadDeadline(time.Now().Add(limit))
	buf := make([]byte, 4)
	if _, err := io.ReadFull(conn, buf); err != nil || string(buf) != "done" {
		t.Errorf("got %q, %v", buf, err)
	}
}

func TestEndByTheServer(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		end  func(*side) error
		want func(error) bool
		echo string // of the close frame
	}{
		"normal":     {func(s *side) error { return s.send(fin|opClose, []byte("\x03\xE8bye")) }, isEOF, "\x03\xE8"},
		"going away": {func(s *side) error { return s.send(fin|opClose, []byte("\x03\xE9")) }, isEOF, "\x03\xE9"},
		"no status":  {func(s *side) error { return s.send(fin|opClose, nil) }, isEOF, ""},
		"policy": {func(s *side) error { return s.send(fin|opClose, []byte("\x03\xF0not you")) }, func(err error) bool {
			e, ok := errors.AsType[*mqttws.CloseError](err)
			return ok && e.Code == 1008 && e.Reason == "not you" && strings.Contains(err.Error(), "1008") && !isEOF(err)
		}, "\x03\xF0"},
		"silent":         {func(s *side) error { return s.Close() }, isUnexpected, "none"},
		"within a frame": {func(s *side) error { _, _ = s.Write([]byte{fin | opBinary, 100, 1}); return s.Close() }, isUnexpected, "none"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			answered := make(chan string, 1)
			conn := dial(t, serveWS(t, func(s *side) {
				defer close(answered)
				if s.send(fin|opBinary, []byte("last words")) != nil || c.end(s) != nil {
					return
				}
				if first, payload, err := s.next(); err != nil {
					answered <- "none"
				} else if first == fin|opClose {
					answered <- string(payload)
				}
			}))
			_ = conn.SetReadDeadline(time.Now().Add(limit))
			buf := make([]byte, 10)
			if _, err := io.ReadFull(conn, buf); err != nil || string(buf) != "last words" {
				t.Fatal(string(buf), err)
			}
			_, err := io.ReadFull(conn, buf)
			for err == nil { // part of a frame
				_, err = conn.Read(buf)
			}
			if !c.want(err) {
				t.Errorf("got %v", err)
			}
			if got := <-answered; got != c.echo {
				t.Errorf("the server got the close frame %q, want %q", got, c.echo)
			}
			_ = conn.SetWriteDeadline(time.Now().Add(limit))
			for err = nil; err == nil; { // a reset may take a moment
				_, err = conn.Write([]byte("x"))
			}
			if !strings.HasPrefix(err.Error(), "mqttws: write: ") {
				t.Errorf("write after the end: %v", err)
			}
		})
	}
}

func isEOF(err error) bool { return err == io.EOF }

func isUnexpected(err error) bool {
	return errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF)
}

// Whatever a server sends, nothing panics, and the end is reported.
func FuzzReceive(f *testing.F) {
	r := rand.New(rand.NewPCG(3, 4))
	f.Add(splitFrames(r, randomBytes(r, 300), 50))
	f.Add(frame(fin|opText, []byte("text")))
	f.Add(frame(fin|opClose, []byte("\x03\xF0no")))
	f.Add([]byte{fin | opBinary, 127, 0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 1, 2, 3})
	f.Fuzz(func(t *testing.T, wire []byte) {
		conn := dial(t, serve(t, func(conn net.Conn) {
			if s, err := accept(conn); err == nil {
				go s.drain()
				_, _ = s.Write(wire)
				_ = conn.(*net.TCPConn).CloseWrite()
			}
		}))
		_ = conn.SetReadDeadline(time.Now().Add(limit))
		n, err := io.Copy(io.Discard, conn)
		if n > int64(len(wire)) || errors.Is(err, net.ErrClosed) {
			t.Errorf("%d bytes of %d, %v", n, len(wire), err)
		}
	})
}
