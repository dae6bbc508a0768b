package scram

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
)

// Method is the name of the authentication method (RFC 7677).
const Method = "SCRAM-SHA-256"

var (
	// ErrServer: the broker does not know the password, or is not who it should be.
	ErrServer = errors.New("scram: the broker could not prove that it knows the password")
	// ErrMessage: the broker's message is not one of SCRAM, or asks for what is not safe.
	ErrMessage = errors.New("scram: the broker's message is invalid")
)

// Authenticator is an [mqtt.Authenticator]. Make one with [SHA256].
type Authenticator struct {
	user     string        // escaped
	password func() string // fmt cannot look into a function
	nonce    func() string
}

// SHA256 returns an authenticator for SCRAM-SHA-256.
//
// Name and password are used as they are. RFC 5802 asks that both sides prepare them first with SASLprep, which changes
// nothing in printable ASCII; golang.org/x/text/secure/precis does what is needed beyond that. Control characters and an
// empty name are refused.
func SHA256(user, password string) (*Authenticator, error) {
	switch {
	case user == "":
		return nil, errors.New("scram: the user name is empty")
	case hasControl(user):
		return nil, errors.New("scram: the user name has control characters")
	case hasControl(password):
		return nil, errors.New("scram: the password has control characters")
	}
	escaped := strings.NewReplacer("=", "=3D", ",", "=2C").Replace(user)
	return &Authenticator{user: escaped, password: func() string { return password }, nonce: rand.Text}, nil
}

func hasControl(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r >= 0x7F && r < 0xA0 || r == '\uFFFD' })
}

// Method returns the name of the method.
func (a *Authenticator) Method() string { return Method }

// Begin starts an exchange with a nonce of its own.
func (a *Authenticator) Begin(context.Context, bool) (mqtt.AuthExchange, error) {
	nonce := a.nonce()
	return &exchange{password: a.password, nonce: nonce, first: "n=" + a.user + ",r=" + nonce}, nil
}

// String names the method and no secret.
func (a *Authenticator) String() string { return "scram.Authenticator{" + Method + "}" }

// Format is String for every verb.
func (a *Authenticator) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, a.String()) }
