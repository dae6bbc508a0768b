package awsiot

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// Authorizer is what a custom authorizer, a Lambda function of the account, gets to see. All of it travels in the user name
// and the password of CONNECT.
//
// Give all values as they are: they are percent-encoded once, here.
type Authorizer struct {
	// Name of the authorizer. Empty: the default one of the account or of the domain configuration.
	Name string
	// Username is the user name for the authorizer. It may end in a query of its own, such as bob?site=7, which is taken as it
	// is. Empty: the one of the client's configuration.
	Username string
	// Password goes to the authorizer as it is. nil: the one of the client's configuration.
	Password []byte

	// TokenKeyName is the name of the parameter that the token travels in, as the authorizer is configured.
	TokenKeyName string
	// TokenValue is the token.
	TokenValue string
	// TokenSignature is the base64 form of the token's signature (RSA with SHA-256, PKCS #1 version 1.5). Not needed where
	// the authorizer has signing disabled. A signature that is percent-encoded already is recognized.
	TokenSignature string

	// Refresh is called at every attempt and may change the other fields, of a copy, as for a token that expires. An error ends
	// the attempt, and is retryable. nil: they stay as they are.
	Refresh func(ctx context.Context, a *Authorizer) error

	// Identity is the client certificate for domain configurations that ask for one besides (CUSTOM_AUTH_X509).
	Identity Identity
}

// CustomAuth returns an endpoint for MQTT over TLS with a custom authorizer, on port 443 with ALPN mqtt. The endpoint is as
// for [MTLS].
func CustomAuth(endpoint string, a Authorizer, optFns ...func(*Options)) (mqtt.Endpoint, error) {
	g, err := newCustomAuth(a)
	if err != nil {
		return mqtt.Endpoint{}, err
	}
	return directEndpoint(g, endpoint, alpnCustomAuth, optFns)
}

// CustomAuthWebSocket is [CustomAuth] over WebSocket: wss://<endpoint>/mqtt. The upgrade request carries no credentials;
// the authorizer is asked when CONNECT arrives.
func CustomAuthWebSocket(endpoint string, a Authorizer, optFns ...func(*Options)) (mqtt.Endpoint, error) {
	g, err := newCustomAuth(a)
	if err != nil {
		return mqtt.Endpoint{}, err
	}
	if err := g.init(endpoint, optFns); err != nil {
		return mqtt.Endpoint{}, err
	}
	return webSocketEndpoint(g, nil)
}

func newCustomAuth(a Authorizer) (*gate, error) {
	if a.Refresh == nil {
		if _, err := a.username(); err != nil {
			return nil, err
		}
	}
	return &gate{mode: modeCustomAuth, id: a.Identity, connect: a.connect}, nil
}

// connect fills in the user name and the password.
func (a Authorizer) connect(ctx context.Context, c *packet.Connect) error {
	if a.Refresh != nil {
		if err := a.Refresh(ctx, &a); err != nil {
			return fmt.Errorf("awsiot: refresh the authorizer's token: %w", err)
		}
	}
	if a.Username == "" {
		a.Username = c.Username
	}
	name, err := a.username()
	if err != nil {
		return err
	}
	c.HasUsername, c.Username = true, name // MQTT 3.1.1 has no password without one [MQTT-3.1.2-22]
	if a.Password != nil {
		c.HasPassword, c.Password = true, a.Password
	}
	return nil
}

const (
	paramAuthorizer = "x-amz-customauthorizer-name"
	paramSignature  = "x-amz-customauthorizer-signature"
)

// username is <user>?<its own query>&<what the service and the authorizer look for>, in the order of AWS' own SDKs.
func (a *Authorizer) username() (string, error) {
	user, own, _ := strings.Cut(a.Username, "?")
	if strings.Contains(own, "?") {
		return "", errors.New("awsiot: Authorizer.Username has two question marks: the service would not find the authorizer")
	}
	switch {
	case (a.TokenKeyName == "") != (a.TokenValue == ""):
		return "", errors.New("awsiot: Authorizer.TokenKeyName and TokenValue need each other")
	case a.TokenSignature != "" && a.TokenKeyName == "":
		return "", errors.New("awsiot: Authorizer.TokenSignature needs TokenKeyName and TokenValue")
	}
	signature, err := encodeSignature(a.TokenSignature)
	if err != nil {
		return "", err
	}
	q := query(own)
	for _, p := range [][2]string{
		{paramAuthorizer, escape(a.Name)}, {escape(a.TokenKeyName), escape(a.TokenValue)}, {paramSignature, signature},
	} {
		if p[1] == "" {
			continue
		}
		if q.has(p[0]) {
			return "", fmt.Errorf("awsiot: Authorizer.Username has the parameter %s already", p[0])
		}
		q.add(p[0], p[1])
	}
	if q == "" {
		return a.Username, nil
	}
	return user + "?" + string(q), nil
}

// String names the fields in use, and of their values only the authorizer's name.
func (a Authorizer) String() string {
	var names []string
	for _, f := range []struct {
		name string
		set  bool
	}{
		{"Name: " + a.Name, a.Name != ""},
		{"Username", a.Username != ""},
		{"Password", a.Password != nil},
		{"TokenKeyName", a.TokenKeyName != ""},
		{"TokenValue", a.TokenValue != ""},
		{"TokenSignature", a.TokenSignature != ""},
		{"Refresh", a.Refresh != nil},
		{"Identity", !a.Identity.none()},
	} {
		if f.set {
			names = append(names, f.name)
		}
	}
	return "awsiot.Authorizer{" + strings.Join(names, ", ") + "}"
}

// Format prints String for every verb: none may print a password or a token.
func (a Authorizer) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, a.String()) }

// LogValue logs String.
func (a Authorizer) LogValue() slog.Value { return slog.StringValue(a.String()) }
