package azureiot

import (
	"context"
	"math/rand/v2"
	"time"
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
		b.mu.Lock()
		changed := token.Token != b.accepted
		if changed {
			b.fresh = &token
		}
		b.mu.Unlock()
		if changed {
			return nil
		}
		if next := b.due(); next > wait { // a recommendation came with it
			wait = next
		}
	}
}

// due returns how long the token that the broker has is good enough.
func (b *bearer) due() time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	switch {
	case b.watch > 0:
		return b.watch
	case b.refresh.After(now):
		return b.refresh.Sub(now)
	case !b.refresh.IsZero(): // recommended, and not there yet
		return poll()
	case b.expires.IsZero():
		return poll()
	}
	// Within the last five minutes, not at once: a service that has to judge the tokens of a whole fleet is thankful.
	return max(0, b.expires.Sub(now)-lastMinutes+rand.N(lastMinutes/5))
}

// poll returns how long to wait for something to change.
func poll() time.Duration { return pollMin + rand.N(pollMax-pollMin) }
