package azureiot

import (
	"context"
	"sync"
	"time"
)

// connectInterval is how far apart attempts are at least: Event Grid takes one in a second for each session. The rest is
// for packets that do not take the same time to arrive.
const connectInterval = 1100 * time.Millisecond

// gate delays a CONNECT that would come too soon after the one before of its session: it is the packets that count, however
// long a connection takes to be made. Clients that share an endpoint do not wait for one another.
type gate struct {
	mu   sync.Mutex
	last map[string]time.Time // when the last CONNECT was sent, by client identifier
}

func (g *gate) wait(ctx context.Context, clientID string) error {
	g.mu.Lock()
	now := time.Now()
	for id, at := range g.last { // those of the last second are few
		if now.Sub(at) >= connectInterval {
			delete(g.last, id)
		}
	}
	at := now
	if last, ok := g.last[clientID]; ok && clientID != "" { // each CONNECT without an identifier begins a session of its own
		at = last.Add(connectInterval)
	}
	if g.last == nil {
		g.last = make(map[string]time.Time)
	}
	g.last[clientID] = at
	g.mu.Unlock()
	return sleep(ctx, at.Sub(now))
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
