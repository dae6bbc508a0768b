package direct

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strconv"
	"strings"

	"golang.org/x/net/http/httpproxy"
	"golang.org/x/net/proxy"
)

// ProxyURL always chooses the proxy at u, for Options.Proxy. Its scheme is http or https for a proxy that understands
// the CONNECT method, or socks5 (also socks5h) for SOCKS version 5. In either case the proxy resolves the broker's
// name. User name and password are taken from the URL.
func ProxyURL(u *url.URL) func(context.Context, string) (*url.URL, error) {
	var fixed *url.URL
	if u != nil {
		fixed = new(*u)
	}
	return func(context.Context, string) (*url.URL, error) { return fixed, nil }
}

// ProxyFromEnvironment chooses the proxy that HTTPS_PROXY names, or else ALL_PROXY, unless NO_PROXY excepts the broker;
// the names may be in lower case. The environment is read at every attempt. As elsewhere, a broker on the machine
// itself is never reached through a proxy.
func ProxyFromEnvironment(_ context.Context, address string) (*url.URL, error) {
	config := httpproxy.FromEnvironment()
	broker := &url.URL{Scheme: "https", Host: address} // a tunnel, whatever runs in it
	chosen, err := config.ProxyFunc()(broker)
	if err == nil && chosen == nil && config.HTTPSProxy == "" {
		config.HTTPSProxy = os.Getenv("ALL_PROXY")
		if config.HTTPSProxy == "" {
			config.HTTPSProxy = os.Getenv("all_proxy")
		}
		chosen, err = config.ProxyFunc()(broker)
	}
	if err != nil {
		return nil, errors.New("the environment names no usable proxy") // the cause would quote its password
	}
	return chosen, nil
}

var proxyPorts = map[string]int{"http": 80, "https": 443, "socks5": 1080, "socks5h": 1080}

// dialProxy connects to address through the proxy at u.
func (d *Dialer) dialProxy(ctx context.Context, u *url.URL, network, address string) (net.Conn, error) {
	scheme := strings.ToLower(u.Scheme)
	defaultPort, ok := proxyPorts[scheme]
	if !ok {
		return nil, fmt.Errorf("direct: proxy: scheme %q is none of http, https, socks5", scheme)
	}
	host, port, err := splitAddress(u.Host, defaultPort)
	if err != nil {
		return nil, fmt.Errorf("direct: proxy: %w", err)
	}
	at := joinAddress(host, port)
	if strings.HasPrefix(scheme, "socks") {
		return d.dialSOCKS(ctx, at, u.User, network, address)
	}

	conn, err := d.dialFirst(ctx, network, at)
	if err != nil {
		return nil, fmt.Errorf("direct: proxy %s: %w", at, err)
	}
	if scheme == "https" {
		config := new(tls.Config)
		if d.opts.ProxyTLS != nil {
			config = d.opts.ProxyTLS.Clone()
		}
		if config.ServerName == "" {
			config.ServerName = nameOf(host)
		}
		if conn, err = handshake(ctx, conn, config, "proxy "+at); err != nil {
			return nil, err
		}
	}
	return tunnel(ctx, conn, at, u.User, address)
}

func (d *Dialer) dialSOCKS(ctx context.Context, at string, user *url.Userinfo, network, address string) (net.Conn, error) {
	var auth *proxy.Auth
	if user != nil {
		password, _ := user.Password()
		auth = &proxy.Auth{User: user.Username(), Password: password}
	}
	dialer, err := proxy.SOCKS5(network, at, auth, forward{d})
	if err != nil {
		return nil, fmt.Errorf("direct: proxy %s: %w", at, err)
	}
	conn, err := dialer.(proxy.ContextDialer).DialContext(ctx, network, address)
	if err != nil {
		return nil, fmt.Errorf("direct: proxy %s: %w", at, ended(ctx, err))
	}
	return conn, nil
}

// forward dials the proxy itself.
type forward struct{ d *Dialer }

func (f forward) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	return f.d.dialFirst(ctx, network, address)
}

// Dial is there for proxy.Dialer; DialContext is what gets called.
func (f forward) Dial(network, address string) (net.Conn, error) {
	return f.DialContext(context.Background(), network, address)
}

// A ProxyError is the answer of an HTTP proxy that refuses to connect.
type ProxyError struct {
	Proxy        string   // host:port
	Address      string   // the broker's host:port
	Status       int      // of HTTP, such as 403 or 407
	Reason       string   // the text behind the status
	Authenticate []string // how the proxy wants to be authenticated to, with status 407
	Body         string   // the beginning of what follows; often HTML
}

// Error tells the proxy's answer.
func (e *ProxyError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "direct: proxy %s refuses to connect to %s: %d", e.Proxy, e.Address, e.Status)
	if e.Reason != "" {
		b.WriteString(" " + printable(e.Reason))
	}
	if len(e.Authenticate) > 0 {
		b.WriteString(", it asks for " + printable(strings.Join(e.Authenticate, ", ")))
	}
	if e.Body != "" && !strings.HasPrefix(e.Body, "<") {
		b.WriteString(": " + printable(e.Body))
	}
	return b.String()
}

// printable quotes text that has more than printable characters: it came from outside.
func printable(s string) string {
	quoted := strconv.Quote(s)
	if plain := quoted[1 : len(quoted)-1]; strings.ReplaceAll(plain, `\"`, `"`) == s {
		return s
	}
	return quoted
}
