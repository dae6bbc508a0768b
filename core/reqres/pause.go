package reqres

import (
	"context"
	"math/rand/v2"
	"time"
)

// longestPause is that between attempts to subscribe.
const longestPause = time.Minute

// Pause waits before something is tried again that has failed, until ctx ends. n is how often it had failed before: the
// pause is half a second, doubled with each failure up to longest, and a random half of it off so that devices do not come
// at the same time.
func Pause(ctx context.Context, n int, longest time.Duration) {
	t := time.NewTimer(pause(n, longest))
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

func pause(n int, longest time.Duration) time.Duration {
	d := longest
	if n < 20 {
		d = min(d, 500*time.Millisecond<<n)
	}
	return d/2 + rand.N(d/2+1)
}
