package direct

import (
	"crypto/x509"
	"fmt"
)

// roots returns the certificate authorities to trust; nil means those of the system.
func (o *Options) roots() (*x509.CertPool, error) {
	var pool *x509.CertPool
	if o.TLS != nil {
		pool = o.TLS.RootCAs
	}
	if len(o.RootCAs) == 0 {
		return pool, nil
	}
	switch {
	case o.OnlyRootCAs:
		pool = x509.NewCertPool()
	case pool != nil:
		pool = pool.Clone()
	default:
		var err error
		if pool, err = x509.SystemCertPool(); err != nil {
			return nil, fmt.Errorf("direct: roots of the system: %w", err)
		}
	}
	for _, source := range o.RootCAs {
		if err := addRoots(pool, source); err != nil {
			return nil, fmt.Errorf("direct: root CAs: %w", err)
		}
	}
	return pool, nil
}

// addRoots takes every certificate or none: a bundle that is half understood fails later, and obscurely.
func addRoots(pool *x509.CertPool, source PEM) error {
	text, err := source.read()
	if err != nil {
		return err
	}
	chain, err := certificates(text)
	if err != nil {
		return fmt.Errorf("%v: %w", source, err)
	}
	for _, der := range chain {
		root, err := x509.ParseCertificate(der)
		if err != nil {
			return fmt.Errorf("%v: %w", source, err)
		}
		pool.AddCert(root)
	}
	return nil
}
