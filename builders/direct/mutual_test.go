package direct_test

import (
	"context"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/builders/direct"
)

// mutual serves TLS to clients of the authority and reports their names.
func mutual(t *testing.T, ca *authority, versions ...uint16) (addr string, names <-chan string) {
	t.Helper()
	seen := make(chan string, 8)
	config := &tls.Config{
		Certificates: []tls.Certificate{ca.issue(t, "broker").tls},
		ClientAuth:   tls.RequireAndVerifyClientCert,
		ClientCAs:    ca.pool(),
	}
	if len(versions) > 0 {
		config.MaxVersion = versions[0]
	}
	return serveTLS(t, config, func(conn *tls.Conn) {
		seen <- conn.ConnectionState().PeerCertificates[0].Subject.CommonName
		echo(conn)
	}), seen
}

func TestMutualTLS(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	client := ca.issue(t, "device-1")
	both := append(append([]byte(nil), client.keyPEM...), client.certPEM...)
	addr, names := mutual(t, ca)

	for name, opts := range map[string]func(*direct.Options){
		"certificate": func(o *direct.Options) { o.Certificate = &client.tls },
		"files": func(o *direct.Options) {
			o.CertificatePEM = direct.File(save(t, "device.pem", client.certPEM))
			o.KeyPEM = direct.File(save(t, "device.key", client.keyPEM))
		},
		"bytes": func(o *direct.Options) {
			o.CertificatePEM, o.KeyPEM = direct.Bytes(client.certPEM), direct.Bytes(client.keyPEM)
		},
		"one file": func(o *direct.Options) {
			file := direct.File(save(t, "device.pem", both))
			o.CertificatePEM, o.KeyPEM = file, file
		},
		"signer": func(o *direct.Options) {
			o.CertificatePEM, o.Signer = direct.Bytes(client.certPEM), opaque{client.key}
		},
		"certificate with signer": func(o *direct.Options) {
			o.Certificate = &tls.Certificate{Certificate: client.tls.Certificate, PrivateKey: opaque{client.key}}
		},
		"callback": func(o *direct.Options) {
			o.TLS = &tls.Config{GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
				return &client.tls, nil
			}}
		},
	} {
		endpoint, err := direct.TLS(addr, trust(ca), opts)
		talk(t, endpoint, err)
		if got := <-names; got != "device-1" {
			t.Errorf("%s: the broker saw %q", name, got)
		}
	}
}

// opaque is a key that can do nothing but sign, as one in an HSM.
type opaque struct{ crypto.Signer }

func TestMutualTLSRefused(t *testing.T) {
	t.Parallel()
	ca, stranger := newAuthority(t), newAuthority(t)
	addr12, _ := mutual(t, ca, tls.VersionTLS12)
	addr13, _ := mutual(t, ca, tls.VersionTLS13)
	expired := ca.issue(t, "old", func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) })
	foreign := stranger.issue(t, "stranger")

	for name, c := range map[string]struct {
		opts func(*direct.Options)
		want string
	}{
		"none":    {nil, "tls: "},
		"expired": {func(o *direct.Options) { o.Certificate = &expired.tls }, "expired certificate"},
		"foreign": {func(o *direct.Options) { o.Certificate = &foreign.tls }, "certificate authority"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			endpoint, err := direct.TLS(addr12, trust(ca), c.opts)
			wantError(t, dialError(t, short(t), endpoint, err), c.want)

			// In TLS 1.3 the client has done its part before the broker judges it: the first read tells.
			endpoint, err = direct.TLS(addr13, trust(ca), c.opts)
			if err != nil {
				t.Fatal(err)
			}
			conn, err := endpoint.Dial(short(t))
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if err := conn.SetDeadline(time.Now().Add(limit)); err != nil {
				t.Fatal(err)
			}
			_, err = io.ReadFull(conn, make([]byte, 1))
			wantError(t, err, c.want)
		})
	}
}

func TestRotationNeedsNoRestart(t *testing.T) {
	t.Parallel()
	oldCA, newCA := newAuthority(t), newAuthority(t)
	dir := t.TempDir()
	caFile, certFile, keyFile := filepath.Join(dir, "ca.pem"), filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	write := func(ca *authority, client credential) {
		t.Helper()
		for name, text := range map[string][]byte{caFile: ca.pem, certFile: client.certPEM, keyFile: client.keyPEM} {
			if err := os.WriteFile(name, text, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	before, after := oldCA.issue(t, "before"), newCA.issue(t, "after")
	oldAddr, oldNames := mutual(t, oldCA)
	newAddr, newNames := mutual(t, newCA)

	write(oldCA, before)
	broker := oldAddr
	endpoint, err := direct.TLS("broker.invalid", func(o *direct.Options) {
		o.RootCAs, o.OnlyRootCAs = []direct.PEM{direct.File(caFile)}, true
		o.CertificatePEM, o.KeyPEM = direct.File(certFile), direct.File(keyFile)
		o.ServerName = "localhost"
		o.DialContext = dialTo(&broker)
	})
	talk(t, endpoint, err)
	if got := <-oldNames; got != "before" {
		t.Errorf("before the rotation the broker saw %q", got)
	}

	// Half way through: the certificate is new, the key is still the old one.
	if err := os.WriteFile(certFile, after.certPEM, 0o600); err != nil {
		t.Fatal(err)
	}
	wantError(t, dialError(t, short(t), endpoint, nil), "does not belong to the client certificate")

	write(newCA, after)
	broker = newAddr
	talk(t, endpoint, nil)
	if got := <-newNames; got != "after" {
		t.Errorf("after the rotation the broker saw %q", got)
	}

	if err := os.Remove(keyFile); err != nil {
		t.Fatal(err)
	}
	wantIs(t, dialError(t, short(t), endpoint, nil), os.ErrNotExist)
}

func TestEncryptedKey(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	key, err := os.ReadFile("testdata/keys/ec-openssl3-default.pem")
	if err != nil {
		t.Fatal(err)
	}
	cert := ca.issueFor(t, "device-2", vectorKey(t, "ec-pkcs8.pem")).certPEM
	addr, names := mutual(t, ca)

	asked := 0
	secret := "horse staple"
	endpoint, err := direct.TLS(addr, trust(ca), func(o *direct.Options) {
		o.CertificatePEM, o.KeyPEM = direct.Bytes(cert), direct.Bytes(key)
		o.Passphrase = func(ctx context.Context) ([]byte, error) {
			if asked++; secret == "" {
				return nil, errors.New("the keyring is locked")
			}
			return []byte(secret), ctx.Err()
		}
	})
	if asked != 0 {
		t.Error("the pass phrase was asked for before the first attempt")
	}
	for range 2 {
		talk(t, endpoint, err)
		if got := <-names; got != "device-2" {
			t.Errorf("the broker saw %q", got)
		}
	}
	if asked != 2 {
		t.Errorf("two attempts asked %d times", asked)
	}
	secret = "battery"
	wantIs(t, dialError(t, short(t), endpoint, nil), direct.ErrPassphrase)
	secret = ""
	wantError(t, dialError(t, short(t), endpoint, nil), "the keyring is locked")
}
