package mqtt

import (
	"context"
	"fmt"
)

// guarded runs code of the application on a goroutine of its own, and waits for it as long as ctx lasts: it may block
// beyond that, panic, or end its goroutine. The goroutine counts for Done.
func guarded[T any](ctx context.Context, c *Client, what string, f func() (T, error)) (T, error) {
	return guardedLate(ctx, c, what, f, func(T) {})
}

// guardedLate is guarded with a function that gets what nobody waits for any more.
func guardedLate[T any](ctx context.Context, c *Client, what string, f func() (T, error), late func(T)) (T, error) {
	type outcome struct {
		v   T
		err error
	}
	over, gone := make(chan outcome), make(chan struct{})
	c.mu.Lock()
	c.spawn(func() {
		o := outcome{err: fmt.Errorf("mqtt: the %s panicked", what)}
		returned := false
		defer func() {
			if !returned {
				c.panicked(what, recover())
			}
			select {
			case over <- o:
			case <-gone:
				if returned {
					late(o.v)
				}
			}
			c.mu.Lock()
			c.exit()
			c.mu.Unlock()
		}()
		v, err := f()
		o, returned = outcome{v, err}, true
	})
	c.mu.Unlock()
	select {
	case o := <-over:
		return o.v, o.err
	case <-ctx.Done():
	}
	select {
	case o := <-over:
		return o.v, o.err
	default:
		close(gone)
		var zero T
		return zero, fmt.Errorf("the %s has not returned in time: %w", what, ctx.Err())
	}
}
