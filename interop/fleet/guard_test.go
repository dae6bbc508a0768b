package fleet

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// errStill is why everything ends when nothing moves any more.
var errStill = errors.New("the broker has received nothing for 30 s")

// guard returns a context that ends when the fleet stands still: what waits then waits for nothing, and has been left
// hanging. How long a request takes is no measure of that, since a busy machine may be slow with all of them.
func (f *fleet) guard(parent context.Context) (ctx context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(parent)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for seen, quiet := uint64(0), time.Duration(0); ; {
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
			if now := f.srv.Stats().PacketsIn; now != seen {
				seen, quiet = now, 0
			} else if quiet += time.Second; quiet >= limit {
				cancel(errStill)
				return
			}
		}
	}()
	return ctx, func() { cancel(nil); <-ended }
}

// hanging adds why the context has ended to the error of what it has ended.
func hanging(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return fmt.Errorf("%w: %w", context.Cause(ctx), err)
	}
	return err
}
