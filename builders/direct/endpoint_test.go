package direct_test

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"path/filepath"
	"runtime"
	"strconv"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/builders/direct"
)

// Conformance: MQTT-4.2-1, v3:MQTT-7.1.2-1
func TestTransportsAreOrderedByteStreams(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	config := &tls.Config{Certificates: []tls.Certificate{ca.issue(t, "broker").tls}}
	path := filepath.Join(t.TempDir(), "mqtt.sock")
	serve(t, "unix", path, echo)

	t.Run("tcp", func(t *testing.T) {
		endpoint, err := direct.TCP(serve(t, "tcp", "127.0.0.1:0", echo).String())
		large(t, talk(t, endpoint, err))
	})
	t.Run("tls", func(t *testing.T) {
		endpoint, err := direct.TLS(serveTLS(t, config, echoTLS), func(o *direct.Options) {
			o.RootCAs = []direct.PEM{direct.Bytes(ca.pem)}
		})
		large(t, talk(t, endpoint, err))
	})
	t.Run("unix", func(t *testing.T) {
		endpoint, err := direct.Unix(path)
		large(t, talk(t, endpoint, err))
	})
}

// large sends far more than any buffer on the way holds, in both directions at once.
func large(t *testing.T, conn net.Conn) {
	t.Helper()
	const total = 4 << 20
	failed := make(chan error, 1)
	go func() {
		chunk := make([]byte, 0, 64<<10)
		for n := range total {
			if chunk = append(chunk, byte(n>>8)^byte(n)); len(chunk) == cap(chunk) {
				if _, err := conn.Write(chunk); err != nil {
					failed <- err
					return
				}
				chunk = chunk[:0]
			}
		}
		failed <- nil
	}()
	buffer := make([]byte, 32<<10)
	for got := 0; got < total; {
		n, err := conn.Read(buffer)
		if err != nil {
			t.Fatalf("after %d bytes: %v", got, err)
		}
		for i, b := range buffer[:n] {
			if want := byte((got+i)>>8) ^ byte(got+i); b != want {
				t.Fatalf("byte %d is %#x, want %#x", got+i, b, want)
			}
		}
		got += n
	}
	if err := <-failed; err != nil {
		t.Error(err)
	}
}

func TestTCPReachesBothFamilies(t *testing.T) {
	t.Parallel()
	for _, at := range []string{"127.0.0.1:0", "[::1]:0"} {
		addr := serve(t, "tcp", at, echo)
		endpoint, err := direct.TCP(addr.String())
		talk(t, endpoint, err)
	}
}

func TestNamesAreResolvedAtEveryAttempt(t *testing.T) {
	t.Parallel()
	addr := serve(t, "tcp", "127.0.0.1:0", echo).(*net.TCPAddr)
	var asked []string
	endpoint, err := direct.TCP("broker.invalid:"+strconv.Itoa(addr.Port), func(o *direct.Options) {
		o.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
			asked = append(asked, network+" "+address)
			return new(net.Dialer).DialContext(ctx, network, addr.String())
		}
	})
	talk(t, endpoint, err)
	talk(t, endpoint, err)
	want := "tcp broker.invalid:" + strconv.Itoa(addr.Port)
	if len(asked) != 2 || asked[0] != want || asked[1] != want {
		t.Errorf("dialled %q, want %q twice", asked, want)
	}
}

func TestDefaultPorts(t *testing.T) {
	t.Parallel()
	for want, make := range map[string]func(fn func(*direct.Options)) error{
		"broker.example.org:1883": func(fn func(*direct.Options)) error {
			endpoint, err := direct.TCP("broker.example.org", fn)
			_ = dialError(t, t.Context(), endpoint, err)
			return err
		},
		"broker.example.org:8883": func(fn func(*direct.Options)) error {
			endpoint, err := direct.TLS("broker.example.org", fn)
			_ = dialError(t, t.Context(), endpoint, err)
			return err
		},
	} {
		var got string
		if err := make(func(o *direct.Options) {
			o.DialContext = func(_ context.Context, _, address string) (net.Conn, error) {
				got = address
				return nil, errors.New("not here")
			}
		}); err != nil || got != want {
			t.Errorf("dialled %q, %v; want %q", got, err, want)
		}
	}
}

func TestEndpointNames(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"mqtt://user:secret@broker":  "mqtt://broker:1883",
		"mqtts://user:secret@[::1]/": "mqtts://[::1]:8883",
		"unix:///run/mqtt.sock":      "unix:///run/mqtt.sock",
	} {
		endpoint, err := direct.URL(address)
		if err != nil || endpoint.Name != want {
			t.Errorf("%s: name %q, %v; want %q", address, endpoint.Name, err, want)
		}
	}
}

func TestRefusedConnection(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	endpoint, err := direct.TCP(address)
	err = dialError(t, short(t), endpoint, err)
	wantIs(t, err, syscall.ECONNREFUSED)
	wantError(t, err, address)
}

func TestUnixSocketIsMissing(t *testing.T) {
	t.Parallel()
	endpoint, err := direct.Unix(filepath.Join(t.TempDir(), "none.sock"))
	wantIs(t, dialError(t, short(t), endpoint, err), syscall.ENOENT)
}

func TestUnixAbstractName(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("only Linux has abstract names of unix sockets")
	}
	name := "@gneiss-direct-" + strconv.FormatInt(time.Now().UnixNano(), 36)
	serve(t, "unix", name, echo)
	endpoint, err := direct.Unix(name)
	talk(t, endpoint, err)
}

func TestNagle(t *testing.T) {
	t.Parallel()
	addr := serve(t, "tcp", "127.0.0.1:0", echo).String()
	for _, nagle := range []bool{false, true} {
		var set atomic.Int32
		endpoint, err := direct.TCP(addr, func(o *direct.Options) {
			o.Nagle = nagle
			o.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
				conn, err := new(net.Dialer).DialContext(ctx, network, address)
				return delayConn{conn, &set}, err
			}
		})
		talk(t, endpoint, err)
		if got := set.Load() == 1; got != nagle {
			t.Errorf("Nagle %v: TCP_NODELAY cleared %v", nagle, got)
		}
	}
}

type delayConn struct {
	net.Conn
	cleared *atomic.Int32
}

func (c delayConn) SetNoDelay(on bool) error {
	if !on {
		c.cleared.Add(1)
	}
	return nil
}
