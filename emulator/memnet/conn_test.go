package memnet_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/emulator/memnet"
)

// connect returns both ends of a connection.
func connect(t *testing.T, link memnet.Link) (n *memnet.Network, near, far *memnet.Conn) {
	t.Helper()
	n = memnet.New(link, 1)
	l, err := n.Listen("server")
	if err != nil {
		t.Fatal(err)
	}
	c, err := n.DialContext(t.Context(), "mem", "server")
	if err != nil {
		t.Fatal(err)
	}
	s, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.Close()
		_ = s.Close()
		_ = l.Close()
	})
	return n, c.(*memnet.Conn), s.(*memnet.Conn)
}

// bubble runs a test with virtual time.
func bubble(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, f)
}

func TestEverythingArrivesOnceAndInOrder(t *testing.T) {
	for name, link := range map[string]memnet.Link{
		"perfect": {}, "small buffer": {Buffer: 10}, "small reads": {MaxRead: 3}, "random reads": {MaxRead: 100, RandomRead: true},
		"latency": {Latency: time.Second, Jitter: time.Second, Buffer: 1000},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				_, a, b := connect(t, link)
				data := make([]byte, 50_000)
				for i := range data {
					data[i] = byte(i * i >> 3)
				}
				var wg sync.WaitGroup
				transfer := func(from, to *memnet.Conn) { // both directions at the same time
					wg.Go(func() {
						if n, err := from.Write(data); n != len(data) || err != nil {
							t.Errorf("wrote %d: %v", n, err)
						}
						if err := from.CloseWrite(); err != nil {
							t.Error(err)
						}
					})
					wg.Go(func() {
						if got, err := io.ReadAll(to); err != nil || !bytes.Equal(got, data) {
							t.Errorf("read %d bytes: %v", len(got), err)
						}
					})
				}
				transfer(a, b)
				transfer(b, a)
				wg.Wait()
			})
		})
	}
}

func TestLatencyIsKept(t *testing.T) {
	bubble(t, func(t *testing.T) {
		_, a, b := connect(t, memnet.Link{Latency: 300 * time.Millisecond})
		start := time.Now()
		if _, err := a.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took != 0 {
			t.Errorf("the write took %v", took)
		}
		if _, err := b.Read(make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took != 300*time.Millisecond {
			t.Errorf("the byte took %v", took)
		}
		_ = a.Close()
		if _, err := b.Read(make([]byte, 1)); err != io.EOF {
			t.Errorf("after Close: %v", err)
		}
		if took := time.Since(start); took != 600*time.Millisecond {
			t.Errorf("the end took %v", took)
		}
	})
}

func TestDeadlines(t *testing.T) {
	bubble(t, func(t *testing.T) {
		_, a, b := connect(t, memnet.Link{Buffer: 4})
		check := func(what string, want time.Duration, f func() (int, error)) {
			t.Helper()
			start := time.Now()
			_, err := f()
			var ne net.Error
			if !errors.Is(err, os.ErrDeadlineExceeded) || !errors.As(err, &ne) || !ne.Timeout() {
				t.Errorf("%s: %v", what, err)
			}
			if took := time.Since(start); took != want {
				t.Errorf("%s: after %v, want %v", what, took, want)
			}
		}
		read := func() (int, error) { return b.Read(make([]byte, 1)) }
		write := func() (int, error) { return a.Write(make([]byte, 10)) }
		set := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		set(b.SetReadDeadline(time.Now().Add(time.Second)))
		check("read", time.Second, read)
		check("read again", 0, read)
		set(a.SetWriteDeadline(time.Now().Add(2 * time.Second)))
		check("write", 2*time.Second, write)
		set(a.SetDeadline(time.Now().Add(-time.Second)))
		check("write, late already", 0, write)
		// A deadline that is moved while somebody waits, and one that is taken away.
		set(b.SetReadDeadline(time.Time{}))
		if n, err := b.Read(make([]byte, 10)); n != 4 || err != nil {
			t.Errorf("read %d: %v", n, err)
		}
		time.AfterFunc(time.Minute, func() { _ = b.SetReadDeadline(time.Now()) })
		check("read, moved", time.Minute, read)
		set(b.SetReadDeadline(time.Now().Add(time.Second)))
		set(b.SetReadDeadline(time.Time{}))
		set(a.SetDeadline(time.Time{}))
		time.AfterFunc(time.Hour, func() { _, _ = a.Write([]byte("x")) })
		if n, err := read(); n != 1 || err != nil {
			t.Errorf("read %d: %v", n, err)
		}
	})
}

func TestCloseEndsBothEnds(t *testing.T) {
	bubble(t, func(t *testing.T) {
		_, a, b := connect(t, memnet.Link{Buffer: 4})
		if _, err := a.Write([]byte("bye")); err != nil {
			t.Fatal(err)
		}
		blocked := make(chan error, 2)
		go func() { _, err := a.Read(make([]byte, 1)); blocked <- err }()
		go func() { _, err := a.Write([]byte("too much")); blocked <- err }()
		synctest.Wait()
		if err := a.Close(); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if err := <-blocked; !errors.Is(err, net.ErrClosed) {
				t.Errorf("a waiting call ended with %v", err)
			}
		}
		if err := a.Close(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("second Close: %v", err)
		}
		for what, err := range map[string]error{"SetDeadline": a.SetDeadline(time.Now()), "CloseWrite": a.CloseWrite()} {
			if !errors.Is(err, net.ErrClosed) {
				t.Errorf("%s after Close: %v", what, err)
			}
		}
		got, err := io.ReadAll(b)
		if string(got) != "byet" || err != nil {
			t.Errorf("the other end read %q: %v", got, err)
		}
		if _, err := b.Write([]byte("x")); !errors.Is(err, syscall.EPIPE) {
			t.Errorf("the other end wrote: %v", err)
		}
	})
}

func TestCutLosesWhatIsUnderWay(t *testing.T) {
	bubble(t, func(t *testing.T) {
		n, a, b := connect(t, memnet.Link{Latency: time.Second})
		if _, err := a.Write([]byte("lost")); err != nil {
			t.Fatal(err)
		}
		waiting := make(chan error, 1)
		go func() { _, err := b.Read(make([]byte, 10)); waiting <- err }()
		synctest.Wait()
		if n.Connections() != 1 || n.CutAll() != 1 || n.Connections() != 0 {
			t.Errorf("%d connections are left", n.Connections())
		}
		if err := <-waiting; !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("read: %v", err)
		}
		for _, c := range []*memnet.Conn{a, b} {
			if _, err := c.Write([]byte("x")); !errors.Is(err, syscall.ECONNRESET) {
				t.Errorf("write: %v", err)
			}
		}
	})
}

func TestStalledBytesWait(t *testing.T) {
	bubble(t, func(t *testing.T) {
		n, a, b := connect(t, memnet.Link{Buffer: 4})
		a.Stall(true)
		if k, err := a.Write([]byte("1234")); k != 4 || err != nil {
			t.Fatalf("wrote %d: %v", k, err)
		}
		if err := b.SetReadDeadline(time.Now().Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
		if _, err := b.Read(make([]byte, 9)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("read from a stalled link: %v", err)
		}
		if err := a.SetWriteDeadline(time.Now().Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
		if _, err := a.Write([]byte("5")); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("write to a stalled link: %v", err)
		}
		if _, err := b.Write([]byte("back")); err != nil { // the other direction goes on
			t.Error(err)
		}
		n.StallAll(true)
		n.StallAll(false)
		if err := b.SetReadDeadline(time.Time{}); err != nil {
			t.Fatal(err)
		}
		if k, err := b.Read(make([]byte, 9)); k != 4 || err != nil {
			t.Errorf("read %d: %v", k, err)
		}
		if a.Peer() != b {
			t.Error("Peer is not the other end")
		}
	})
}

func TestLinkWithAShortLifeIsCut(t *testing.T) {
	bubble(t, func(t *testing.T) {
		lives := map[int]bool{}
		n := memnet.New(memnet.Link{MeanLife: 1000}, 5)
		l, err := n.Listen("server")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		for range 20 {
			c, err := n.DialContext(t.Context(), "mem", "server")
			if err != nil {
				t.Fatal(err)
			}
			s, err := l.Accept()
			if err != nil {
				t.Fatal(err)
			}
			go func() { _, _ = io.Copy(io.Discard, s) }()
			sent := 0
			for {
				k, err := c.Write([]byte("x"))
				sent += k
				if err != nil {
					if !errors.Is(err, syscall.ECONNRESET) {
						t.Errorf("write: %v", err)
					}
					break
				}
			}
			lives[sent] = true
		}
		if len(lives) < 10 || n.Connections() != 0 {
			t.Errorf("lives of %v bytes, %d connections left", lives, n.Connections())
		}
	})
}

func TestConcurrentWritesDoNotMix(t *testing.T) {
	bubble(t, func(t *testing.T) {
		_, a, b := connect(t, memnet.Link{Buffer: 3})
		var wg sync.WaitGroup
		for _, s := range []string{"aaaaaaaaaa", "bbbbbbbbbb"} {
			wg.Go(func() {
				if _, err := a.Write([]byte(s)); err != nil {
					t.Error(err)
				}
			})
		}
		got := make([]byte, 20)
		if _, err := io.ReadFull(b, got); err != nil {
			t.Fatal(err)
		}
		wg.Wait()
		if s := string(got); s != "aaaaaaaaaabbbbbbbbbb" && s != "bbbbbbbbbbaaaaaaaaaa" {
			t.Errorf("read %q", s)
		}
	})
}

func TestDialErrors(t *testing.T) {
	bubble(t, func(t *testing.T) {
		n := memnet.New(memnet.Link{Latency: time.Second}, 1)
		if _, err := n.DialContext(t.Context(), "mem", "nobody"); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("dial without a listener: %v", err)
		}
		l, err := n.Listen("server")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := n.Listen("server"); !errors.Is(err, syscall.EADDRINUSE) {
			t.Errorf("second listener: %v", err)
		}
		if _, err := n.Listen(""); err == nil {
			t.Error("an empty address is accepted")
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := n.DialContext(ctx, "mem", "server"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("dial with too little time: %v", err)
		}
		n.Silence("server", true)
		ctx, cancel = context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		start := time.Now()
		if _, err := n.DialContext(ctx, "mem", "server"); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != time.Minute {
			t.Errorf("dial into silence: %v after %v", err, time.Since(start))
		}
		n.Silence("server", false)
		n.SetLink(memnet.Link{})
		c, err := n.DialContext(t.Context(), "tcp", "server:1883") // a port is not looked at
		if err != nil {
			t.Fatal(err)
		}
		// What nobody has accepted is cut when the listener closes.
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("read: %v", err)
		}
		if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("accept: %v", err)
		}
		if err := l.Close(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("second Close: %v", err)
		}
		if l, err = n.Listen("server"); err != nil { // the name is free again
			t.Fatal(err)
		}
		if got := l.Addr(); got.Network() != "mem" || got.String() != "server" {
			t.Errorf("address %v", got)
		}
		_ = l.Close()
	})
}

// TestDialsWaitForAccept dials more often than a listener queues.
func TestDialsWaitForAccept(t *testing.T) {
	bubble(t, func(t *testing.T) {
		n := memnet.New(memnet.Link{}, 1)
		l, err := n.Listen("server")
		if err != nil {
			t.Fatal(err)
		}
		results := make(chan error, 300)
		for range 300 {
			go func() {
				_, err := n.DialContext(t.Context(), "mem", "server")
				results <- err
			}()
		}
		for range 200 {
			if _, err := l.Accept(); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		_ = l.Close()
		refused := 0
		for range 300 {
			if err := <-results; errors.Is(err, syscall.ECONNREFUSED) {
				refused++
			} else if err != nil {
				t.Error(err)
			}
		}
		if refused != 0 {
			t.Errorf("%d dials were refused, all were queued", refused)
		}
	})
}

func TestAddresses(t *testing.T) {
	t.Parallel()
	_, a, b := connect(t, memnet.Link{})
	if a.RemoteAddr().String() != "server" || b.LocalAddr().String() != "server" || a.LocalAddr().String() != b.RemoteAddr().String() {
		t.Errorf("%v-%v and %v-%v", a.LocalAddr(), a.RemoteAddr(), b.LocalAddr(), b.RemoteAddr())
	}
}

// TestSameSeedSameLink reads the same stream twice over links from one seed, and once over one from another.
func TestSameSeedSameLink(t *testing.T) {
	bubble(t, func(t *testing.T) {
		run := func(seed uint64) string {
			var trace strings.Builder
			n := memnet.New(memnet.Link{Latency: time.Second, Jitter: time.Second, MaxRead: 10, RandomRead: true, MeanLife: 300}, seed)
			l, err := n.Listen("server")
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			for range 3 {
				start := time.Now()
				c, err := n.DialContext(t.Context(), "mem", "server")
				if err != nil {
					t.Fatal(err)
				}
				s, err := l.Accept()
				if err != nil {
					t.Fatal(err)
				}
				go func() { // one byte at a time, so that each has a time of its own
					for range 1000 {
						if _, err := c.Write([]byte("x")); err != nil {
							return
						}
						time.Sleep(100 * time.Millisecond)
					}
				}()
				for {
					k, err := s.Read(make([]byte, 100))
					fmt.Fprintln(&trace, k, time.Since(start), err != nil)
					if err != nil {
						break
					}
				}
			}
			return trace.String()
		}
		first := run(7)
		if second := run(7); first != second {
			t.Errorf("the same seed gives\n%s and\n%s", first, second)
		}
		if first == run(8) {
			t.Error("another seed gives the same")
		}
	})
}

// TestDeadlineOfOneWriterFreesTheNext has two writes wait for room, the second for the first.
func TestDeadlineOfOneWriterFreesTheNext(t *testing.T) {
	bubble(t, func(t *testing.T) {
		_, a, _ := connect(t, memnet.Link{Buffer: 1})
		results := make(chan error, 2)
		for range 2 {
			go func() { _, err := a.Write([]byte("more than fits")); results <- err }()
		}
		synctest.Wait()
		if err := a.SetWriteDeadline(time.Now().Add(time.Second)); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if err := <-results; !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("write: %v", err)
			}
		}
	})
}

// TestNothingWaitsWithoutNeed makes calls of no bytes, which return at once.
func TestNothingWaitsWithoutNeed(t *testing.T) {
	t.Parallel()
	_, a, b := connect(t, memnet.Link{})
	if n, err := a.Write(nil); n != 0 || err != nil {
		t.Errorf("wrote %d: %v", n, err)
	}
	if n, err := b.Read(nil); n != 0 || err != nil {
		t.Errorf("read %d: %v", n, err)
	}
}
