package emulator

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/emulator/broker"
)

// web serves HTTP on connections that the listeners have accepted. It lives as long as they do.
type web struct {
	conns  chan net.Conn
	over   chan struct{}
	once   sync.Once
	server *http.Server
}

// visitor keeps it from the HTTP server that a connection is TLS: it would close one whose ALPN it does not know, and
// x-amzn-http-ca is one. What TLS and the listener have found out goes with the context.
type visitor struct {
	net.Conn
	info  broker.ConnInfo
	state *tls.ConnectionState // nil without TLS
}

type visitorKey struct{}

func visitorOf(r *http.Request) visitor {
	v, _ := r.Context().Value(visitorKey{}).(visitor)
	return v
}

// The limits of HTTP requests.
const (
	headerTime  = 10 * time.Second
	requestTime = 60 * time.Second
	headerBytes = 32 << 10
	bodyBytes   = 1 << 20
)

// startWeb begins to serve HTTP. It is called with mu held, or before anybody knows the server.
func (s *Server) startWeb() {
	w := &web{conns: make(chan net.Conn), over: make(chan struct{})}
	w.server = &http.Server{
		Handler: s.counted(s.routes()), ReadHeaderTimeout: headerTime, IdleTimeout: requestTime, MaxHeaderBytes: headerBytes,
		ConnContext: func(ctx context.Context, conn net.Conn) context.Context {
			return context.WithValue(ctx, visitorKey{}, conn)
		},
		ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelInfo),
	}
	s.web = w
	s.wg.Go(func() {
		if err := w.server.Serve(w); !errors.Is(err, http.ErrServerClosed) {
			s.log.Warn("serving HTTP failed", "error", err)
		}
	})
}

// stopWeb ends it. Requests that are being answered lose their connections; WebSockets are the broker's to end.
func (s *Server) stopWeb() {
	if w := s.web; w != nil {
		_ = w.server.Close()
		_ = w.Close() // in case it has not begun to serve
	}
}

// push hands a connection over.
func (w *web) push(conn net.Conn) {
	select {
	case w.conns <- conn:
	case <-w.over:
		_ = conn.Close()
	}
}

// Accept, Close and Addr make the web a listener for its server.
func (w *web) Accept() (net.Conn, error) {
	select {
	case conn := <-w.conns:
		return conn, nil
	case <-w.over:
		return nil, net.ErrClosed
	}
}

// Close ends Accept.
func (w *web) Close() error {
	w.once.Do(func() { close(w.over) })
	return nil
}

// Addr has nothing to say: the connections come from several listeners.
func (w *web) Addr() net.Addr { return &net.TCPAddr{} }

// counted makes closing the server wait for the requests that are being answered, and bounds their bodies.
func (s *Server) counted(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		if !s.running {
			s.mu.Unlock()
			http.Error(w, "the server is not running", http.StatusServiceUnavailable)
			return
		}
		s.wg.Add(1)
		s.mu.Unlock()
		defer s.wg.Done()
		r.TLS = visitorOf(r).state
		r.Body = http.MaxBytesReader(w, r.Body, bodyBytes)
		h.ServeHTTP(w, r)
	})
}

// routes returns what is served by HTTP: with the generic profile WebSockets alone.
func (s *Server) routes() http.Handler {
	if s.cloud == nil {
		return http.HandlerFunc(s.upgradeAnyone)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /mqtt", s.upgrade)
	mux.HandleFunc("GET /role-aliases/{alias}/credentials", s.provide)
	mux.Handle("/", s.authenticated(s.cloud.handler))
	return mux
}
