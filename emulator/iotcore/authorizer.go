package iotcore

import (
	"context"
	"crypto/rsa"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// An Authorizer is a custom authorizer: what the service has a Lambda function for.
type Authorizer struct {
	// Name is what clients name in x-amz-customauthorizer-name.
	Name string
	// Default makes it the one for clients that name none.
	Default bool
	// Inactive refuses everyone who names it.
	Inactive bool
	// TokenKey is the name under which clients send the token; empty where there are no tokens.
	TokenKey string
	// SigningKeys are those that may have signed the token, RSA with SHA-256; with none, signing is off. Authorize is not
	// asked about a token whose signature none of them verifies.
	SigningKeys []*rsa.PublicKey
	// Authorize decides. It may wait: up to 5 seconds, after which the client is refused. nil: Table decides alone.
	Authorize func(context.Context, AuthorizerEvent) (AuthorizerDecision, error)
	// Table is asked first, by token or, where there is none, by user name.
	Table []Grant
}

// A Grant is a line of a static table. The zero value matches a client without user name, password and token.
type Grant struct {
	Token              string
	Username, Password string
	Decision           AuthorizerDecision
}

// AuthorizerEvent is what an authorizer is told. User name, password and token are secrets.
type AuthorizerEvent struct {
	Token             string
	SignatureVerified bool
	// Username is without the parameters that follow the last question mark, UsernameQuery are those.
	Username, UsernameQuery string
	Password                []byte
	ClientID                string
	Version                 packet.Version
	// ServerName is that of TLS. Headers and Query are those of a WebSocket's upgrade or an HTTP request.
	ServerName string
	Headers    map[string]string
	Query      string
	// Protocols lists what took part: tls, http, mqtt.
	Protocols []string
	// Refresh is true when a decision has become old and is asked for again.
	Refresh bool
}

// AuthorizerDecision is the answer. A decision that breaks the documented ranges counts as a refusal.
type AuthorizerDecision struct {
	Authenticated bool
	// PrincipalID names the client: 1 to 128 letters and digits; empty means "user".
	PrincipalID string
	// Policies are up to 10 policy documents of up to 2,048 characters. They count where policies are enforced.
	Policies []string
	// DisconnectAfter ends the connection, RefreshAfter asks again: 300 to 86,400 seconds; 0 means 86,400 and never.
	DisconnectAfter, RefreshAfter time.Duration
}
