package direct_test

import (
	"context"
	"crypto/tls"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/gneiss-mqtt/gneiss-go/builders/direct"
)

func TestIdentityIsJudgedBeforeTheFirstAttempt(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	client, other := ca.issue(t, "device"), ca.issue(t, "other")
	cert, key := direct.Bytes(client.certPEM), direct.Bytes(client.keyPEM)
	missing := filepath.Join(t.TempDir(), "missing.pem")
	huge := make([]byte, 1<<20+1)
	encrypted, err := os.ReadFile("testdata/keys/ec-openssl3-default.pem")
	if err != nil {
		t.Fatal(err)
	}

	for name, c := range map[string]struct {
		opts func(*direct.Options)
		want string
	}{
		"missing certificate": {func(o *direct.Options) { o.CertificatePEM, o.KeyPEM = direct.File(missing), key }, "client certificate: open " + missing},
		"missing key":         {func(o *direct.Options) { o.CertificatePEM, o.KeyPEM = cert, direct.File(missing) }, "client key: open " + missing},
		"missing roots":       {func(o *direct.Options) { o.RootCAs = []direct.PEM{direct.File(missing)} }, "root CAs: open " + missing},
		"no PEM":              {func(o *direct.Options) { o.CertificatePEM, o.KeyPEM = direct.Bytes([]byte("x")), key }, "1 bytes of PEM: no PEM block"},
		"key for certificate": {func(o *direct.Options) { o.CertificatePEM, o.KeyPEM = key, key }, "no certificate among"},
		"certificate for key": {func(o *direct.Options) { o.CertificatePEM, o.KeyPEM = cert, cert }, "no private key among"},
		"key of another":      {func(o *direct.Options) { o.CertificatePEM, o.KeyPEM = cert, direct.Bytes(other.keyPEM) }, "does not belong"},
		"signer of another":   {func(o *direct.Options) { o.CertificatePEM, o.Signer = cert, other.key }, "does not belong"},
		"damaged certificate": {func(o *direct.Options) {
			o.CertificatePEM, o.KeyPEM = direct.Bytes(encode("CERTIFICATE", []byte{1})), key
		}, "client certificate:"},
		"damaged key": {func(o *direct.Options) {
			o.CertificatePEM, o.KeyPEM = cert, direct.Bytes(encode("PRIVATE KEY", []byte{1}))
		}, "client key:"},
		"unknown key": {func(o *direct.Options) {
			o.CertificatePEM, o.KeyPEM = cert, direct.Bytes(encode("DSA PRIVATE KEY", []byte{1}))
		}, "DSA PRIVATE KEY is not supported"},
		"damaged roots":   {func(o *direct.Options) { o.RootCAs = []direct.PEM{direct.Bytes(encode("CERTIFICATE", []byte{1}))} }, "root CAs:"},
		"roots are a key": {func(o *direct.Options) { o.RootCAs = []direct.PEM{key} }, "no certificate among"},
		"huge text":       {func(o *direct.Options) { o.CertificatePEM, o.KeyPEM = direct.Bytes(huge), key }, "more than 1048576 bytes"},
		"huge file":       {func(o *direct.Options) { o.RootCAs = []direct.PEM{direct.File(save(t, "huge", huge))} }, "more than 1048576 bytes"},
		"no pass phrase":  {func(o *direct.Options) { o.CertificatePEM, o.KeyPEM = cert, direct.Bytes(encrypted) }, "no pass phrase"},
		"encrypted, no cert": {func(o *direct.Options) {
			o.CertificatePEM, o.KeyPEM, o.Passphrase = direct.File(missing), direct.Bytes(encrypted), direct.Secret("s")
		}, "client certificate: open"},

		"certificate twice":   {func(o *direct.Options) { o.Certificate, o.CertificatePEM, o.KeyPEM = &client.tls, cert, key }, "Certificate excludes"},
		"key twice":           {func(o *direct.Options) { o.CertificatePEM, o.KeyPEM, o.Signer = cert, key, client.key }, "KeyPEM excludes Signer"},
		"no key":              {func(o *direct.Options) { o.CertificatePEM = cert }, "CertificatePEM needs"},
		"no certificate":      {func(o *direct.Options) { o.KeyPEM = key }, "need CertificatePEM"},
		"empty certificate":   {func(o *direct.Options) { o.Certificate = new(tls.Certificate) }, "no certificate or no private key"},
		"lonely pass phrase":  {func(o *direct.Options) { o.Passphrase = direct.Secret("s") }, "Passphrase needs KeyPEM"},
		"no roots to trust":   {func(o *direct.Options) { o.OnlyRootCAs = true }, "OnlyRootCAs needs RootCAs"},
		"TLS for no proxy":    {func(o *direct.Options) { o.ProxyTLS = new(tls.Config) }, "ProxyTLS needs Proxy"},
		"nil function is one": {nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := direct.TLS("127.0.0.1", c.opts)
			if c.want == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			wantError(t, err, c.want)
			wantError(t, err, "direct: ")
		})
	}
}

// A pass phrase that is not to be had yet is a matter of the attempt, not of the configuration.
func TestPassphraseIsNotNeededBeforehand(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	locked := errors.New("locked")
	key, err := os.ReadFile("testdata/keys/ec-openssl3-default.pem")
	if err != nil {
		t.Fatal(err)
	}
	endpoint, err := direct.TLS("127.0.0.1", func(o *direct.Options) {
		o.CertificatePEM = direct.Bytes(ca.issueFor(t, "device", vectorKey(t, "ec-pkcs8.pem")).certPEM)
		o.KeyPEM = direct.Bytes(key)
		o.Passphrase = func(context.Context) ([]byte, error) { return nil, locked }
	})
	wantIs(t, dialError(t, t.Context(), endpoint, err), locked)
}
