package awsiot

import (
	"crypto"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"sync"

	"software.sslmate.com/src/go-pkcs12"

	"github.com/gneiss-mqtt/gneiss-go/builders/direct"
)

// PKCS12 is a certificate, its chain and its key in a PKCS #12 file (.p12, .pfx), which is read at every attempt. The
// encryptions of OpenSSL 1 and 3, of Windows and of Java are known.
func PKCS12(file, password string) Identity {
	return bundle("PKCS #12 file "+file, password, func() ([]byte, error) {
		f, err := os.Open(file)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		return io.ReadAll(io.LimitReader(f, maxBundle+1))
	})
}

// PKCS12Bytes is [PKCS12] for what is in memory already. It is copied.
func PKCS12Bytes(data []byte, password string) Identity {
	data = slices.Clone(data)
	return bundle("PKCS #12 data", password, func() ([]byte, error) { return data, nil })
}

// maxBundle bounds a PKCS #12 file. Those of devices have a few kilobytes.
const maxBundle = 1 << 20

// ErrPKCS12Password says that a PKCS #12 file cannot be read with its password.
var ErrPKCS12Password = errors.New("awsiot: wrong password for the PKCS #12 file")

func bundle(name, password string, read func() ([]byte, error)) Identity {
	var mu sync.Mutex
	var sum [sha256.Size]byte
	var last *tls.Certificate
	// Deriving the keys takes some time by intention: what has not changed is not decrypted again.
	load := func() (*tls.Certificate, error) {
		data, err := read()
		if err != nil {
			return nil, fmt.Errorf("awsiot: %w", err)
		}
		if len(data) > maxBundle {
			return nil, fmt.Errorf("awsiot: %s is more than %d bytes", name, maxBundle)
		}
		mu.Lock()
		defer mu.Unlock()
		if s := sha256.Sum256(data); last == nil || s != sum {
			pair, err := decode(data, password)
			if err != nil {
				return nil, fmt.Errorf("awsiot: %s: %w", name, err)
			}
			last, sum = pair, s
		}
		return last, nil
	}
	return Identity{
		name: name,
		apply: func(d *direct.Options) {
			if d.TLS = d.TLS.Clone(); d.TLS == nil {
				d.TLS = new(tls.Config)
			}
			d.TLS.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return load() }
		},
		leaf: func() *x509.Certificate {
			if pair, err := load(); err == nil {
				return pair.Leaf
			}
			return nil
		},
		check: func() error {
			_, err := load()
			return err
		},
	}
}

// decode puts the certificate of the key first, whatever the order in the file.
func decode(data []byte, password string) (*tls.Certificate, error) {
	if laborious(data, 0) {
		return nil, fmt.Errorf("its keys take more than %d iterations to derive", maxIterations)
	}
	key, first, others, err := pkcs12.DecodeChain(data, password)
	switch {
	case errors.Is(err, pkcs12.ErrIncorrectPassword):
		return nil, ErrPKCS12Password
	case err != nil:
		return nil, err
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("a %T cannot sign", key)
	}
	all := append([]*x509.Certificate{first}, others...)
	i := slices.IndexFunc(all, func(c *x509.Certificate) bool {
		public, ok := c.PublicKey.(interface{ Equal(crypto.PublicKey) bool })
		return ok && public.Equal(signer.Public())
	})
	if i < 0 {
		return nil, errors.New("its key belongs to none of its certificates")
	}
	pair := &tls.Certificate{Leaf: all[i], PrivateKey: key, Certificate: [][]byte{all[i].Raw}}
	for _, c := range slices.Delete(all, i, i+1) {
		pair.Certificate = append(pair.Certificate, c.Raw)
	}
	return pair, nil
}
