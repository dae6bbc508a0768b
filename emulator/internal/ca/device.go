package ca

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
)

// errRequest is every fault of a certificate signing request.
var errRequest = errors.New("emulator: the certificate signing request is not valid")

// Device returns a certificate and its private key as PEM: for the key of a signing request in PEM, when there is no key
// to return, or for a new one of 2048 bits RSA in PKCS #1, as the service makes them.
func (a *Authority) Device(name string, csr []byte) (cert, key []byte, err error) {
	var public crypto.PublicKey
	if csr == nil {
		private, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			return nil, nil, fmt.Errorf("emulator: device key: %w", err)
		}
		public, key = private.Public(), encode("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(private))
	} else {
		block, _ := pem.Decode(csr)
		if block == nil {
			return nil, nil, fmt.Errorf("%w: it is not PEM", errRequest)
		}
		request, err := x509.ParseCertificateRequest(block.Bytes)
		if err != nil {
			return nil, nil, fmt.Errorf("%w: %w", errRequest, err)
		}
		if err := request.CheckSignature(); err != nil {
			return nil, nil, fmt.Errorf("%w: %w", errRequest, err)
		}
		if public = request.PublicKey; !usable(public) {
			return nil, nil, fmt.Errorf("%w: the key is neither RSA of at least 2048 bits nor ECDSA", errRequest)
		}
	}
	leaf, err := a.sign(name, x509.ExtKeyUsageClientAuth, public, func(*x509.Certificate) {})
	if err != nil {
		return nil, nil, err
	}
	return encode("CERTIFICATE", leaf.Raw), key, nil
}

// usable reports whether the service takes a key.
func usable(public crypto.PublicKey) bool {
	switch k := public.(type) {
	case *rsa.PublicKey:
		return k.N.BitLen() >= 2048
	case *ecdsa.PublicKey:
		return k.Params().BitSize >= 256
	}
	return false
}
