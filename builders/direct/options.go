package direct

import (
	"context"
	"crypto"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"strings"
	"time"
)

// Options says how a connection is made. The zero value is a plain TCP connection, or TLS with the roots of the
// system and no client certificate.
type Options struct {
	// TLS is where the TLS configuration starts from; it is cloned. nil means Go's defaults. What the fields below
	// say takes precedence.
	TLS *tls.Config

	// RootCAs are certificate authorities to trust in addition to those of TLS.RootCAs or, when that is nil, of the
	// system.
	RootCAs []PEM
	// OnlyRootCAs trusts RootCAs and nobody else.
	OnlyRootCAs bool

	// Certificate is the client's certificate for mutual TLS, ready made. Its PrivateKey may be any crypto.Signer.
	Certificate *tls.Certificate
	// CertificatePEM is the client's certificate for mutual TLS as text, the leaf first and its chain after it. It
	// needs KeyPEM or Signer, and excludes Certificate.
	CertificatePEM PEM
	// KeyPEM is the private key of CertificatePEM, encrypted or not. It may name the same file.
	KeyPEM PEM
	// Passphrase is asked for the pass phrase of an encrypted KeyPEM, at every attempt, and must honour its context.
	// Secret makes one of a string.
	Passphrase func(context.Context) ([]byte, error)
	// Signer holds the private key of CertificatePEM when it is not there to be read: in an HSM, a TPM, a service.
	Signer crypto.Signer

	// ServerName is the name that the broker's certificate must have, also sent as SNI. Default: the host dialled.
	ServerName string
	// NextProtos are the ALPN protocols offered, in order of preference.
	NextProtos []string

	// Proxy chooses a proxy for the broker's host:port, at every attempt; a nil URL means none. Use ProxyURL for a
	// fixed one and ProxyFromEnvironment for what the environment says. Default: no proxy.
	Proxy func(ctx context.Context, address string) (*url.URL, error)
	// ProxyTLS is the TLS configuration towards an https proxy; it is cloned. Default: Go's defaults. The broker's
	// roots and the client's certificate are not used for the proxy.
	ProxyTLS *tls.Config

	// DialContext makes the first connection, to the broker or to the proxy. Default: net.Dialer.
	DialContext func(ctx context.Context, network, address string) (net.Conn, error)
	// KeepAlive is the period of TCP's own probes, as net.Dialer.KeepAlive: 0 means 15 s, a negative value none. They
	// do not replace MQTT's keep alive. Not used with DialContext.
	KeepAlive time.Duration
	// Nagle lets the kernel hold back small segments in order to send fewer of them, which costs latency. Default:
	// every write leaves at once (TCP_NODELAY).
	Nagle bool
}

func newOptions(optFns []func(*Options)) Options {
	var o Options
	for _, fn := range optFns {
		if fn != nil {
			fn(&o)
		}
	}
	return o
}

// tlsFields names the fields in use that only a TLS connection can honour.
func (o *Options) tlsFields() []string {
	return used(
		field{"TLS", o.TLS != nil},
		field{"RootCAs", len(o.RootCAs) > 0},
		field{"OnlyRootCAs", o.OnlyRootCAs},
		field{"Certificate", o.Certificate != nil},
		field{"CertificatePEM", !o.CertificatePEM.none()},
		field{"KeyPEM", !o.KeyPEM.none()},
		field{"Passphrase", o.Passphrase != nil},
		field{"Signer", o.Signer != nil},
		field{"ServerName", o.ServerName != ""},
		field{"NextProtos", len(o.NextProtos) > 0},
	)
}

// refuseTLS guards against a connection that is plain though somebody asked for more.
func (o *Options) refuseTLS(kind string) error {
	if names := o.tlsFields(); len(names) > 0 {
		return fmt.Errorf("direct: %s has no TLS, but these options ask for it: %s", kind, strings.Join(names, ", "))
	}
	return nil
}

// validate judges what can be judged before any attempt.
func (o *Options) validate() error {
	text := !o.CertificatePEM.none()
	switch {
	case o.Certificate != nil && (text || !o.KeyPEM.none() || o.Signer != nil):
		return errors.New("direct: Certificate excludes CertificatePEM, KeyPEM and Signer")
	case o.Certificate != nil && (len(o.Certificate.Certificate) == 0 || o.Certificate.PrivateKey == nil):
		return errors.New("direct: Certificate has no certificate or no private key")
	case text && o.KeyPEM.none() && o.Signer == nil:
		return errors.New("direct: CertificatePEM needs KeyPEM or Signer")
	case !text && (!o.KeyPEM.none() || o.Signer != nil):
		return errors.New("direct: KeyPEM and Signer need CertificatePEM")
	case !o.KeyPEM.none() && o.Signer != nil:
		return errors.New("direct: KeyPEM excludes Signer")
	case o.Passphrase != nil && o.KeyPEM.none():
		return errors.New("direct: Passphrase needs KeyPEM")
	case o.OnlyRootCAs && len(o.RootCAs) == 0:
		return errors.New("direct: OnlyRootCAs needs RootCAs")
	case o.ProxyTLS != nil && o.Proxy == nil:
		return errors.New("direct: ProxyTLS needs Proxy")
	}
	return nil
}

// Secret makes a Passphrase of a string.
func Secret(s string) func(context.Context) ([]byte, error) {
	return func(context.Context) ([]byte, error) { return []byte(s), nil }
}

// String names the fields in use, and of their values only what is no secret.
func (o Options) String() string {
	var b strings.Builder
	b.WriteString("direct.Options{")
	b.WriteString(strings.Join(append(o.tlsFields(), used(
		field{"Proxy", o.Proxy != nil},
		field{"ProxyTLS", o.ProxyTLS != nil},
		field{"DialContext", o.DialContext != nil},
		field{fmt.Sprintf("KeepAlive: %v", o.KeepAlive), o.KeepAlive != 0},
		field{"Nagle", o.Nagle},
	)...), ", "))
	b.WriteString("}")
	return b.String()
}

// Format prints String for every verb: no verb may print a key.
func (o Options) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(o.String())) }

// LogValue logs String.
func (o Options) LogValue() slog.Value { return slog.StringValue(o.String()) }

type field struct {
	name string
	set  bool
}

func used(fields ...field) []string {
	var names []string
	for _, f := range fields {
		if f.set {
			names = append(names, f.name)
		}
	}
	return names
}
