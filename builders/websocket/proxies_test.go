package mqttws_test

import (
	"bufio"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/gneiss-mqtt/gneiss-go/builders/direct"
	mqttws "github.com/gneiss-mqtt/gneiss-go/builders/websocket"
)

// proxy is an HTTP proxy that knows CONNECT, or a SOCKS5 proxy without authentication.
type proxy struct {
	mu    sync.Mutex
	asked []string
}

func (p *proxy) note(address string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked = append(p.asked, address)
}

func (p *proxy) requests() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.asked)
}

// splice copies both ways until one side ends.
func splice(a net.Conn, fromA io.Reader, b net.Conn) {
	var both sync.WaitGroup
	both.Go(func() {
		_, _ = io.Copy(b, fromA)
		_ = b.Close()
	})
	_, _ = io.Copy(a, b)
	_ = a.Close()
	both.Wait()
}

func (p *proxy) http(conn net.Conn) {
	r := bufio.NewReader(conn)
	request, err := http.ReadRequest(r)
	if err != nil || request.Method != http.MethodConnect {
		_, _ = io.WriteString(conn, "HTTP/1.1 405 Method Not Allowed\r\n\r\n")
		return
	}
	p.note(request.RequestURI)
	out, err := net.Dial("tcp", request.RequestURI)
	if err != nil {
		_, _ = io.WriteString(conn, "HTTP/1.1 502 Bad Gateway\r\n\r\n")
		return
	}
	if _, err := io.WriteString(conn, "HTTP/1.1 200 OK\r\n\r\n"); err == nil {
		splice(conn, r, out)
	}
}

// socks speaks RFC 1928 with IPv4 addresses.
func (p *proxy) socks(conn net.Conn) {
	head := make([]byte, 3) // version, one method: none
	if _, err := io.ReadFull(conn, head); err != nil || head[1] != 1 || head[2] != 0 {
		return
	}
	_, _ = conn.Write([]byte{5, 0})
	request := make([]byte, 10)
	if _, err := io.ReadFull(conn, request); err != nil || request[3] != 1 {
		return
	}
	port := int(request[8])<<8 | int(request[9])
	address := net.JoinHostPort(net.IP(request[4:8]).String(), strconv.Itoa(port))
	p.note(address)
	out, err := net.Dial("tcp", address)
	if err != nil {
		return
	}
	_, _ = conn.Write([]byte{5, 0, 0, 1, 0, 0, 0, 0, 0, 0})
	splice(conn, conn, out)
}

func TestEveryProxyCarriesBothSchemes(t *testing.T) {
	t.Parallel()
	cert := selfSigned(t)
	config := &tls.Config{Certificates: []tls.Certificate{cert}}
	servers := map[string]string{"ws": serveWS(t, echo), "wss": serveWSS(t, config, echo)}

	for _, kind := range []string{"none", "http", "https", "socks5"} {
		p := new(proxy)
		var at string
		switch kind {
		case "http":
			at = serve(t, p.http)
		case "https":
			at = serve(t, func(conn net.Conn) { p.http(tls.Server(conn, config)) })
		case "socks5":
			at = serve(t, p.socks)
		}
		through := func(o *direct.Options) {
			if kind != "none" {
				o.Proxy = direct.ProxyURL(&url.URL{Scheme: kind, Host: at})
			}
			if kind == "https" {
				o.ProxyTLS = &tls.Config{RootCAs: poolOf(cert)}
			}
		}
		for scheme, server := range servers {
			t.Run(kind+" "+scheme, func(t *testing.T) {
				opts := below(through)
				if scheme == "wss" {
					opts = below(through, trust(cert))
				}
				for range 2 {
					conn := dialURL(t, scheme+"://"+server, opts)
					exchange(t, conn)
					large := make([]byte, 200_000)
					go func() { _, _ = conn.Write(large) }()
					if _, err := io.ReadFull(conn, large); err != nil {
						t.Error(err)
					}
					_ = conn.Close()
				}
				if asked := p.requests(); kind != "none" && !slices.Equal(asked[len(asked)-2:], []string{server, server}) {
					t.Errorf("the proxy was asked for %q", asked)
				}
			})
		}
	}
}

func TestProxyThatRefuses(t *testing.T) {
	t.Parallel()
	at := serve(t, func(conn net.Conn) {
		if _, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
			_, _ = io.WriteString(conn, "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\n\r\n")
		}
	})
	err := dialError(t, short(t), "ws://broker.invalid", below(func(o *direct.Options) {
		o.Proxy = direct.ProxyURL(&url.URL{Scheme: "http", Host: at})
	}))
	if e, ok := errors.AsType[*direct.ProxyError](err); !ok || e.Status != 407 || e.Address != "broker.invalid:80" {
		t.Errorf("got %v", err)
	}
}

// A certificate for another name, or of an unknown authority, is refused before any request is sent.
func TestServerCertificateIsChecked(t *testing.T) {
	t.Parallel()
	cert := selfSigned(t)
	addr := serveWSS(t, &tls.Config{Certificates: []tls.Certificate{cert}}, func(*side) { t.Error("the request was sent") })
	for want, opts := range map[string][]func(*direct.Options){
		"unknown authority":    nil,
		"not other.example":    {trust(cert), func(o *direct.Options) { o.ServerName = "other.example" }},
		"certificate is valid": {trust(cert), func(o *direct.Options) { o.ServerName = "other.example" }},
	} {
		if err := dialError(t, short(t), "wss://"+addr, below(opts...)); !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want an error with %q", err, want)
		}
	}
	_, err := mqttws.URL("wss://"+addr, below(func(o *direct.Options) { o.ProxyTLS = new(tls.Config) }))
	if err == nil || !strings.Contains(err.Error(), "ProxyTLS needs Proxy") {
		t.Errorf("got %v", err)
	}
}
