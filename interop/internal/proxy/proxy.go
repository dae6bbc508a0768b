// Package proxy has proxies for tests: HTTP CONNECT and SOCKS5, which note where they were sent.
package proxy

import (
	"io"
	"net"
	"net/url"
	"slices"
	"sync"
	"testing"
)

// A Proxy runs until its test ends.
type Proxy struct {
	URL *url.URL

	listener net.Listener
	wg       sync.WaitGroup

	mu      sync.Mutex
	asked   []string
	open    map[net.Conn]struct{}
	stopped bool
}

// start listens on a free port of 127.0.0.1. greet answers a client, and returns the connection that it asked for.
func start(t testing.TB, scheme string, greet func(p *Proxy, client net.Conn) (net.Conn, error)) *Proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{URL: &url.URL{Scheme: scheme, Host: l.Addr().String()}, listener: l, open: map[net.Conn]struct{}{}}
	p.wg.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			p.wg.Go(func() { p.serve(client, greet) })
		}
	})
	t.Cleanup(p.stop)
	return p
}

func (p *Proxy) serve(client net.Conn, greet func(*Proxy, net.Conn) (net.Conn, error)) {
	defer client.Close()
	if !p.track(client) {
		return
	}
	defer p.untrack(client)
	server, err := greet(p, client)
	if err != nil {
		return
	}
	defer server.Close()
	if !p.track(server) {
		return
	}
	defer p.untrack(server)
	var both sync.WaitGroup
	both.Go(func() { pipe(server, client) })
	pipe(client, server)
	both.Wait()
}

// pipe copies one direction to its end.
func pipe(to, from net.Conn) {
	if _, err := io.Copy(to, from); err != nil {
		_ = to.Close()
		return
	}
	if c, ok := to.(*net.TCPConn); ok {
		_ = c.CloseWrite()
	}
}

// dial connects to where a client wants to go.
func (p *Proxy) dial(address string) (net.Conn, error) {
	p.mu.Lock()
	p.asked = append(p.asked, address)
	p.mu.Unlock()
	return net.Dial("tcp", address)
}

// Asked returns the addresses that clients wanted, in order.
func (p *Proxy) Asked() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.asked)
}

func (p *Proxy) track(c net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stopped {
		return false
	}
	p.open[c] = struct{}{}
	return true
}

func (p *Proxy) untrack(c net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.open, c)
}

func (p *Proxy) stop() {
	_ = p.listener.Close()
	p.mu.Lock()
	p.stopped = true
	for c := range p.open {
		_ = c.Close()
	}
	p.mu.Unlock()
	p.wg.Wait()
}
