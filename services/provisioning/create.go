package provisioning

import (
	"context"
	"fmt"
	"io"
)

// Certificate is a certificate that waits to be registered.
type Certificate struct {
	ID  string `json:"certificateId"`
	PEM string `json:"certificatePem"`
	// Token lets [Client.RegisterThing] activate the certificate. It is good for an hour, and as secret as a key.
	Token string `json:"certificateOwnershipToken"`
	// PrivateKey is the key in PEM, of CreateKeysAndCertificate only. Nobody else has it.
	PrivateKey string `json:"privateKey,omitempty"`
}

// String names the certificate, and no secret.
func (c Certificate) String() string { return fmt.Sprintf("provisioning.Certificate{ID: %q}", c.ID) }

// Format is String for every verb.
func (c Certificate) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, c.String()) }

// CreateKeysAndCertificate lets the service make a key and a certificate. The answer holds the only copy of the key: see
// [Provision] for how to keep it. Errors: [ErrNotAuthorized], [ErrThrottled] and others of this package, those of package
// reqres where no answer came: then a certificate may have been made, which is deleted after an hour.
//
// It publishes to $aws/certificates/create/{format}.
func (c *Client) CreateKeysAndCertificate(ctx context.Context) (*Certificate, error) {
	out := new(Certificate)
	if err := c.do(ctx, "create keys", "$aws/certificates/create", struct{}{}, out); err != nil {
		return nil, err
	}
	return out, nil
}

// CreateCertificateFromCSR lets the service make a certificate for a key of the device. csr is a certificate signing
// request in PEM, as [CSR] makes it. Errors are those of [Client.CreateKeysAndCertificate], and [ErrInvalid] where the
// service does not take the request.
//
// It publishes to $aws/certificates/create-from-csr/{format}.
func (c *Client) CreateCertificateFromCSR(ctx context.Context, csr []byte) (*Certificate, error) {
	out := new(Certificate)
	request := struct {
		CSR string `json:"certificateSigningRequest"`
	}{string(csr)}
	if err := c.do(ctx, "create certificate", "$aws/certificates/create-from-csr", request, out); err != nil {
		return nil, err
	}
	return out, nil
}
