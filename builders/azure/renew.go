package azureiot

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
)

const (
	// lastMinutes is when every issuer's library has a new token: MSAL takes a token for expired then.
	lastMinutes = 5 * time.Minute
	// pollMin and pollMax bound how long to wait for a new token, or after a failure, before the next try.
	pollMin = 30 * time.Second
	pollMax = 60 * time.Second
)

// renew waits until there is a token that the broker does not have.
func (b *bearer) renew(ctx context.Context, last error) error {
	wait := b.due()
	if last != nil { // put off, or no token: the one before may have expired meanwhile
		wait = poll()
	}
	for {
		if err := sleep(ctx, wait); err != nil {
			return err
		}
		wait = poll()
		if b.watch > 0 {
			wait = b.watch
		}
		token, err := b.get.fetch(ctx)
		if err != nil {
			if b.watch > 0 { // a file is empty or missing for a moment while it is replaced
				continue
			}
			return err
		}
		b.note(token, false)
		if b.better(token) {
			return nil
		}
		if next := b.due(); next > wait { // a recommendation came with it
			wait = next
		}
	}
}

// better keeps a token for the next exchange if the broker should have it: another one, and where both say how long they
// live, one that lives longer. A source that has nothing but expired tokens costs the connection that way no sooner than
// its token does.
func (b *bearer) better(token azcore.AccessToken) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	longer := b.watch > 0 || token.ExpiresOn.IsZero() || b.expires.IsZero() || token.ExpiresOn.After(b.expires)
	if token.Token == b.accepted || !longer {
		return false
	}
	b.fresh = &token
	return true
}

// due returns how long the token that the broker has is good enough.
func (b *bearer) due() time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	switch {
	case b.watch > 0:
		return b.watch
	case b.refresh.After(now) && (b.expires.IsZero() || b.refresh.Before(b.expires.Add(-b.lead))):
		return b.refresh.Sub(now)
	case !b.refresh.IsZero() && !b.refresh.After(now): // recommended, and not there yet
		return poll()
	case b.expires.IsZero() || b.lead <= 0: // it had expired when the broker took it
		return poll()
	}
	// Within the last five minutes, not at once: a service that has to judge the tokens of a whole fleet is thankful. And not
	// in the first half of a short life: who signs a new token for every question would be asked in a loop.
	return max(0, b.expires.Sub(now)-b.lead+rand.N(b.lead/5+1))
}

// poll returns how long to wait for something to change.
func poll() time.Duration { return pollMin + rand.N(pollMax-pollMin) }
