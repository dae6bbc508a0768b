package emulator

import (
	"fmt"
	"maps"

	"github.com/gneiss-mqtt/gneiss-go/emulator/broker"
	"github.com/gneiss-mqtt/gneiss-go/emulator/internal/account"
	"github.com/gneiss-mqtt/gneiss-go/emulator/internal/policy"
)

// CreatePolicy makes a named IoT policy of a document of up to 2,048 characters. It counts where policies are enforced.
func (s *Server) CreatePolicy(name, document string) error {
	if _, err := policy.Parse(document); err != nil {
		return err
	}
	return s.change(func(a *account.Account) error {
		_, err := a.CreatePolicy(name, document)
		return err
	})
}

// SetPolicy makes a policy as CreatePolicy does, or gives the one that has the name another document.
func (s *Server) SetPolicy(name, document string) error {
	if _, err := policy.Parse(document); err != nil {
		return err
	}
	return s.change(func(a *account.Account) error { return a.SetPolicy(name, document) })
}

// validPolicies refuses documents that cannot be read: they would allow nothing, and nobody would know why.
func validPolicies(documents []string) error {
	for _, d := range documents {
		if _, err := policy.Parse(d); err != nil {
			return err
		}
	}
	return nil
}

// AttachPolicy attaches a policy to a principal, mostly the ARN of a certificate: see [Device]. It counts from the next
// packet on.
func (s *Server) AttachPolicy(name, principal string) error {
	return s.change(func(a *account.Account) error { return a.AttachPolicy(name, principal) })
}

// DetachPolicy undoes AttachPolicy.
func (s *Server) DetachPolicy(name, principal string) error {
	return s.change(func(a *account.Account) error { return a.DetachPolicy(name, principal) })
}

// SetThing gives a thing its type and attributes, which policies see. A thing that does not exist is made.
func (s *Server) SetThing(name, kind string, attributes map[string]string) error {
	return s.change(func(a *account.Account) error {
		t := a.Thing(name)
		if t == nil {
			var err error
			if t, err = a.CreateThing(name); err != nil {
				return err
			}
		} else {
			t.Version++
		}
		t.Type, t.Attributes = kind, maps.Clone(attributes)
		return nil
	})
}

// SetCertificateStatus makes a certificate ACTIVE, INACTIVE or REVOKED. Only an active one connects; whoever is connected
// with one that is not active any more is disconnected.
func (s *Server) SetCertificateStatus(certificateID, status string) error {
	if s.cloud == nil {
		return ErrNotAWS
	}
	return s.do(func(broker.Instant) error {
		c := s.cloud.account.Certificate(certificateID)
		if c == nil {
			return fmt.Errorf("emulator: there is no certificate %q", certificateID)
		}
		if err := s.cloud.account.SetStatus(c.ID, account.CertificateStatus(status), s.wall()); err != nil {
			return err
		}
		s.cloud.gate.StatusChanged(c.ID)
		return nil
	})
}

// change changes the account.
func (s *Server) change(f func(*account.Account) error) error {
	if s.cloud == nil {
		return ErrNotAWS
	}
	return s.do(func(broker.Instant) error { return f(s.cloud.account) })
}
