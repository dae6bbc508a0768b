package provisioning

import (
	"errors"
	"fmt"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/emulator/internal/account"
	"github.com/gneiss-mqtt/gneiss-go/emulator/internal/service"
)

// Claim is a certificate that is good for provisioning by a trusted user, for five minutes.
type Claim struct {
	CertificateID   string
	CertPEM, KeyPEM []byte
	Expires         time.Time
}

// NewClaim makes a claim for a template of a certificate and its key, in PEM. Its policy allows what provisioning needs and
// nothing else.
func (s *Service) NewClaim(now time.Time, template string, certPEM, keyPEM []byte) (Claim, error) {
	if _, err := s.Template(template); err != nil {
		return Claim{}, err
	}
	if len(s.claims) >= maxTokens {
		return Claim{}, fail(429, throttling, "There are too many provisioning claims")
	}
	c, e := s.store(now, certPEM, account.Active)
	if e != nil {
		return Claim{}, e
	}
	policy := "provisioning-claim-" + template
	_, err := s.c.Account.CreatePolicy(policy, claimPolicy(s.c.Account, template))
	if err == nil || errors.Is(err, account.ErrExists) {
		err = s.c.Account.AttachPolicy(policy, c.ARN)
	}
	if err != nil {
		return Claim{}, fail(500, internalFailure, "The policy of the claim could not be attached")
	}
	k := claim{c.ID, now.Add(ClaimLifetime)}
	s.claims = append(s.claims, k)
	return Claim{c.ID, certPEM, keyPEM, k.Expires}, nil
}

func claimPolicy(a *account.Account, template string) string {
	topics := func(kind string) []string {
		return []string{a.ARN(kind + "/$aws/certificates/create*"), a.ARN(kind + "/$aws/provisioning-templates/" + template + "/provision/*")}
	}
	type statement struct {
		Effect   string
		Action   []string
		Resource []string
	}
	return string(service.Encode(map[string]any{"Version": "2012-10-17", "Statement": []statement{
		{"Allow", []string{"iot:Connect"}, []string{"*"}},
		{"Allow", []string{"iot:Publish", "iot:Receive"}, topics("topic")},
		{"Allow", []string{"iot:Subscribe"}, topics("topicfilter")},
	}}))
}

// String keeps the private key out of logs.
func (c Claim) String() string { return fmt.Sprintf("claim %s until %v", c.CertificateID, c.Expires) }
