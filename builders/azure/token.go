package azureiot

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
)

// TokenSource gets a token, as from an issuer or a file. It is asked at every attempt and when a token is due; it may hand
// out the same token again, and must honour its context. Where ExpiresOn is zero and the token is a JWT, its exp claim is
// taken; a token without an end is renewed only when it changes.
type TokenSource func(ctx context.Context) (azcore.AccessToken, error)

// TokenTooLargeError says that a token is larger than the service takes. The client does not try again.
type TokenTooLargeError struct {
	Size, Limit int // bytes
}

// Error gives the numbers.
func (e *TokenTooLargeError) Error() string {
	return fmt.Sprintf("azureiot: the token has %d bytes, the service takes %d: ask for one with fewer claims, such as groups", e.Size, e.Limit)
}

// entra is a source that asks for tokens of one scope.
func entra(credential azcore.TokenCredential, scope string) TokenSource {
	return func(ctx context.Context) (azcore.AccessToken, error) {
		// Without EnableCAE: a broker has no claims challenges.
		return credential.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{scope}})
	}
}

// fetchTimeout bounds one question to a source. The managed identity endpoint is asked six times when it does not answer,
// which takes minutes.
const fetchTimeout = time.Minute

var errNoToken = errors.New("azureiot: the token is empty")

// fetcher asks a source, one question at a time: one that does not honour its context is not asked again before it has
// answered.
type fetcher struct {
	source TokenSource
	max    int
	turn   chan struct{} // one slot
}

func newFetcher(source TokenSource, maxToken int) *fetcher {
	return &fetcher{source: source, max: maxToken, turn: make(chan struct{}, 1)}
}

type fetched struct {
	token azcore.AccessToken
	err   error
}

// fetch returns a token that may be sent.
func (f *fetcher) fetch(ctx context.Context) (azcore.AccessToken, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	late := func() (azcore.AccessToken, error) {
		return azcore.AccessToken{}, fmt.Errorf("azureiot: get a token: %w", ctx.Err())
	}
	select {
	case f.turn <- struct{}{}:
	case <-ctx.Done():
		return late()
	}
	over := make(chan fetched, 1)
	go func() {
		r := fetched{err: errors.New("it panicked")}
		defer func() {
			_ = recover() // its value may be a secret
			over <- r
			<-f.turn
		}()
		token, err := f.source(ctx)
		r = fetched{token, err}
	}()
	var r fetched
	select {
	case r = <-over:
	case <-ctx.Done():
		return late()
	}
	switch size := len(r.token.Token); {
	case r.err != nil:
		return r.token, fmt.Errorf("azureiot: get a token: %w", r.err)
	case size == 0:
		return r.token, errNoToken
	case size > f.max:
		return r.token, &TokenTooLargeError{Size: size, Limit: f.max}
	}
	if r.token.ExpiresOn.IsZero() {
		r.token.ExpiresOn = expiry(r.token.Token)
	}
	return r.token, nil
}
