package ca

import (
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
)

// Save returns the authority's certificate and its private key (PKCS #8) as PEM.
func (a *Authority) Save() (cert, key []byte, err error) {
	der, err := x509.MarshalPKCS8PrivateKey(a.key)
	if err != nil {
		return nil, nil, fmt.Errorf("emulator: authority: %w", err)
	}
	return a.PEM(), encode("PRIVATE KEY", der), nil
}

// Load returns an authority that was saved.
func Load(cert, key []byte) (*Authority, error) {
	certBlock, _ := pem.Decode(cert)
	keyBlock, _ := pem.Decode(key)
	if certBlock == nil || keyBlock == nil {
		return nil, errors.New("emulator: the saved authority is not PEM")
	}
	parsed, err := x509.ParseCertificate(certBlock.Bytes)
	if err != nil {
		return nil, fmt.Errorf("emulator: the saved authority: %w", err)
	}
	private, err := x509.ParsePKCS8PrivateKey(keyBlock.Bytes)
	if err != nil {
		return nil, errors.New("emulator: the saved authority's key cannot be read") // its bytes are nobody's business
	}
	signer, ok := private.(*ecdsa.PrivateKey)
	if !ok || !signer.PublicKey.Equal(parsed.PublicKey) || !parsed.IsCA {
		return nil, errors.New("emulator: the saved authority and its key do not belong together")
	}
	return &Authority{Cert: parsed, key: signer}, nil
}
