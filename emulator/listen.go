package emulator

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/emulator/broker"
)

// listener is one address the server accepts connections on, and where to find it again after a restart.
type listener struct {
	net.Listener
	name   string // tcp, tls, mqtts, http, ws, wss, mem and mem-...
	listen func() (net.Listener, error)
	tls    *tls.Config
}

// handshakeTime bounds a TLS handshake.
const handshakeTime = 10 * time.Second

// listenAll opens the listeners of the options. On an error none stays open.
func (s *Server) listenAll() error {
	o := &s.opts
	var lc net.ListenConfig
	tcp := func(addr string) func() (net.Listener, error) {
		return func() (net.Listener, error) { return lc.Listen(context.Background(), "tcp", addr) }
	}
	var want []*listener
	if o.Addr != "" {
		want = append(want, &listener{name: "tcp", listen: tcp(o.Addr)})
	}
	front, device, err := s.listenerTLS()
	if err != nil {
		return err
	}
	if o.TLSAddr != "" {
		want = append(want, &listener{name: "tls", listen: tcp(o.TLSAddr), tls: front})
	}
	if o.HTTPAddr != "" {
		want = append(want, &listener{name: "http", listen: tcp(o.HTTPAddr)})
	}
	if o.MQTTSAddr != "" {
		want = append(want, &listener{name: "mqtts", listen: tcp(o.MQTTSAddr), tls: device})
	}
	if o.WSAddr != "" {
		want = append(want, &listener{name: "ws", listen: tcp(o.WSAddr)})
	}
	if o.WSSAddr != "" {
		want = append(want, &listener{name: "wss", listen: tcp(o.WSSAddr), tls: forHTTP(front)})
	}
	for _, addr := range []string{o.Addr, o.TLSAddr, o.MQTTSAddr, o.HTTPAddr, o.WSAddr, o.WSSAddr} {
		if addr == "" {
			continue
		}
		if err := checkLoopback(addr, o.AllowRemote); err != nil {
			return err
		}
	}
	if o.Mem != nil {
		mem := func(name, port string, config *tls.Config) {
			listen := func() (net.Listener, error) { return o.Mem.Listen(o.MemAddr + port) }
			want = append(want, &listener{name: name, listen: listen, tls: config})
		}
		mem("mem", "", nil)
		if s.cloud != nil {
			mem("mem-tls", ":443", front)
			mem("mem-mqtts", ":8883", device)
			mem("mem-http", ":80", nil)
		} else {
			mem("mem-ws", ":80", nil)
		}
	}
	for _, l := range want {
		opened, err := l.listen()
		if err != nil {
			_ = s.closeListeners()
			return fmt.Errorf("emulator: %w", err)
		}
		l.Listener = opened
		if !strings.HasPrefix(l.name, "mem") { // a restart takes the same port
			l.listen = tcp(opened.Addr().String())
		}
		s.listeners = append(s.listeners, l)
	}
	return nil
}

func (s *Server) serveAll() {
	if s.cloud != nil {
		s.cloud.begin()
	}
	if s.cloud != nil || slices.ContainsFunc(s.listeners, (*listener).http) {
		s.startWeb()
	}
	for _, l := range s.listeners {
		s.wg.Go(func() { s.accept(l) })
	}
}

// accept serves connections until the listener is closed.
func (s *Server) accept(l *listener) {
	opened := l.Listener
	for {
		conn, err := opened.Accept()
		if err != nil {
			if errors.Is(err, net.ErrClosed) {
				return
			}
			s.log.Warn("accept failed", "listener", l.name, "error", err)
			time.Sleep(10 * time.Millisecond) // out of file descriptors, most likely
			continue
		}
		s.wg.Go(func() { s.handshake(l, conn) })
	}
}

// http reports whether what the listener accepts is HTTP. With the AWS profile, that of the TLS listener may be, too.
func (l *listener) http() bool {
	switch l.name {
	case "http", "mem-http", "ws", "mem-ws", "wss":
		return true
	}
	return false
}

// handshake finishes TLS, then serves the connection.
func (s *Server) handshake(l *listener, conn net.Conn) {
	info := broker.ConnInfo{Listener: l.name, Remote: conn.RemoteAddr().String()}
	var found *tls.ConnectionState
	if l.tls != nil {
		secure := tls.Server(conn, l.tls)
		if !s.track(conn) {
			return
		}
		ctx, cancel := context.WithTimeout(context.Background(), handshakeTime)
		err := secure.HandshakeContext(ctx)
		cancel()
		s.untrack(conn)
		if err != nil {
			s.log.Info("TLS handshake failed", "remote", info.Remote, "error", err)
			_ = conn.Close()
			return
		}
		state := secure.ConnectionState()
		info.ServerName, info.Protocol = state.ServerName, state.NegotiatedProtocol
		info.Certificates = peerChain(&state)
		conn, found = secure, &state
		if s.cloud != nil {
			s.enter(l, secure, &state, info)
			return
		}
	}
	if l.http() {
		s.web.push(visitor{conn, info, found})
		return
	}
	if s.cloud != nil {
		info.Context = anonymous(info.Remote)
	}
	_ = s.serve(conn, info)
}

// track remembers a connection in its handshake, so that closing the server ends it.
func (s *Server) track(conn net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.running {
		_ = conn.Close()
		return false
	}
	s.handshakes[conn] = struct{}{}
	return true
}

func (s *Server) untrack(conn net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.handshakes, conn)
}

func peerChain(state *tls.ConnectionState) []*x509.Certificate {
	if len(state.VerifiedChains) == 0 {
		return nil
	}
	return state.VerifiedChains[0]
}

// ServeConn hands a connection that was accepted elsewhere to the broker, and returns when it is over. It is how other
// transports are put in front: info says what is known of the peer. With the AWS profile it is not asked who it is.
func (s *Server) ServeConn(conn net.Conn, info broker.ConnInfo) error {
	if s.cloud != nil {
		info.Context = anonymous(info.Remote)
	}
	return s.serveCounted(conn, info)
}

// serveCounted serves a connection on somebody else's goroutine, for which closing the server waits.
func (s *Server) serveCounted(conn net.Conn, info broker.ConnInfo) error {
	s.mu.Lock()
	if !s.running {
		s.mu.Unlock()
		_ = conn.Close()
		return ErrClosed
	}
	s.wg.Add(1)
	s.mu.Unlock()
	defer s.wg.Done()
	return s.serve(conn, info)
}

// Addr returns the address of the first TCP listener, "127.0.0.1:1883" for instance, or an empty string.
func (s *Server) Addr() string { return s.addr("tcp") }

// TLSAddr returns the address of the TLS listener, or an empty string.
func (s *Server) TLSAddr() string { return s.addr("tls") }

func (s *Server) addr(name string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.listeners {
		if l.name == name {
			return l.Addr().String()
		}
	}
	return ""
}

// MQTTSAddr returns the address of the listener for MQTT with a device certificate, or an empty string.
func (s *Server) MQTTSAddr() string { return s.addr("mqtts") }

// HTTPAddr returns the address of the listener for HTTP without TLS, or an empty string.
func (s *Server) HTTPAddr() string { return s.addr("http") }

// WSAddr returns the address of the listener for WebSockets without TLS, or an empty string.
func (s *Server) WSAddr() string { return s.addr("ws") }

// WSSAddr returns the address of the listener for WebSockets over TLS, or an empty string.
func (s *Server) WSSAddr() string { return s.addr("wss") }

// URL returns where clients connect to: mqtt://host:port, mqtts:// where there is TLS only, or with WebSockets alone ws://
// or wss:// with a path.
func (s *Server) URL() string {
	if a := s.Addr(); a != "" {
		return "mqtt://" + a
	}
	if a := s.MQTTSAddr(); a != "" {
		return "mqtts://" + a
	}
	if a := s.TLSAddr(); a != "" {
		return "mqtts://" + a
	}
	if u := s.socketURL(); u != "" {
		return u
	}
	return "mem://" + strings.ToLower(s.opts.MemAddr)
}

// Dial connects to the server, by the in-memory network where there is one, else by TCP, TLS or a WebSocket: with a new
// device certificate where one is needed.
func (s *Server) Dial(ctx context.Context) (net.Conn, error) {
	if s.opts.Mem != nil {
		return s.opts.Mem.DialContext(ctx, "mem", s.opts.MemAddr)
	}
	var d net.Dialer
	if a := s.Addr(); a != "" {
		return d.DialContext(ctx, "tcp", a)
	}
	name, addr := "", s.TLSAddr()
	if s.cloud != nil {
		name = "dialer"
		if a := s.MQTTSAddr(); a != "" {
			addr = a
		}
	}
	if addr == "" {
		return s.dialSocket(ctx)
	}
	config, err := s.ClientTLS(name)
	if err != nil {
		return nil, err
	}
	return (&tls.Dialer{NetDialer: &d, Config: config}).DialContext(ctx, "tcp", addr)
}
