package service

import (
	"context"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/packet"
	"github.com/gneiss-mqtt/gneiss-go/emulator/internal/account"
)

// Host is the running emulator, to handlers of HTTP requests. Its methods take the emulator's lock: nothing that a
// [Service] or a function given to Do runs may call them.
type Host interface {
	// Do runs f with the lock held, when it may use services and the account, and publishes what f returns. It fails only
	// when the emulator is not running; then f is not called.
	Do(f func(now time.Time, a *account.Account) []Message) error
	// Publish publishes a message of a principal, as its PUBLISH would: the emulator's rules, its policies where they are
	// in force, and the services apply. The error of a refusal is a [*Refusal].
	Publish(p *account.Principal, m packet.Publish) error
	// Allowed reports whether the policies allow an action on a resource such as "thing/NAME", which is always so where
	// policies are not in force.
	Allowed(p *account.Principal, action, resource string) bool
	// Retained returns the retained messages that a filter matches.
	Retained(filter string) []packet.Publish
	// Disconnect ends a client's connection with reason code 0x98; clean ends its session too, and will says whether its
	// will is published. It reports whether there was a connection or, with clean, a session.
	Disconnect(clientID string, clean, will bool) bool
	// StatusChanged disconnects whoever is connected with a certificate that is not active any more.
	StatusChanged(certificateID string)
	// NewCertificate signs the public key of a request, or makes a key where the request is nil, and returns the
	// certificate and the new key as PEM. It is not registered yet.
	NewCertificate(csr []byte) (cert, key []byte, err error)
}

// Refusal is why a message was not accepted.
type Refusal struct {
	Code   packet.ReasonCode
	Reason string
}

// Error names the reason code and what is behind it.
func (r *Refusal) Error() string {
	if r.Reason == "" {
		return "emulator: " + r.Code.String()
	}
	return "emulator: " + r.Code.String() + ": " + r.Reason
}

type principalKey struct{}

// WithPrincipal returns a context that says who has sent a request.
func WithPrincipal(ctx context.Context, p *account.Principal) context.Context {
	return context.WithValue(ctx, principalKey{}, p)
}

// PrincipalOf returns who has sent the request that the context belongs to: never nil for a request that the emulator
// hands to a handler.
func PrincipalOf(ctx context.Context) *account.Principal {
	p, _ := ctx.Value(principalKey{}).(*account.Principal)
	return p
}
