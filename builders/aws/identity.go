package awsiot

import (
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"os"

	"github.com/gneiss-mqtt/gneiss-go/builders/direct"
)

// Identity is a device's certificate with its private key. Make one with [Files], [PEM], [Signer], [KeyPair], [PKCS12] or
// [PKCS12Bytes]. The certificate must be registered with AWS IoT Core, active, and have a policy attached.
type Identity struct {
	name  string
	apply func(*direct.Options)
	// leaf reads the certificate again, for explanations. It returns nil where that fails.
	leaf func() *x509.Certificate
	// check finds what is wrong before the first attempt, where direct does not. nil: nothing to check.
	check func() error
}

// Files is a certificate and its key in PEM files, which are read at every attempt: a certificate that is rotated needs no
// restart. The key may be encrypted: then set the Passphrase of [Options.Direct].
func Files(certificate, key string) Identity {
	return Identity{
		name:  "files " + certificate + " and " + key,
		apply: func(d *direct.Options) { d.CertificatePEM, d.KeyPEM = direct.File(certificate), direct.File(key) },
		leaf: func() *x509.Certificate {
			text, err := os.ReadFile(certificate)
			if err != nil {
				return nil
			}
			return parseLeaf(text)
		},
	}
}

// PEM is a certificate and its key as PEM text. The key may be encrypted: then set the Passphrase of [Options.Direct].
func PEM(certificate, key []byte) Identity {
	c, k := direct.Bytes(certificate), direct.Bytes(key)
	leaf := parseLeaf(certificate)
	return Identity{
		name:  "PEM text",
		apply: func(d *direct.Options) { d.CertificatePEM, d.KeyPEM = c, k },
		leaf:  func() *x509.Certificate { return leaf },
	}
}

// Signer is a certificate as PEM text, whose key is where it cannot be read: in an HSM, a TPM, a PKCS #11 token, a service.
func Signer(certificate []byte, key crypto.Signer) Identity {
	c := direct.Bytes(certificate)
	leaf := parseLeaf(certificate)
	return Identity{
		name:  "signer",
		apply: func(d *direct.Options) { d.CertificatePEM, d.Signer = c, key },
		leaf:  func() *x509.Certificate { return leaf },
	}
}

// KeyPair is a certificate with its key, ready made. Its PrivateKey may be any crypto.Signer.
func KeyPair(pair tls.Certificate) Identity {
	leaf := leafOf(&pair)
	return Identity{
		name:  "key pair",
		apply: func(d *direct.Options) { d.Certificate = &pair },
		leaf:  func() *x509.Certificate { return leaf },
	}
}

// none reports whether there is no identity.
func (id Identity) none() bool { return id.apply == nil }

// certificate returns the certificate where it can be read, nil elsewhere.
func (id Identity) certificate() *x509.Certificate {
	if id.leaf == nil {
		return nil
	}
	return id.leaf()
}

func parseLeaf(text []byte) *x509.Certificate {
	for {
		var block *pem.Block
		if block, text = pem.Decode(text); block == nil {
			return nil
		}
		if block.Type == "CERTIFICATE" {
			leaf, _ := x509.ParseCertificate(block.Bytes)
			return leaf
		}
	}
}

func leafOf(pair *tls.Certificate) *x509.Certificate {
	if pair.Leaf != nil || len(pair.Certificate) == 0 {
		return pair.Leaf
	}
	leaf, _ := x509.ParseCertificate(pair.Certificate[0])
	return leaf
}

// String says where the identity comes from, and nothing of the key.
func (id Identity) String() string {
	if id.none() {
		return "awsiot.Identity{}"
	}
	return "awsiot.Identity{" + id.name + "}"
}

// Format prints String for every verb: none may print a key.
func (id Identity) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, id.String()) }

// LogValue logs String.
func (id Identity) LogValue() slog.Value { return slog.StringValue(id.String()) }
