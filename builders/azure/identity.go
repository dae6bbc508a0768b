package azureiot

import (
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"

	"github.com/gneiss-mqtt/gneiss-go/builders/direct"
)

// Identity is a client certificate with its private key. Make one with [Files], [PEM] or [KeyPair].
type Identity struct {
	name  string
	apply func(*direct.Options)
}

// Files is a certificate and its key in PEM files, which are read at every attempt: a certificate that is rotated needs no
// restart. The certificate's intermediates follow it in its file. The key may be encrypted: then set the Passphrase of
// [Options.Direct].
func Files(certificate, key string) Identity {
	return Identity{
		name:  "files " + certificate + " and " + key,
		apply: func(d *direct.Options) { d.CertificatePEM, d.KeyPEM = direct.File(certificate), direct.File(key) },
	}
}

// PEM is a certificate and its key as PEM text.
func PEM(certificate, key []byte) Identity {
	c, k := direct.Bytes(certificate), direct.Bytes(key)
	return Identity{name: "PEM text", apply: func(d *direct.Options) { d.CertificatePEM, d.KeyPEM = c, k }}
}

// KeyPair is a certificate with its key, ready made. Its PrivateKey may be any crypto.Signer, as of an HSM or a TPM.
func KeyPair(pair tls.Certificate) Identity {
	return Identity{name: "key pair", apply: func(d *direct.Options) { d.Certificate = &pair }}
}

// IsZero reports whether there is no certificate.
func (id Identity) IsZero() bool { return id.apply == nil }

// String says where the identity comes from, and nothing of the key.
func (id Identity) String() string { return "azureiot.Identity{" + id.name + "}" }

// Format prints String for every verb.
func (id Identity) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, id.String()) }

// LogValue logs String.
func (id Identity) LogValue() slog.Value { return slog.StringValue(id.String()) }
