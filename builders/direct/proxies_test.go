package direct_test

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"testing"
)

// An httpProxy is net/http's server with a CONNECT handler: its reading of the protocol is not ours.
type httpProxy struct {
	*httptest.Server
	auth string // wanted in Proxy-Authorization

	mu    sync.Mutex
	asked []string
}

func newProxy(t *testing.T) *httpProxy {
	t.Helper()
	p := new(httpProxy)
	p.Server = httptest.NewUnstartedServer(p)
	p.Start()
	t.Cleanup(p.Close)
	return p
}

func (p *httpProxy) url(scheme string) *url.URL {
	return &url.URL{Scheme: scheme, Host: p.Listener.Addr().String()}
}

func (p *httpProxy) requests() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.asked
}

func (p *httpProxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	p.asked = append(p.asked, r.Method+" "+r.RequestURI+" host "+r.Host)
	p.mu.Unlock()
	switch {
	case r.Method != http.MethodConnect:
		http.Error(w, "only CONNECT", http.StatusMethodNotAllowed)
		return
	case p.auth != "" && r.Header.Get("Proxy-Authorization") != p.auth:
		w.Header().Set("Proxy-Authenticate", `Basic realm="test"`)
		http.Error(w, "who are you", http.StatusProxyAuthRequired)
		return
	}
	out, err := net.Dial("tcp", r.RequestURI)
	if err != nil {
		http.Error(w, "cannot reach it", http.StatusBadGateway)
		return
	}
	defer out.Close()
	in, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer in.Close()
	if _, err := io.WriteString(in, "HTTP/1.1 200 Connection established\r\nVia: test\r\n\r\n"); err == nil {
		splice(in, out)
	}
}

// splice copies both ways until one side ends.
func splice(a, b net.Conn) {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = io.Copy(a, b)
		_ = a.Close()
	}()
	_, _ = io.Copy(b, a)
	_ = b.Close()
	<-ended
}

// A socksProxy speaks SOCKS version 5 (RFC 1928), with user name and password (RFC 1929) when it has a user.
type socksProxy struct {
	addr, user, password string
	resolve              map[string]string // name:port to address

	mu    sync.Mutex
	asked []string
}

func newSOCKS(t *testing.T) *socksProxy {
	t.Helper()
	p := &socksProxy{resolve: make(map[string]string)}
	p.addr = serve(t, "tcp", "127.0.0.1:0", func(conn net.Conn) {
		if out, err := p.greet(conn); err == nil {
			splice(conn, out)
		}
	}).String()
	return p
}

func (p *socksProxy) url() *url.URL { return &url.URL{Scheme: "socks5", Host: p.addr} }

func (p *socksProxy) requests() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.asked
}

var errSOCKS = errors.New("refused")

func (p *socksProxy) greet(conn net.Conn) (net.Conn, error) {
	methods, err := counted(conn, 1)
	if err != nil {
		return nil, err
	}
	method := byte(0)
	if p.user != "" {
		method = 2
	}
	if !slices.Contains(methods, method) {
		_, _ = conn.Write([]byte{5, 0xFF})
		return nil, errSOCKS
	}
	if _, err := conn.Write([]byte{5, method}); err != nil {
		return nil, err
	}
	if method == 2 {
		user, err := counted(conn, 1)
		if err != nil {
			return nil, err
		}
		password, err := counted(conn, 0)
		if err != nil {
			return nil, err
		}
		if string(user) != p.user || string(password) != p.password {
			_, _ = conn.Write([]byte{1, 1})
			return nil, errSOCKS
		}
		if _, err := conn.Write([]byte{1, 0}); err != nil {
			return nil, err
		}
	}
	return p.connect(conn)
}

func (p *socksProxy) connect(conn net.Conn) (net.Conn, error) {
	head := make([]byte, 4)
	if _, err := io.ReadFull(conn, head); err != nil {
		return nil, err
	}
	var host string
	switch head[3] {
	case 1, 4:
		ip := make([]byte, map[byte]int{1: 4, 4: 16}[head[3]])
		if _, err := io.ReadFull(conn, ip); err != nil {
			return nil, err
		}
		host = net.IP(ip).String()
	case 3:
		name, err := counted(conn, 0)
		if err != nil {
			return nil, err
		}
		host = string(name)
	}
	port := make([]byte, 2)
	if _, err := io.ReadFull(conn, port); err != nil {
		return nil, err
	}
	target := net.JoinHostPort(host, strconv.Itoa(int(binary.BigEndian.Uint16(port))))
	p.mu.Lock()
	p.asked = append(p.asked, target)
	p.mu.Unlock()
	if to, ok := p.resolve[target]; ok {
		target = to
	}
	out, err := net.Dial("tcp", target)
	if err != nil {
		_, _ = conn.Write([]byte{5, 5, 0, 1, 0, 0, 0, 0, 0, 0})
		return nil, err
	}
	_, err = conn.Write([]byte{5, 0, 0, 1, 0, 0, 0, 0, 0, 0})
	return out, err
}

// counted reads skip bytes, a length and as many bytes.
func counted(r io.Reader, skip int) ([]byte, error) {
	head := make([]byte, skip+1)
	if _, err := io.ReadFull(r, head); err != nil {
		return nil, err
	}
	data := make([]byte, head[skip])
	_, err := io.ReadFull(r, data)
	return data, err
}
