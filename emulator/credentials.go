package emulator

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/emulator/broker"
	"github.com/gneiss-mqtt/gneiss-go/emulator/internal/account"
)

// Credentials is an access key of the emulated account. Secret and token are for nobody's log.
type Credentials struct {
	AccessKeyID, SecretAccessKey string
	// SessionToken belongs to keys that expire; empty for the others.
	SessionToken string
	// Expires is on the server's clock, see [Server.Now]; zero means never.
	Expires time.Time
}

// CredentialOptions says what an access key is for.
type CredentialOptions struct {
	// Lifetime is how long the key is good; 0 means for ever, and without a session token.
	Lifetime time.Duration
	// Policies are the documents of the role behind it; none means that it may do everything.
	Policies []string
}

// Credentials makes an access key, for WebSockets and the HTTP API.
func (s *Server) Credentials(o CredentialOptions) (Credentials, error) {
	var c Credentials
	if s.cloud == nil {
		return c, ErrNotAWS
	}
	if o.Lifetime < 0 {
		return c, fmt.Errorf("emulator: credentials: a lifetime of %v", o.Lifetime)
	}
	if err := validPolicies(o.Policies); err != nil {
		return c, err
	}
	err := s.do(func(broker.Instant) (err error) {
		c, err = s.issue(o)
		return err
	})
	return c, err
}

// issue makes an access key. It is called with mu held.
func (s *Server) issue(o CredentialOptions) (Credentials, error) {
	c := Credentials{AccessKeyID: "AKIA" + rand.Text()[:16], SecretAccessKey: randomBase64(30)}
	if o.Lifetime > 0 {
		c.AccessKeyID = "ASIA" + c.AccessKeyID[4:]
		c.SessionToken = randomBase64(96)
		c.Expires = s.wall().Add(o.Lifetime).Truncate(time.Second)
	}
	return c, s.cloud.account.AddKey(&account.Key{
		ID: c.AccessKeyID, Secret: c.SecretAccessKey, Token: c.SessionToken, Expires: c.Expires, Policies: o.Policies,
	})
}

func randomBase64(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails
	return base64.StdEncoding.EncodeToString(b)
}

// RevokeCredentials makes an access key worthless from now on. Whoever is connected by it stays, as credentials are
// looked at when a WebSocket is opened.
func (s *Server) RevokeCredentials(accessKeyID string) error {
	if s.cloud == nil {
		return ErrNotAWS
	}
	return s.do(func(broker.Instant) error {
		k := s.cloud.account.Key(accessKeyID)
		if k == nil {
			return fmt.Errorf("emulator: there is no access key %q", accessKeyID)
		}
		k.Revoked = true
		return nil
	})
}
