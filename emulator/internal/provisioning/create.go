package provisioning

import (
	"crypto/x509"
	"encoding/pem"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/emulator/internal/account"
	"github.com/gneiss-mqtt/gneiss-go/emulator/internal/service"
)

// created is the answer to a request for a certificate.
type created struct {
	CertificateID  string `json:"certificateId"`
	CertificatePEM string `json:"certificatePem"`
	PrivateKey     string `json:"privateKey,omitempty"`
	Token          string `json:"certificateOwnershipToken"`
}

// A KeyOrder is a request for a certificate with a new key. An RSA key may take a second to make, which the service, one
// call at a time, has not: whoever runs it makes the key elsewhere.
type KeyOrder struct{ q *request }

// TakeKeyOrders returns the orders that nobody has taken yet. Each is to be answered with Deliver, in order: nothing but
// that tells the answers of one client apart.
func (s *Service) TakeKeyOrders() []KeyOrder {
	list := s.orders
	s.orders = nil
	return list
}

func (s *Service) createKeys(q *request) (any, *Error) {
	if len(s.tokens) >= maxTokens {
		return nil, fail(429, throttling, "There are too many ownership tokens")
	}
	s.orders = append(s.orders, KeyOrder{q})
	return nil, nil
}

// Deliver answers an order: with a certificate and its key as PEM, or without where they could not be made.
func (s *Service) Deliver(now time.Time, o KeyOrder, certPEM, keyPEM []byte) []service.Message {
	o.q.from.Now = now
	return o.q.answer(s.create(o.q, certPEM, keyPEM))
}

// Refuse answers an order that is one too many.
func (o KeyOrder) Refuse() []service.Message {
	return []service.Message{o.q.reject(fail(429, throttling, "There are too many requests for keys"))}
}

func (s *Service) createFromCSR(q *request) (any, *Error) {
	csr, e := q.text("certificateSigningRequest")
	if e != nil {
		return nil, e
	}
	certPEM, err := s.c.Sign([]byte(csr))
	if err != nil {
		return nil, fail(400, invalidParameter, "The certificate signing request is not valid")
	}
	return s.create(q, certPEM, nil)
}

func (s *Service) create(q *request, certPEM, keyPEM []byte) (any, *Error) {
	if len(s.tokens) >= maxTokens {
		return nil, fail(429, throttling, "There are too many ownership tokens")
	}
	c, e := s.store(q.from.Now, certPEM, account.PendingActivation)
	if e != nil {
		return nil, e
	}
	o := &ownership{s.c.NewToken(), c.ID, q.from.Now.Add(TokenLifetime)}
	s.remember(o)
	return created{c.ID, string(certPEM), string(keyPEM), o.Token}, nil
}

func (s *Service) remember(o *ownership) {
	s.tokens[o.Token] = o
	s.aging = append(s.aging, o)
}

func (s *Service) store(now time.Time, certPEM []byte, status account.CertificateStatus) (*account.Certificate, *Error) {
	block, _ := pem.Decode(certPEM)
	if block == nil {
		return nil, fail(500, internalFailure, "The certificate could not be made")
	}
	leaf, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, fail(500, internalFailure, "The certificate could not be made")
	}
	c, err := s.c.Account.AddCertificate(leaf, status, now)
	if err != nil {
		return nil, fail(500, internalFailure, "The certificate could not be registered")
	}
	return c, nil
}
