package provisioning

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"time"
)

// Claim is what a trusted user's app gets from CreateProvisioningClaim for a device: a certificate to connect with.
type Claim struct {
	CertificateID string
	Expires       time.Time // 5 minutes after it was made
	tls           tls.Certificate
}

// ParseClaim reads the answer of CreateProvisioningClaim as the AWS API has it: a JSON object with certificateId,
// certificatePem, keyPair and expiration, which is a number of seconds or a time as of RFC 3339.
func ParseClaim(text []byte) (*Claim, error) {
	var body struct {
		CertificateID  string
		CertificatePEM string
		KeyPair        struct{ PrivateKey string }
		Expiration     json.RawMessage
	}
	if err := json.Unmarshal(text, &body); err != nil {
		return nil, fmt.Errorf("provisioning: claim: %w", err)
	}
	c := &Claim{CertificateID: body.CertificateID}
	var seconds float64
	if json.Unmarshal(body.Expiration, &seconds) == nil && seconds >= 0 && seconds < 1<<40 {
		c.Expires = time.Unix(int64(seconds), 0)
	} else if err := json.Unmarshal(body.Expiration, &c.Expires); err != nil {
		return nil, fmt.Errorf("provisioning: claim: expiration %.40s is no time", body.Expiration)
	}
	key, err := parseKey([]byte(body.KeyPair.PrivateKey))
	if err == nil {
		err = checkPair([]byte(body.CertificatePEM), key)
	}
	if err != nil {
		return nil, fmt.Errorf("provisioning: claim: %w", err)
	}
	c.tls = (&Identity{certificate: []byte(body.CertificatePEM), signer: key}).TLS()
	return c, nil
}

// TLS returns the certificate with its key, as builders take it.
func (c *Claim) TLS() tls.Certificate { return c.tls }

// String names the certificate, and no secret.
func (c Claim) String() string {
	return fmt.Sprintf("provisioning.Claim{CertificateID: %q, Expires: %v}", c.CertificateID, c.Expires)
}

// Format is String for every verb.
func (c Claim) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, c.String()) }
