package emulator

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/emulator/broker"
	"github.com/gneiss-mqtt/gneiss-go/emulator/internal/account"
)

// RoleAlias makes or replaces a role alias, for which the credentials provider gives access keys to devices: for 15
// minutes to 12 hours; 0 means an hour. The policies are those of the role, none means everything.
func (s *Server) RoleAlias(name string, lifetime time.Duration, policies ...string) error {
	if s.cloud == nil {
		return ErrNotAWS
	}
	if lifetime == 0 {
		lifetime = time.Hour
	}
	if err := validPolicies(policies); err != nil {
		return err
	}
	return s.do(func(broker.Instant) error {
		return s.cloud.account.AddRoleAlias(&account.RoleAlias{Name: name, Duration: lifetime, Policies: policies})
	})
}

// provide answers a device that asks for an access key with its certificate.
func (s *Server) provide(w http.ResponseWriter, r *http.Request) {
	c, err := s.provided(r)
	if err != nil {
		s.log.Info("credentials refused", "remote", r.RemoteAddr, "error", err)
		answerError(w, http.StatusForbidden, "AccessDeniedException", "Access Denied")
		return
	}
	var body struct {
		Credentials struct {
			ID      string `json:"accessKeyId"`
			Secret  string `json:"secretAccessKey"`
			Token   string `json:"sessionToken"`
			Expires string `json:"expiration"`
		} `json:"credentials"`
	}
	k := &body.Credentials
	k.ID, k.Secret, k.Token, k.Expires = c.AccessKeyID, c.SecretAccessKey, c.SessionToken, c.Expires.UTC().Format(time.RFC3339)
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(&body) // the client is gone otherwise
}

// provided makes the access key, or says why not.
func (s *Server) provided(r *http.Request) (Credentials, error) {
	if r.TLS == nil {
		return Credentials{}, errNoCertificate
	}
	who, err := s.deviceOf(r.TLS, r.RemoteAddr)
	if err != nil {
		return Credentials{}, err
	}
	name, thing := r.PathValue("alias"), r.Header.Get("X-Amzn-Iot-Thingname")
	var c Credentials
	err = s.do(func(broker.Instant) (err error) {
		alias := s.cloud.account.RoleAlias(name)
		switch {
		case alias == nil:
			return fmt.Errorf("emulator: there is no role alias %q", name)
		case thing != "" && !s.cloud.account.Attached(thing, who.ARN):
			return fmt.Errorf("emulator: the certificate is not attached to the thing %q", thing)
		}
		if why := s.cloud.gate.DeniedFor(thing, who, "iot:AssumeRoleWithCertificate", "rolealias/"+name); why != "" {
			return errors.New("emulator: " + why)
		}
		c, err = s.issue(CredentialOptions{Lifetime: alias.Duration, Policies: alias.Policies})
		return err
	})
	return c, err
}
