package direct_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"io"
	"log"
	"net"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/gneiss-mqtt/gneiss-go/builders/direct"
)

func through(u *url.URL) func(*direct.Options) {
	return func(o *direct.Options) { o.Proxy = direct.ProxyURL(u) }
}

func TestEveryProxyCarriesEveryTransport(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	client := ca.issue(t, "device")
	plain := serve(t, "tcp", "127.0.0.1:0", echo).String()
	secure, _ := mutual(t, ca)
	mutualOpts := func(o *direct.Options) { trust(ca)(o); o.Certificate = &client.tls }

	overHTTP, socks := newProxy(t), newSOCKS(t)
	overTLS := new(httpProxy)
	overTLS.Server = httptest.NewUnstartedServer(overTLS)
	overTLS.StartTLS()
	t.Cleanup(overTLS.Close)
	proxyRoots := x509.NewCertPool()
	proxyRoots.AddCert(overTLS.Certificate())

	for name, opts := range map[string]func(*direct.Options){
		"http": through(overHTTP.url("http")),
		"https": func(o *direct.Options) {
			through(overTLS.url("https"))(o)
			o.ProxyTLS = &tls.Config{RootCAs: proxyRoots}
		},
		"socks5":  through(socks.url()),
		"socks5h": through(&url.URL{Scheme: "socks5h", Host: socks.addr}),
	} {
		t.Run(name, func(t *testing.T) {
			endpoint, err := direct.TCP(plain, opts)
			talk(t, endpoint, err)
			endpoint, err = direct.TLS(secure, opts, mutualOpts)
			talk(t, endpoint, err)
		})
	}
	want := []string{"CONNECT " + plain + " host " + plain, "CONNECT " + secure + " host " + secure}
	for name, p := range map[string]*httpProxy{"http": overHTTP, "https": overTLS} {
		if got := p.requests(); !slices.Equal(got, want) {
			t.Errorf("the %s proxy was asked for %q, want %q", name, got, want)
		}
	}
	if got := socks.requests(); !slices.Equal(got, []string{plain, secure, plain, secure}) {
		t.Errorf("the SOCKS proxy was asked for %q", got)
	}
}

func TestProxyResolvesTheName(t *testing.T) {
	t.Parallel()
	socks := newSOCKS(t)
	socks.resolve["broker.invalid:1883"] = serve(t, "tcp", "127.0.0.1:0", echo).String()
	endpoint, err := direct.TCP("broker.invalid", through(socks.url()))
	talk(t, endpoint, err)
}

func TestProxyAuthentication(t *testing.T) {
	t.Parallel()
	const secret = "pass: wörd/do-not-print-me"
	broker := serve(t, "tcp", "127.0.0.1:0", echo).String()
	overHTTP, socks := newProxy(t), newSOCKS(t)
	overHTTP.auth = "Basic " + base64.StdEncoding.EncodeToString([]byte("device:"+secret))
	socks.user, socks.password = "device", secret

	for name, u := range map[string]*url.URL{"http": overHTTP.url("http"), "socks5": socks.url()} {
		u.User = url.UserPassword("device", secret)
		endpoint, err := direct.TCP(broker, through(u))
		talk(t, endpoint, err)

		for _, user := range []*url.Userinfo{nil, url.User("device"), url.UserPassword("device", secret+"x")} {
			u := new(*u)
			u.User = user
			endpoint, err := direct.TCP(broker, through(u))
			err = dialError(t, short(t), endpoint, err)
			wantError(t, err, "proxy "+u.Host)
			if strings.Contains(err.Error(), "print-me") {
				t.Errorf("%s: the error tells the password: %v", name, err)
			}
			if refusal, ok := errors.AsType[*direct.ProxyError](err); name == "http" &&
				(!ok || refusal.Status != 407 || len(refusal.Authenticate) != 1) {
				t.Errorf("the refusal is %v", err)
			}
		}
	}
}

func TestProxyCannotReachTheBroker(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gone := l.Addr().String()
	_ = l.Close()

	endpoint, err := direct.TCP(gone, through(newProxy(t).url("http")))
	wantError(t, dialError(t, short(t), endpoint, err), "refuses to connect to "+gone+": 502 Bad Gateway: cannot reach it")
	endpoint, err = direct.TCP(gone, through(newSOCKS(t).url()))
	wantError(t, dialError(t, short(t), endpoint, err), "connection refused")
	endpoint, err = direct.TCP("broker.invalid", through(&url.URL{Scheme: "http", Host: gone}))
	wantError(t, dialError(t, short(t), endpoint, err), "proxy "+gone)
}

func TestProxyIsChosenAtEveryAttempt(t *testing.T) {
	t.Parallel()
	broker := serve(t, "tcp", "127.0.0.1:0", echo).String()
	overHTTP := newProxy(t)
	var asked []string
	var chosen *url.URL
	failed := errors.New("no wish today")
	var failure error
	endpoint, err := direct.TCP(broker, func(o *direct.Options) {
		o.Proxy = func(_ context.Context, address string) (*url.URL, error) {
			asked = append(asked, address)
			return chosen, failure
		}
	})
	talk(t, endpoint, err)
	chosen = overHTTP.url("http")
	talk(t, endpoint, err)
	failure = failed
	wantIs(t, dialError(t, short(t), endpoint, nil), failed)
	if !slices.Equal(asked, []string{broker, broker, broker}) || len(overHTTP.requests()) != 1 {
		t.Errorf("asked for %q, proxy saw %q", asked, overHTTP.requests())
	}
}

func TestProxyURLIsJudged(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"ftp://proxy":            `scheme "ftp" is none of`,
		"http://":                "has no host",
		"http://proxy:0":         "from 1 to 65535",
		"socks5://proxy:x@:1080": "has no host",
	} {
		u, err := url.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		endpoint, err := direct.TCP("broker.invalid", through(u))
		wantError(t, dialError(t, short(t), endpoint, err), want)
	}
	endpoint, err := direct.TCP("broker.invalid", through(nil), func(o *direct.Options) {
		o.DialContext = func(context.Context, string, string) (net.Conn, error) { return nil, errors.New("straight") }
	})
	wantError(t, dialError(t, short(t), endpoint, err), "straight")
}

func TestUntrustedProxy(t *testing.T) {
	t.Parallel()
	p := new(httpProxy)
	p.Server = httptest.NewUnstartedServer(p)
	p.Config.ErrorLog = log.New(io.Discard, "", 0)
	p.StartTLS()
	t.Cleanup(p.Close)
	roots := x509.NewCertPool()
	roots.AddCert(p.Certificate())
	// Roots for the broker say nothing about the proxy.
	endpoint, err := direct.TLS("broker.invalid", through(p.url("https")), func(o *direct.Options) { o.TLS = &tls.Config{RootCAs: roots} })
	err = dialError(t, short(t), endpoint, err)
	wantError(t, err, "TLS handshake with proxy ")
	if !is[x509.UnknownAuthorityError](err) {
		t.Error(err)
	}
}

func TestUnixRefusesWhatItCannotHonour(t *testing.T) {
	t.Parallel()
	for _, opts := range []func(*direct.Options){
		through(&url.URL{Scheme: "http", Host: "proxy"}),
		func(o *direct.Options) { o.KeepAlive = 1 },
		func(o *direct.Options) { o.Nagle = true },
	} {
		_, err := direct.Unix("/run/mqtt.sock", opts)
		wantError(t, err, "not for unix sockets")
	}
	for _, path := range []string{"", "a\x00b"} {
		_, err := direct.Unix(path)
		wantError(t, err, "direct: a unix socket needs a path")
	}
}

func TestProxyFromEnvironment(t *testing.T) {
	for _, c := range []struct {
		env  map[string]string
		want string
	}{
		{nil, ""},
		{map[string]string{"HTTPS_PROXY": "http://a:3128"}, "http://a:3128"},
		{map[string]string{"https_proxy": "http://b:3128"}, "http://b:3128"},
		{map[string]string{"HTTPS_PROXY": "a:3128"}, "http://a:3128"},
		{map[string]string{"HTTP_PROXY": "http://a:3128"}, ""},
		{map[string]string{"ALL_PROXY": "socks5://c:1080"}, "socks5://c:1080"},
		{map[string]string{"all_proxy": "socks5://d:1080"}, "socks5://d:1080"},
		{map[string]string{"HTTPS_PROXY": "http://a:3128", "ALL_PROXY": "socks5://c:1080"}, "http://a:3128"},
		{map[string]string{"HTTPS_PROXY": "http://a:3128", "NO_PROXY": ".example.org"}, ""},
		{map[string]string{"ALL_PROXY": "socks5://c:1080", "NO_PROXY": ".example.org"}, ""},
		{map[string]string{"HTTPS_PROXY": "http://a:3128", "NO_PROXY": "broker.example.org:1883"}, "http://a:3128"},
		{map[string]string{"HTTPS_PROXY": "http://u:p@a:3128", "NO_PROXY": "other.org"}, "http://u:p@a:3128"},
	} {
		for _, name := range []string{"HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "NO_PROXY", "no_proxy"} {
			t.Setenv(name, c.env[name])
		}
		got, err := direct.ProxyFromEnvironment(t.Context(), "broker.example.org:8883")
		text := ""
		if got != nil {
			text = got.String()
		}
		if err != nil || text != c.want {
			t.Errorf("%v: got %q, %v; want %q", c.env, text, err, c.want)
		}
		if got, err := direct.ProxyFromEnvironment(t.Context(), "127.0.0.1:8883"); got != nil || err != nil {
			t.Errorf("%v: a broker on this machine through %v, %v", c.env, got, err)
		}
	}
}
