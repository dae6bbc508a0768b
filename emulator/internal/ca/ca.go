// Package ca is a certificate authority that lives in memory: it signs certificates for the emulator's listeners and
// for its clients.
package ca

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"time"
)

// Authority signs certificates. It may be used from any goroutine.
type Authority struct {
	Cert *x509.Certificate
	key  crypto.Signer
}

// validity is how long certificates are valid, starting a little in the past for clocks that differ.
const (
	validity = 10 * 365 * 24 * time.Hour
	leeway   = time.Hour
)

// New makes an authority with a key of its own.
func New() (*Authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("emulator: authority: %w", err)
	}
	template, err := newTemplate("gneiss emulator CA")
	if err != nil {
		return nil, err
	}
	template.IsCA, template.BasicConstraintsValid = true, true
	template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("emulator: authority: %w", err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("emulator: authority: %w", err)
	}
	return &Authority{Cert: cert, key: key}, nil
}

func newTemplate(name string) (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, fmt.Errorf("emulator: serial number: %w", err)
	}
	now := time.Now()
	return &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: name, Organization: []string{"gneiss emulator"}},
		NotBefore:    now.Add(-leeway),
		NotAfter:     now.Add(validity),
	}, nil
}

// Pool returns a pool with the authority's certificate.
func (a *Authority) Pool() *x509.CertPool {
	p := x509.NewCertPool()
	p.AddCert(a.Cert)
	return p
}

// PEM returns the authority's certificate.
func (a *Authority) PEM() []byte { return encode("CERTIFICATE", a.Cert.Raw) }

// Server returns a certificate for the names and addresses.
func (a *Authority) Server(hosts ...string) (tls.Certificate, error) {
	return a.issue("gneiss emulator", x509.ExtKeyUsageServerAuth, func(t *x509.Certificate) {
		for _, h := range hosts {
			if ip := net.ParseIP(h); ip != nil {
				t.IPAddresses = append(t.IPAddresses, ip)
			} else {
				t.DNSNames = append(t.DNSNames, h)
			}
		}
	})
}

// Client returns a certificate with the common name.
func (a *Authority) Client(name string) (tls.Certificate, error) {
	return a.issue(name, x509.ExtKeyUsageClientAuth, func(*x509.Certificate) {})
}

func (a *Authority) issue(name string, usage x509.ExtKeyUsage, edit func(*x509.Certificate)) (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("emulator: certificate for %q: %w", name, err)
	}
	leaf, err := a.sign(name, usage, key.Public(), edit)
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.Certificate{Certificate: [][]byte{leaf.Raw}, PrivateKey: key, Leaf: leaf}, nil
}

func (a *Authority) sign(name string, usage x509.ExtKeyUsage, public crypto.PublicKey, edit func(*x509.Certificate)) (*x509.Certificate, error) {
	template, err := newTemplate(name)
	if err != nil {
		return nil, err
	}
	template.KeyUsage = x509.KeyUsageDigitalSignature
	template.ExtKeyUsage = []x509.ExtKeyUsage{usage}
	edit(template)
	der, err := x509.CreateCertificate(rand.Reader, template, a.Cert, public, a.key)
	if err != nil {
		return nil, fmt.Errorf("emulator: certificate for %q: %w", name, err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("emulator: certificate for %q: %w", name, err)
	}
	return leaf, nil
}

// EncodePEM returns certificate and private key (PKCS #8) as PEM.
func EncodePEM(c tls.Certificate) (cert, key []byte, err error) {
	der, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
	if err != nil {
		return nil, nil, fmt.Errorf("emulator: private key: %w", err)
	}
	return encode("CERTIFICATE", c.Certificate[0]), encode("PRIVATE KEY", der), nil
}

func encode(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}
