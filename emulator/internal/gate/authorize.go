package gate

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"regexp"
	"time"
	"unicode"

	"github.com/gneiss-mqtt/gneiss-go/emulator/internal/account"
	"github.com/gneiss-mqtt/gneiss-go/emulator/internal/policy"
	"github.com/gneiss-mqtt/gneiss-go/emulator/iotcore"
)

// verdict is a valid decision of a custom authorizer.
type verdict struct {
	who                           *account.Principal
	disconnectAfter, refreshAfter time.Duration // refreshAfter 0: never
}

var (
	errNoAuthorizer = errors.New("there is no such custom authorizer, or none by default")
	errSignature    = errors.New("the signature of the token is not valid")
	errDenied       = errors.New("the custom authorizer has refused")
)

// choose returns the authorizer that a client names, or the default one.
func (g *Gate) choose(name string) (*iotcore.Authorizer, error) {
	for i := range g.opts.Authorizers {
		if a := &g.opts.Authorizers[i]; a.Name == name && name != "" || a.Default && name == "" {
			if a.Inactive {
				break
			}
			return a, nil
		}
	}
	return nil, errNoAuthorizer
}

// verifyToken checks a token's signature by the keys of an authorizer that has any.
func verifyToken(a *iotcore.Authorizer, token, signature string) (verified bool, err error) {
	if len(a.SigningKeys) == 0 {
		return false, nil
	}
	sig, err := base64.StdEncoding.DecodeString(signature)
	if err != nil || token == "" {
		return false, errSignature
	}
	sum := sha256.Sum256([]byte(token))
	for _, key := range a.SigningKeys {
		if rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], sig) == nil {
			return true, nil
		}
	}
	return false, errSignature
}

// lookUp finds the line of a static table.
func lookUp(a *iotcore.Authorizer, e *iotcore.AuthorizerEvent) (iotcore.AuthorizerDecision, bool) {
	same := func(x, y string) bool { return subtle.ConstantTimeCompare([]byte(x), []byte(y)) == 1 }
	for _, l := range a.Table {
		switch {
		case e.Token != "":
			if l.Token != "" && same(l.Token, e.Token) {
				return l.Decision, true
			}
		case l.Token == "" && l.Username == e.Username && same(l.Password, string(e.Password)):
			return l.Decision, true
		}
	}
	return iotcore.AuthorizerDecision{}, false
}

// The documented ranges of a decision.
const (
	leastAfter   = 300 * time.Second
	mostAfter    = 86_400 * time.Second
	mostPolicies = 10
)

var principalID = regexp.MustCompile(`^[a-zA-Z0-9]{1,128}$`)

// judgeDecision applies the documented ranges. A policy that cannot be read counts only where policies are enforced.
func judgeDecision(d iotcore.AuthorizerDecision, remote string, enforced bool) (*verdict, error) {
	if !d.Authenticated {
		return nil, errDenied
	}
	if d.PrincipalID == "" {
		d.PrincipalID = "user"
	}
	if d.DisconnectAfter == 0 {
		d.DisconnectAfter = mostAfter
	}
	inRange := func(t time.Duration) bool { return t >= leastAfter && t <= mostAfter }
	switch {
	case !principalID.MatchString(d.PrincipalID):
		return nil, errors.New("the authorizer's principal identifier is not 1 to 128 letters and digits")
	case !inRange(d.DisconnectAfter), d.RefreshAfter != 0 && !inRange(d.RefreshAfter):
		return nil, fmt.Errorf("the authorizer's times are not between %v and %v", leastAfter, mostAfter)
	case len(d.Policies) > mostPolicies:
		return nil, fmt.Errorf("the authorizer has more than %d policies", mostPolicies)
	}
	for _, doc := range d.Policies {
		n := 0
		for _, r := range doc {
			if !unicode.IsSpace(r) {
				n++
			}
		}
		if n > account.MaxPolicyCharacters {
			return nil, fmt.Errorf("a policy of the authorizer has more than %d characters", account.MaxPolicyCharacters)
		}
		if _, err := policy.Parse(doc); err != nil && enforced {
			return nil, fmt.Errorf("of the authorizer: %w", err)
		}
	}
	who := &account.Principal{Kind: account.ByAuthorizer, ID: d.PrincipalID, ARN: d.PrincipalID, SourceIP: hostOf(remote)}
	who.Policies = append([]string{}, d.Policies...) // never nil: without a policy nothing is allowed
	return &verdict{who: who, disconnectAfter: d.DisconnectAfter, refreshAfter: d.RefreshAfter}, nil
}
