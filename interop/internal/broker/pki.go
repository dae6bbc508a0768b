package broker

import (
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
	"os"
	"path/filepath"
	"sync"
	"time"
)

// authority signs the certificates of the brokers, and of clients that need one.
type authority struct {
	dir    string
	cert   *x509.Certificate
	key    *ecdsa.PrivateKey
	server tls.Certificate
	pool   *x509.CertPool
}

// pki is made once for all tests. [RemoveFiles] removes its files.
var pki = sync.OnceValue(func() *authority {
	a, err := newAuthority()
	if err != nil {
		panic(fmt.Sprintf("broker: certificates for the tests: %v", err))
	}
	return a
})

// RemoveFiles removes the certificates when all tests are over.
func RemoveFiles() error { return os.RemoveAll(pki().dir) }

func newAuthority() (*authority, error) {
	dir, err := os.MkdirTemp("", "gneiss-interop-pki-")
	if err != nil {
		return nil, err
	}
	// Mosquitto may run as a user of its own.
	if err := os.Chmod(dir, 0o755); err != nil {
		return nil, err
	}
	a := &authority{dir: dir, pool: x509.NewCertPool()}
	if a.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "interop authority"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, a.key.Public(), a.key)
	if err != nil {
		return nil, err
	}
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		return nil, err
	}
	a.pool.AddCert(a.cert)
	if err := a.write("ca.pem", "CERTIFICATE", der); err != nil {
		return nil, err
	}
	if err := a.issue(2, "server", x509.ExtKeyUsageServerAuth); err != nil {
		return nil, err
	}
	if err := a.issue(3, "client", x509.ExtKeyUsageClientAuth); err != nil {
		return nil, err
	}
	a.server, err = tls.LoadX509KeyPair(a.file("server.pem"), a.file("server.key"))
	return a, err
}

// issue writes NAME.pem and NAME.key.
func (a *authority) issue(serial int64, name string, usage x509.ExtKeyUsage) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: name},
		NotBefore: a.cert.NotBefore, NotAfter: a.cert.NotAfter,
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{usage},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, key.Public(), a.key)
	if err != nil {
		return err
	}
	text, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	if err := a.write(name+".pem", "CERTIFICATE", der); err != nil {
		return err
	}
	return a.write(name+".key", "PRIVATE KEY", text)
}

func (a *authority) file(name string) string { return filepath.Join(a.dir, name) }

func (a *authority) write(name, kind string, der []byte) error {
	return os.WriteFile(a.file(name), pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o644)
}
