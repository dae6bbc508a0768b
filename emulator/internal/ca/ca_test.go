package ca_test

import (
	"crypto/tls"
	"crypto/x509"
	"testing"

	"github.com/gneiss-mqtt/gneiss-go/emulator/internal/ca"
)

func newAuthority(t *testing.T) *ca.Authority {
	t.Helper()
	a, err := ca.New()
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestServerCertificateIsForItsHosts(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	cert, err := a.Server("localhost", "127.0.0.1", "::1", "device.example")
	if err != nil {
		t.Fatal(err)
	}
	for host, ok := range map[string]bool{"localhost": true, "127.0.0.1": true, "::1": true, "device.example": true, "other.example": false, "127.0.0.2": false} {
		_, err := cert.Leaf.Verify(x509.VerifyOptions{DNSName: host, Roots: a.Pool(), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
		if ok != (err == nil) {
			t.Errorf("%s: %v", host, err)
		}
	}
	if _, err := cert.Leaf.Verify(x509.VerifyOptions{DNSName: "localhost", Roots: newAuthority(t).Pool()}); err == nil {
		t.Error("another authority vouches for it")
	}
}

func TestClientCertificateIsForClients(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	cert, err := a.Client("thing-1")
	if err != nil {
		t.Fatal(err)
	}
	if cert.Leaf.Subject.CommonName != "thing-1" || cert.Leaf.IsCA {
		t.Errorf("subject %v, an authority: %v", cert.Leaf.Subject, cert.Leaf.IsCA)
	}
	for usage, ok := range map[x509.ExtKeyUsage]bool{x509.ExtKeyUsageClientAuth: true, x509.ExtKeyUsageServerAuth: false} {
		if _, err := cert.Leaf.Verify(x509.VerifyOptions{Roots: a.Pool(), KeyUsages: []x509.ExtKeyUsage{usage}}); ok != (err == nil) {
			t.Errorf("usage %v: %v", usage, err)
		}
	}
	other, err := a.Client("thing-1")
	if err != nil {
		t.Fatal(err)
	}
	if cert.Leaf.SerialNumber.Cmp(other.Leaf.SerialNumber) == 0 {
		t.Error("two certificates have one serial number")
	}
}

func TestPEMCanBeReadBack(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	cert, err := a.Client("thing-1")
	if err != nil {
		t.Fatal(err)
	}
	certPEM, keyPEM, err := ca.EncodePEM(cert)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tls.X509KeyPair(certPEM, keyPEM); err != nil {
		t.Error(err)
	}
	if pool := x509.NewCertPool(); !pool.AppendCertsFromPEM(a.PEM()) {
		t.Error("the authority's PEM has no certificate")
	}
	cert.PrivateKey = "no key"
	if _, _, err := ca.EncodePEM(cert); err == nil {
		t.Error("a key that is none is encoded")
	}
}
