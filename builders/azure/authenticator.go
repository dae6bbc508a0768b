package azureiot

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
)

// bearer authenticates with a token: one step, at connect and in place.
type bearer struct {
	method string
	get    *fetcher
	watch  time.Duration // look for a new token this often, whatever the token says; 0: as the token says

	mu       sync.Mutex
	fresh    *azcore.AccessToken // found by renew, for the next exchange
	accepted string              // what the broker has
	expires  time.Time           // of that
	refresh  time.Time           // the first recommendation for it that was not zero
	lead     time.Duration       // how long before it expires there may be a new one
}

// Method names the method.
func (b *bearer) Method() string { return b.method }

// String names the method, and neither token.
func (b *bearer) String() string { return "azureiot: authenticator for " + b.method }

// Format prints String for every verb.
func (b *bearer) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, b.String()) }

// Begin gets a token. A re-authentication that the application asks for sends whatever there is.
func (b *bearer) Begin(ctx context.Context, again bool) (mqtt.AuthExchange, error) {
	b.mu.Lock()
	fresh := b.fresh
	b.fresh = nil
	b.mu.Unlock()
	if again && fresh != nil {
		return &oneStep{bearer: b, token: *fresh, again: true}, nil
	}
	token, err := b.get.fetch(ctx)
	if err != nil {
		return nil, err
	}
	return &oneStep{bearer: b, token: token, again: again}, nil
}

// note remembers a token. Cached tokens come without the recommendation that the first answer had.
func (b *bearer) note(token azcore.AccessToken, accepted bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case accepted && token.Token != b.accepted:
		b.accepted, b.expires, b.refresh = token.Token, token.ExpiresOn, token.RefreshOn
		b.lead = min(lastMinutes, time.Until(token.ExpiresOn)/2)
	case token.Token == b.accepted && !token.RefreshOn.IsZero() && b.refresh.IsZero():
		b.refresh = token.RefreshOn
	}
}

// oneStep is an exchange of one token.
type oneStep struct {
	*bearer
	token azcore.AccessToken
	again bool
}

var errChallenge = errors.New("azureiot: the broker answers a token with a challenge, to which there is no answer")

// Next returns the token. A challenge in a re-authentication means that the broker cannot judge it now.
func (x *oneStep) Next(_ context.Context, challenge []byte) ([]byte, error) {
	switch {
	case challenge == nil:
		return []byte(x.token.Token), nil
	case x.again:
		return nil, mqtt.ErrAuthLater
	}
	return nil, errChallenge
}

// Done notes what the broker has now.
func (x *oneStep) Done(context.Context, []byte) error {
	x.note(x.token, true)
	return nil
}
