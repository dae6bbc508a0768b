package azureiot

import (
	"context"
	"sync"
	"time"
)

// connectInterval is how far apart attempts are at least: Event Grid takes one in a second for each session. The rest is
// for packets that do not take the same time to arrive.
const connectInterval = 1100 * time.Millisecond

// gate delays a CONNECT that would come too soon after the one before: it is the packets that count, however long a
// connection takes to be made.
type gate struct {
	mu   sync.Mutex
	next time.Time
}

func (g *gate) wait(ctx context.Context) error {
	g.mu.Lock()
	now := time.Now()
	if g.next.Before(now) {
		g.next = now
	}
	wait := g.next.Sub(now)
	g.next = g.next.Add(connectInterval)
	g.mu.Unlock()
	return sleep(ctx, wait)
}

// sleep waits, or returns why it could not.
func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
