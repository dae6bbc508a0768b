package direct_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/builders/direct"
)

// trust trusts one authority and nobody else.
func trust(ca *authority) func(*direct.Options) {
	return func(o *direct.Options) {
		o.RootCAs, o.OnlyRootCAs = []direct.PEM{direct.Bytes(ca.pem)}, true
	}
}

func TestServerCertificateIsJudged(t *testing.T) {
	t.Parallel()
	ca, stranger := newAuthority(t), newAuthority(t)
	wrongName := func(c *x509.Certificate) { c.DNSNames, c.IPAddresses = []string{"elsewhere.example.org"}, nil }
	expired := func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }
	early := func(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Minute) }

	for name, c := range map[string]struct {
		server credential
		opts   func(*direct.Options)
		want   func(error) bool
	}{
		"wrong authority": {ca.issue(t, "broker"), trust(stranger), is[x509.UnknownAuthorityError]},
		"system roots":    {ca.issue(t, "broker"), nil, is[x509.UnknownAuthorityError]},
		"wrong name":      {ca.issue(t, "broker", wrongName), trust(ca), is[x509.HostnameError]},
		"expired":         {ca.issue(t, "broker", expired), trust(ca), isInvalid(x509.Expired)},
		"not yet valid":   {ca.issue(t, "broker", early), trust(ca), isInvalid(x509.Expired)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			addr := serveTLS(t, &tls.Config{Certificates: []tls.Certificate{c.server.tls}}, echoTLS)
			endpoint, err := direct.TLS(addr, c.opts)
			err = dialError(t, short(t), endpoint, err)
			if !c.want(err) {
				t.Errorf("another error than wanted: %v", err)
			}
			wantError(t, err, "TLS handshake with "+addr)
		})
	}
}

func is[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}

func isInvalid(reason x509.InvalidReason) func(error) bool {
	return func(err error) bool {
		invalid, ok := errors.AsType[x509.CertificateInvalidError](err)
		return ok && invalid.Reason == reason
	}
}

func TestServerName(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	server := ca.issue(t, "broker", func(c *x509.Certificate) {
		c.DNSNames, c.IPAddresses = []string{"broker.example.org"}, nil
	})
	sent := make(chan string, 8)
	addr := serveTLS(t, &tls.Config{
		Certificates: []tls.Certificate{server.tls},
		GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			sent <- hello.ServerName
			return nil, nil
		},
	}, echoTLS)

	for name, opts := range map[string]func(*direct.Options){
		"option":     func(o *direct.Options) { o.ServerName = "broker.example.org" },
		"TLS config": func(o *direct.Options) { o.TLS = &tls.Config{ServerName: "broker.example.org"} },
		"both": func(o *direct.Options) {
			o.ServerName, o.TLS = "broker.example.org", &tls.Config{ServerName: "other.example.org"}
		},
	} {
		endpoint, err := direct.TLS(addr, trust(ca), opts)
		talk(t, endpoint, err)
		if got := <-sent; got != "broker.example.org" {
			t.Errorf("%s: SNI is %q", name, got)
		}
	}
}

func TestServerNameOfAnAddressWithZone(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	addr := serveTLS(t, &tls.Config{Certificates: []tls.Certificate{ca.issue(t, "broker").tls}}, echoTLS)
	endpoint, err := direct.TLS("[::1%lo]", trust(ca), redirect(addr))
	talk(t, endpoint, err)
}

func TestALPN(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	addr := serveTLS(t, &tls.Config{
		Certificates: []tls.Certificate{ca.issue(t, "broker").tls},
		NextProtos:   []string{"x-amzn-mqtt-ca"},
	}, echoTLS)

	endpoint, err := direct.TLS(addr, trust(ca), func(o *direct.Options) { o.NextProtos = []string{"mqtt", "x-amzn-mqtt-ca"} })
	conn := talk(t, endpoint, err).(*tls.Conn)
	if got := conn.ConnectionState().NegotiatedProtocol; got != "x-amzn-mqtt-ca" {
		t.Errorf("negotiated %q", got)
	}
	endpoint, err = direct.TLS(addr, trust(ca), func(o *direct.Options) { o.NextProtos = []string{"h2"} })
	wantError(t, dialError(t, short(t), endpoint, err), "no application protocol")
}

func TestRootsAddOrReplace(t *testing.T) {
	t.Parallel()
	ours, theirs := newAuthority(t), newAuthority(t)
	config := func(ca *authority) *tls.Config {
		return &tls.Config{Certificates: []tls.Certificate{ca.issue(t, "broker").tls}}
	}
	byUs, byThem := serveTLS(t, config(ours), echoTLS), serveTLS(t, config(theirs), echoTLS)

	base := &tls.Config{RootCAs: theirs.pool()}
	added := func(o *direct.Options) {
		o.TLS, o.RootCAs = base, []direct.PEM{direct.File(save(t, "ca.pem", ours.pem))}
	}
	for _, addr := range []string{byUs, byThem} {
		endpoint, err := direct.TLS(addr, added)
		talk(t, endpoint, err)
	}
	replaced := func(o *direct.Options) { added(o); o.OnlyRootCAs = true }
	endpoint, err := direct.TLS(byUs, replaced)
	talk(t, endpoint, err)
	endpoint, err = direct.TLS(byThem, replaced)
	if err := dialError(t, short(t), endpoint, err); !is[x509.UnknownAuthorityError](err) {
		t.Error(err)
	}

	// The caller's configuration is left as it was.
	endpoint, err = direct.TLS(byUs, func(o *direct.Options) { o.TLS = base })
	if err := dialError(t, short(t), endpoint, err); !is[x509.UnknownAuthorityError](err) {
		t.Error(err)
	}
	if base.ServerName != "" || base.NextProtos != nil {
		t.Errorf("the TLS configuration was changed: %+v", base.ServerName)
	}
}

func TestBundleOfRoots(t *testing.T) {
	t.Parallel()
	first, second := newAuthority(t), newAuthority(t)
	bundle := append(append([]byte("# a remark\n"), first.pem...), second.pem...)
	addr := serveTLS(t, &tls.Config{Certificates: []tls.Certificate{second.issue(t, "broker").tls}}, echoTLS)
	endpoint, err := direct.TLS(addr, func(o *direct.Options) {
		o.RootCAs, o.OnlyRootCAs = []direct.PEM{direct.Bytes(bundle)}, true
	})
	talk(t, endpoint, err)
}

func TestPlainServerIsNoTLSServer(t *testing.T) {
	t.Parallel()
	addr := serve(t, "tcp", "127.0.0.1:0", func(conn net.Conn) {
		// What an MQTT broker does with the bytes of a TLS handshake: it closes.
		_, _ = io.ReadFull(conn, make([]byte, 8))
		_, _ = conn.Write([]byte{0x20, 0x02, 0x00, 0x01})
	}).String()
	endpoint, err := direct.TLS(addr)
	if err := dialError(t, short(t), endpoint, err); !is[tls.RecordHeaderError](err) &&
		!errors.Is(err, io.EOF) && !strings.Contains(err.Error(), "reset") {
		t.Errorf("got %v", err)
	}
}

func TestPlainConnectionRefusesTLSOptions(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	client := ca.issue(t, "device")
	for want, opts := range map[string]func(*direct.Options){
		"RootCAs, OnlyRootCAs":   trust(ca),
		"TLS":                    func(o *direct.Options) { o.TLS = new(tls.Config) },
		"Certificate":            func(o *direct.Options) { o.Certificate = &client.tls },
		"CertificatePEM, KeyPEM": func(o *direct.Options) { o.CertificatePEM, o.KeyPEM = direct.File("c"), direct.File("k") },
		"Passphrase, Signer":     func(o *direct.Options) { o.Passphrase, o.Signer = direct.Secret("s"), client.key },
		"ServerName, NextProtos": func(o *direct.Options) { o.ServerName, o.NextProtos = "a", []string{"b"} },
	} {
		_, err := direct.TCP("127.0.0.1", opts)
		wantError(t, err, want)
		_, err = direct.Unix("/run/mqtt.sock", opts)
		wantError(t, err, want)
		_, err = direct.URL("mqtt://127.0.0.1", opts)
		wantError(t, err, want)
	}
}
