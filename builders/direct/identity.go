package direct

import (
	"context"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
)

// identity returns the client's certificate for one attempt, or nil.
func (o *Options) identity(ctx context.Context) (*tls.Certificate, error) {
	if o.Certificate != nil {
		return o.Certificate, nil
	}
	if o.CertificatePEM.none() {
		return nil, nil
	}
	cert, err := o.readCertificate()
	if err != nil {
		return nil, fmt.Errorf("direct: client certificate: %w", err)
	}
	if cert.PrivateKey, err = o.privateKey(ctx); err != nil {
		return nil, fmt.Errorf("direct: client key: %w", err)
	}
	return cert, matches(cert)
}

// checkIdentity is identity for the time before the first attempt: it judges all that needs no pass phrase.
func (o *Options) checkIdentity() error {
	if !o.KeyPEM.none() {
		text, err := o.KeyPEM.read()
		if err != nil {
			return fmt.Errorf("direct: client key: %w", err)
		}
		block, err := keyBlock(text)
		if err != nil {
			return fmt.Errorf("direct: client key: %v: %w", o.KeyPEM, err)
		}
		if encrypted(block) {
			if o.Passphrase == nil {
				return fmt.Errorf("direct: client key: %v: %w", o.KeyPEM, ErrPassphraseNeeded)
			}
			_, err := o.readCertificate()
			if err != nil {
				err = fmt.Errorf("direct: client certificate: %w", err)
			}
			return err
		}
	}
	_, err := o.identity(context.Background()) // asks nobody: the key is not encrypted
	return err
}

func (o *Options) readCertificate() (*tls.Certificate, error) {
	text, err := o.CertificatePEM.read()
	if err != nil {
		return nil, err
	}
	chain, err := certificates(text)
	if err != nil {
		return nil, fmt.Errorf("%v: %w", o.CertificatePEM, err)
	}
	leaf, err := x509.ParseCertificate(chain[0])
	if err != nil {
		return nil, fmt.Errorf("%v: %w", o.CertificatePEM, err)
	}
	return &tls.Certificate{Certificate: chain, Leaf: leaf}, nil
}

func (o *Options) privateKey(ctx context.Context) (crypto.PrivateKey, error) {
	if o.Signer != nil {
		return o.Signer, nil
	}
	text, err := o.KeyPEM.read()
	if err != nil {
		return nil, err
	}
	key, err := parseKey(ctx, text, o.Passphrase)
	if err != nil {
		return nil, fmt.Errorf("%v: %w", o.KeyPEM, err)
	}
	return key, nil
}

// matches refuses a key that belongs to another certificate, which a broker would answer with nothing but a close.
func matches(cert *tls.Certificate) error {
	key, ok := cert.PrivateKey.(crypto.Signer)
	if !ok {
		return fmt.Errorf("direct: client key: a %T cannot sign", cert.PrivateKey)
	}
	public, ok := cert.Leaf.PublicKey.(interface{ Equal(crypto.PublicKey) bool })
	if !ok {
		return fmt.Errorf("direct: client certificate: a %T is not supported", cert.Leaf.PublicKey)
	}
	if !public.Equal(key.Public()) {
		return errors.New("direct: the client key does not belong to the client certificate")
	}
	return nil
}
