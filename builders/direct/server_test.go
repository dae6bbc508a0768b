package direct_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
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
		if !bytes.Contains(others, []byte("builders/direct")) {
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
func serve(t *testing.T, network, address string, handle func(net.Conn)) net.Addr {
	t.Helper()
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		var conns []chan struct{}
		for {
			conn, err := l.Accept()
			if err != nil {
				break
			}
			ended := make(chan struct{})
			conns = append(conns, ended)
			stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
			go func() {
				defer close(ended)
				defer stop()
				defer conn.Close()
				handle(conn)
			}()
		}
		for _, ended := range conns {
			<-ended
		}
	}()
	t.Cleanup(func() {
		_ = l.Close()
		cancel()
		<-done
	})
	return l.Addr()
}

// echo sends back what it gets.
func echo(conn net.Conn) { _, _ = io.Copy(conn, conn) }

// silence reads without ever answering.
func silence(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) }

// serveTLS is serve behind a TLS handshake.
func serveTLS(t *testing.T, config *tls.Config, handle func(*tls.Conn)) string {
	t.Helper()
	return serve(t, "tcp", "127.0.0.1:0", func(conn net.Conn) {
		secure := tls.Server(conn, config)
		defer secure.Close()
		if secure.Handshake() == nil {
			handle(secure)
		}
	}).String()
}

func echoTLS(conn *tls.Conn) { echo(conn) }

// short is a context that ends before limit.
func short(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	t.Cleanup(cancel)
	return ctx
}

// talk dials the endpoint and checks that bytes come back as they went.
func talk(t *testing.T, endpoint mqtt.Endpoint, err error) net.Conn {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	conn, err := endpoint.Dial(short(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	exchange(t, conn)
	return conn
}

func exchange(t *testing.T, conn net.Conn) {
	t.Helper()
	if err := conn.SetDeadline(time.Now().Add(limit)); err != nil {
		t.Fatal(err)
	}
	sent := []byte("\x10\x00a device\xff")
	if _, err := conn.Write(sent); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, len(sent))
	if _, err := io.ReadFull(conn, got); err != nil || !bytes.Equal(got, sent) {
		t.Fatalf("got %q, %v back for %q", got, err, sent)
	}
}

// dialError dials and wants an error, whose text is in the form of the project's errors.
func dialError(t *testing.T, ctx context.Context, endpoint mqtt.Endpoint, err error) error {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	conn, err := endpoint.Dial(ctx)
	if err == nil {
		_ = conn.Close()
		t.Fatal("the dial succeeded")
	}
	if !strings.HasPrefix(err.Error(), "direct: ") {
		t.Errorf("error without the package's prefix: %v", err)
	}
	return err
}

// wantError checks the text of an error.
func wantError(t *testing.T, err error, part string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), part) {
		t.Errorf("got error %v, want one with %q", err, part)
	}
}

// wantIs checks the identity of an error.
func wantIs(t *testing.T, err, target error) {
	t.Helper()
	if !errors.Is(err, target) {
		t.Errorf("got error %v, want %v", err, target)
	}
}
