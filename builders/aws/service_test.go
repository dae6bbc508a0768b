package awsiot_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	awsiot "github.com/gneiss-mqtt/gneiss-go/builders/aws"
	"github.com/gneiss-mqtt/gneiss-go/builders/direct"
	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/mqtttest"
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
		if !bytes.Contains(others, []byte("gneiss-go/")) {
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

// short is a context that ends before limit.
func short(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	t.Cleanup(cancel)
	return ctx
}

// service is what of AWS IoT Core is in front of the broker: one port, on which ALPN says what a connection is for. The
// broker itself is the test, through peer.
type service struct {
	t    *testing.T
	ca   *authority
	cert tls.Certificate
	addr string
	peer *mqtttest.Peer

	// upgrade judges a request for a WebSocket, and answers where it returns false. nil: all are welcome.
	upgrade func(w http.ResponseWriter, r *http.Request) bool
	// handler answers other requests over HTTP.
	handler http.HandlerFunc

	mu         sync.Mutex
	registered map[[32]byte]bool
	seen       []hello
	sockets    []string // addresses that were dialled
	running    sync.WaitGroup
}

// hello is what the service saw of a connection.
type hello struct {
	name      string
	protocols []string
	cert      *x509.Certificate
}

func newService(t *testing.T) *service {
	t.Helper()
	s := &service{t: t, ca: newAuthority(t), peer: mqtttest.NewPeer(t), registered: make(map[[32]byte]bool)}
	s.cert = s.ca.issue(t).Certificate
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.addr = l.Addr().String()
	ctx, cancel := context.WithCancel(context.Background())
	s.running.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
			s.running.Go(func() {
				defer stop()
				defer conn.Close()
				s.serve(conn)
			})
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		cancel()
		s.running.Wait()
	})
	return s
}

// register makes the service know a device's certificate.
func (s *service) register(d device) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.registered[sha256.Sum256(d.Leaf.Raw)] = true
}

func (s *service) hellos() []hello {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.seen)
}

func (s *service) dialled() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.sockets)
}

// serve does what the port does for one connection.
func (s *service) serve(conn net.Conn) {
	var h hello
	config := &tls.Config{Certificates: []tls.Certificate{s.cert}}
	secure := tls.Server(conn, &tls.Config{GetConfigForClient: func(info *tls.ClientHelloInfo) (*tls.Config, error) {
		h.name, h.protocols = info.ServerName, info.SupportedProtos
		config.NextProtos = []string{"x-amzn-mqtt-ca", "mqtt"}
		// The service knows certificates, not authorities.
		if slices.Contains(h.protocols, "x-amzn-mqtt-ca") || len(h.protocols) == 0 {
			config.ClientAuth = tls.RequestClientCert
		}
		return config, nil
	}})
	if secure.Handshake() != nil {
		return
	}
	defer secure.Close()
	state := secure.ConnectionState()
	if len(state.PeerCertificates) > 0 {
		h.cert = state.PeerCertificates[0]
	}
	s.mu.Lock()
	s.seen = append(s.seen, h)
	known := h.cert != nil && s.registered[sha256.Sum256(h.cert.Raw)]
	s.mu.Unlock()
	switch {
	case state.NegotiatedProtocol == "mqtt":
		s.broker(secure)
	case state.NegotiatedProtocol != "" || h.cert != nil && s.handler == nil:
		if known { // others are hung up on, as the service does
			s.broker(secure)
		}
	default:
		s.http(secure)
	}
}

// broker passes the connection on to the test.
func (s *service) broker(conn net.Conn) {
	to, err := s.peer.Dial(context.Background())
	if err != nil {
		return
	}
	var back sync.WaitGroup
	back.Go(func() {
		_, _ = io.Copy(conn, to)
		_ = conn.Close()
	})
	_, _ = io.Copy(to, conn)
	_ = to.Close()
	back.Wait()
}

// http serves one connection.
func (s *service) http(conn net.Conn) {
	l := &oneConn{conn: conn, addr: conn.LocalAddr(), done: make(chan struct{})}
	over := sync.OnceFunc(func() { close(l.done) })
	server := &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if s.request(w, r) { // the connection was the handler's
				over()
			}
		}),
		ConnState: func(_ net.Conn, state http.ConnState) {
			if state == http.StateClosed {
				over()
			}
		},
	}
	_ = server.Serve(l)
	_ = server.Close()
}

var upgrader = websocket.Upgrader{Subprotocols: []string{"mqtt"}}

// request reports whether the connection has become a WebSocket.
func (s *service) request(w http.ResponseWriter, r *http.Request) bool {
	if !websocket.IsWebSocketUpgrade(r) {
		s.handler(w, r)
		return false
	}
	if s.upgrade != nil && !s.upgrade(w, r) {
		return false
	}
	ws, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		return false
	}
	near, far := net.Pipe()
	s.running.Go(func() { s.broker(far) })
	s.running.Go(func() {
		buf := make([]byte, 4096)
		for {
			n, err := near.Read(buf)
			if err != nil || ws.WriteMessage(websocket.BinaryMessage, buf[:n]) != nil {
				_ = ws.Close()
				return
			}
		}
	})
	for {
		_, p, err := ws.ReadMessage()
		if err != nil {
			break
		}
		if _, err := near.Write(p); err != nil {
			break
		}
	}
	_ = ws.Close()
	_ = near.Close()
	return true
}

// oneConn is a listener with one connection.
type oneConn struct {
	conn net.Conn
	addr net.Addr
	done chan struct{}
}

func (l *oneConn) Accept() (net.Conn, error) {
	if conn := l.conn; conn != nil {
		l.conn = nil
		return conn, nil
	}
	<-l.done
	return nil, net.ErrClosed
}
func (l *oneConn) Close() error   { return nil }
func (l *oneConn) Addr() net.Addr { return l.addr }

// here makes a connection to the made-up account end at the service, which its roots trust.
func (s *service) here(d *direct.Options) {
	d.RootCAs = append(d.RootCAs, direct.Bytes(s.ca.pem))
	d.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		s.mu.Lock()
		s.sockets = append(s.sockets, address)
		to := s.addr
		s.mu.Unlock()
		return new(net.Dialer).DialContext(ctx, network, to)
	}
}

func (s *service) options(o *awsiot.Options) { o.Direct = s.here }

// client starts a client, whose attempts follow each other without much waiting.
func (s *service) client(endpoint mqtt.Endpoint, edit ...func(*mqtt.Config)) *mqtt.Client {
	s.t.Helper()
	cfg := mqtt.Config{Endpoint: endpoint, ClientID: "pump-7"}
	for _, f := range edit {
		f(&cfg)
	}
	cfg = awsiot.Defaults(cfg)
	cfg.Reconnect = mqtt.Backoff{Min: time.Millisecond, Max: 5 * time.Millisecond}
	client, err := mqtt.New(cfg)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() {
		_ = client.Close()
		<-client.Done()
	})
	if err := client.Start(); err != nil {
		s.t.Fatal(err)
	}
	return client
}

// failures collects what fails.
type failures chan error

func newFailures() failures { return make(failures, 100) }

func (f failures) trace(c *mqtt.Config) {
	c.Trace = &mqtt.Trace{
		ConnectFailed: func(err *mqtt.ConnectError, _ time.Duration) { f.put(err) },
		Disconnected:  func(err error) { f.put(err) },
	}
}

func (f failures) put(err error) {
	select {
	case f <- err:
	default:
	}
}

// refusal waits for a failure and wants its cause.
func (f failures) refusal(t *testing.T, cause awsiot.Cause) *awsiot.Refusal {
	t.Helper()
	select {
	case err := <-f:
		r, ok := errors.AsType[*awsiot.Refusal](err)
		if !ok || r.Cause != cause {
			t.Fatalf("got %v, want a refusal for %q", err, cause)
		}
		return r
	case <-time.After(limit):
		t.Fatal("nothing failed")
	}
	return nil
}
