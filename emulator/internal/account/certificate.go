package account

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"strings"
	"time"
)

// CertificateStatus is whether a certificate may be used.
type CertificateStatus string

// The states of a certificate. Only an active one connects.
const (
	Active            CertificateStatus = "ACTIVE"
	Inactive          CertificateStatus = "INACTIVE"
	Revoked           CertificateStatus = "REVOKED"
	PendingTransfer   CertificateStatus = "PENDING_TRANSFER"
	PendingActivation CertificateStatus = "PENDING_ACTIVATION"
)

func (s CertificateStatus) valid() bool {
	switch s {
	case Active, Inactive, Revoked, PendingTransfer, PendingActivation:
		return true
	}
	return false
}

// A Certificate is a registered device certificate.
type Certificate struct {
	ID      string // the SHA-256 of the DER encoding, 64 hexadecimal digits
	ARN     string
	Leaf    *x509.Certificate
	Status  CertificateStatus
	Created time.Time
	Updated time.Time
}

// PEM returns the certificate as PEM.
func (c *Certificate) PEM() string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Leaf.Raw}))
}

// CertificateID returns the identifier that a certificate is registered under.
func CertificateID(leaf *x509.Certificate) string {
	sum := sha256.Sum256(leaf.Raw)
	return hex.EncodeToString(sum[:])
}

// AddCertificate registers a certificate, or returns the entry that is there together with [ErrExists].
func (a *Account) AddCertificate(leaf *x509.Certificate, status CertificateStatus, now time.Time) (*Certificate, error) {
	id := CertificateID(leaf)
	switch c := a.certificates[id]; {
	case !status.valid():
		return nil, fmt.Errorf("emulator: the certificate status %q %w", status, ErrInvalid)
	case c != nil:
		return c, fmt.Errorf("emulator: the certificate %s %w", id, ErrExists)
	case len(a.certificates) >= maxEntries:
		return nil, full("certificates")
	}
	c := &Certificate{ID: id, ARN: a.ARN("cert/" + id), Leaf: leaf, Status: status, Created: now, Updated: now}
	a.certificates[id] = c
	return c, nil
}

// Certificate returns a certificate by identifier or ARN, or nil.
func (a *Account) Certificate(id string) *Certificate {
	if _, rest, ok := strings.Cut(id, ":cert/"); ok {
		id = rest
	}
	return a.certificates[id]
}

// Certificates lists the certificates by identifier.
func (a *Account) Certificates() []*Certificate { return sorted(a.certificates) }

// SetStatus changes whether a certificate may be used. Who is connected with it is the caller's to disconnect: see
// service.Host.
func (a *Account) SetStatus(id string, status CertificateStatus, now time.Time) error {
	c := a.Certificate(id)
	if c == nil {
		return missing("certificate", id)
	}
	if !status.valid() {
		return fmt.Errorf("emulator: the certificate status %q %w", status, ErrInvalid)
	}
	c.Status, c.Updated = status, now
	return nil
}

// DeleteCertificate removes a certificate that is not active, with its attachments.
func (a *Account) DeleteCertificate(id string) error {
	c := a.Certificate(id)
	if c == nil {
		return missing("certificate", id)
	}
	if c.Status == Active {
		return fmt.Errorf("emulator: the active certificate %s %w for deletion", c.ID, ErrInvalid)
	}
	for _, t := range a.ThingsOf(c.ARN) {
		_ = a.DetachThing(t.Name, c.ARN) // it is there
	}
	delete(a.attached, c.ARN)
	delete(a.certificates, c.ID)
	return nil
}
