package direct_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/url"
	"testing"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/builders/direct"
	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
)

// blackHoles are peers that accept a connection and then never answer, at each stage of a dial.
func blackHoles(t *testing.T) map[string]mqtt.Endpoint {
	t.Helper()
	hole := serve(t, "tcp", "127.0.0.1:0", silence).String()
	holes := make(map[string]mqtt.Endpoint)
	add := func(name string, endpoint mqtt.Endpoint, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		holes[name] = endpoint
	}
	via := func(scheme string) func(*direct.Options) {
		return func(o *direct.Options) { o.Proxy = direct.ProxyURL(&url.URL{Scheme: scheme, Host: hole}) }
	}
	endpoint, err := direct.TLS(hole)
	add("TLS handshake", endpoint, err)
	endpoint, err = direct.TCP("broker.invalid", via("http"))
	add("HTTP proxy", endpoint, err)
	endpoint, err = direct.TCP("broker.invalid", via("https"))
	add("TLS handshake with the proxy", endpoint, err)
	endpoint, err = direct.TCP("broker.invalid", via("socks5"))
	add("SOCKS proxy", endpoint, err)
	endpoint, err = direct.TLS("broker.invalid", func(o *direct.Options) {
		o.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}
	})
	add("dial", endpoint, err)
	return holes
}

func TestDeadlineCoversEveryStage(t *testing.T) {
	t.Parallel()
	for name, endpoint := range blackHoles(t) {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			defer cancel()
			began := time.Now()
			wantIs(t, dialError(t, ctx, endpoint, nil), context.DeadlineExceeded)
			if took := time.Since(began); took > limit {
				t.Errorf("took %v", took)
			}
		})
	}
}

func TestCancellationCoversEveryStage(t *testing.T) {
	t.Parallel()
	changed := errors.New("the user has changed their mind")
	for name, endpoint := range blackHoles(t) {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(short(t))
			timer := time.AfterFunc(20*time.Millisecond, func() { cancel(changed) })
			defer timer.Stop()
			wantIs(t, dialError(t, ctx, endpoint, nil), changed)
		})
	}
}

func TestEndedContextDialsNothing(t *testing.T) {
	t.Parallel()
	for name, endpoint := range blackHoles(t) {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			wantIs(t, dialError(t, ctx, endpoint, nil), context.Canceled)
		})
	}
}

// A connection outlives the context that it was dialled with.
func TestConnectionOutlivesItsContext(t *testing.T) {
	t.Parallel()
	addr := serve(t, "tcp", "127.0.0.1:0", echo).String()
	for name, opts := range map[string]func(*direct.Options){
		"straight":   nil,
		"HTTP proxy": func(o *direct.Options) { o.Proxy = direct.ProxyURL(newProxy(t).url("http")) },
		"SOCKS":      func(o *direct.Options) { o.Proxy = direct.ProxyURL(newSOCKS(t).url()) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			endpoint, err := direct.TCP(addr, opts)
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			conn, err := endpoint.Dial(ctx)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			cancel()
			exchange(t, conn)
		})
	}
}

// A failed dial closes the connection that it had made so far.
func TestFailedHandshakeClosesTheConnection(t *testing.T) {
	t.Parallel()
	closed := make(chan error, 1)
	addr := serve(t, "tcp", "127.0.0.1:0", func(conn net.Conn) {
		_, err := io.Copy(io.Discard, conn) // returns when the client has closed
		closed <- err
	}).String()
	endpoint, err := direct.TLS(addr)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_ = dialError(t, ctx, endpoint, err)
	select {
	case <-closed:
	case <-time.After(limit):
		t.Error("the connection is still open")
	}
}
