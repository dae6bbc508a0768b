package azureiot

import (
	"context"
	"net"
	"sync"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
)

// connectInterval is how far apart attempts are at least: Event Grid takes one in a second for each session.
const connectInterval = time.Second

// spaced delays attempts that would come too soon after the one before.
func spaced(e mqtt.Endpoint) mqtt.Endpoint {
	dial := e.Dial
	var mu sync.Mutex
	var next time.Time
	e.Dial = func(ctx context.Context) (net.Conn, error) {
		mu.Lock()
		now := time.Now()
		if next.Before(now) {
			next = now
		}
		wait := next.Sub(now)
		next = next.Add(connectInterval)
		mu.Unlock()
		if err := sleep(ctx, wait); err != nil {
			return nil, err
		}
		return dial(ctx)
	}
	return e
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
