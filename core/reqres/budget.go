package reqres

import (
	"context"
	"slices"
)

// waiter waits for parts of the budget.
type waiter struct {
	filters []string
	stream  *Stream // nil: a request
	entries []*entry
	err     error
	ready   chan struct{}
}

func (w *waiter) settle(err error) {
	w.err = err
	close(w.ready)
}

// lease is the right to use filters. They stay subscribed until it is released.
type lease struct {
	c       *Client
	entries []*entry
}

// acquire gets all filters or none: two requests that each hold what the other one needs would wait for ever. Those who
// need room wait in order; a request whose filters are all there waits for nobody.
func (c *Client) acquire(ctx context.Context, filters []string, s *Stream) (*lease, error) {
	w := &waiter{filters: filters, stream: s, ready: make(chan struct{})}
	c.mu.Lock()
	if c.closed != nil {
		defer c.mu.Unlock()
		return nil, c.closed
	}
	c.waiting = append(c.waiting, w)
	c.pump()
	c.mu.Unlock()
	select {
	case <-w.ready:
	case <-ctx.Done():
		c.mu.Lock()
		if i := slices.Index(c.waiting, w); i >= 0 {
			c.waiting = slices.Delete(c.waiting, i, i+1)
			c.pump() // somebody behind may need less
			c.mu.Unlock()
			return nil, ctx.Err()
		}
		c.mu.Unlock()
	}
	if w.err != nil {
		return nil, w.err
	}
	return &lease{c: c, entries: w.entries}, nil
}

// pump serves those who can be served. c.mu is held.
func (c *Client) pump() {
	if c.closed != nil {
		return
	}
	blocked := false
	c.waiting = slices.DeleteFunc(c.waiting, func(w *waiter) bool {
		served, err := c.serve(w, blocked)
		if err != nil {
			w.settle(err)
			return true
		}
		if served {
			w.settle(nil)
			return true
		}
		blocked = true
		return false
	})
}

// serve gives a waiter its filters if there is room. Where others wait for room before it, it gets only what needs none.
// c.mu is held.
func (c *Client) serve(w *waiter, blocked bool) (served bool, err error) {
	missing, leaving, own, pinned := 0, false, 0, 0
	for _, f := range w.filters {
		e := c.filters[f]
		switch {
		case e == nil:
			missing++
		case e.state == filterLeaving:
			missing++
			leaving = true
		case len(e.streams) == 0:
			own++
		}
	}
	for _, e := range c.filters {
		if len(e.streams) > 0 {
			pinned++
		}
	}
	if missing > 0 {
		if missing+own+pinned > c.opts.Budget { // streams do not end by themselves: waiting would be in vain
			return false, ErrBudget
		}
		if blocked {
			return false, nil
		}
		short := missing + len(c.filters) - c.opts.Budget
		for _, e := range c.filters {
			if e.state == filterLeaving {
				short-- // its part comes free in a moment
			}
		}
		c.evict(short, w.filters)
		if leaving || missing+len(c.filters) > c.opts.Budget {
			return false, nil
		}
	}
	for _, f := range w.filters {
		e := c.filters[f]
		if e == nil {
			e = &entry{c: c, name: f, changed: make(chan struct{})}
			c.filters[f] = e
		}
		c.clock++
		e.used = c.clock
		if e.refs++; w.stream != nil {
			e.streams = append(e.streams, w.stream)
			w.stream.entry = e
		}
		w.entries = append(w.entries, e)
	}
	for _, e := range w.entries {
		if e.state == filterNew {
			c.ask(e)
		}
	}
	return true, nil
}

// evict unsubscribes from the n filters that nobody uses and that were used longest ago. c.mu is held.
func (c *Client) evict(n int, but []string) {
	for ; n > 0; n-- {
		var oldest *entry
		for _, e := range c.filters {
			idle := e.refs == 0 && e.state != filterLeaving && !slices.Contains(but, e.name)
			if idle && (oldest == nil || e.used < oldest.used) {
				oldest = e
			}
		}
		if oldest == nil {
			return
		}
		c.stats.Evicted++
		c.leave(oldest)
	}
}

// granted waits until the broker has granted all filters. It fails with the reason as soon as one is refused.
func (l *lease) granted(ctx context.Context) error {
	for _, e := range l.entries {
		for {
			l.c.mu.Lock()
			state, err, changed := e.state, e.err, e.changed
			l.c.mu.Unlock()
			if state == filterGranted {
				break
			}
			if state == filterFailed || state == filterResting {
				return err
			}
			select {
			case <-changed:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
	return nil
}

// release gives the filters back. They stay subscribed for the next request until room is needed.
func (l *lease) release() {
	l.c.mu.Lock()
	defer l.c.mu.Unlock()
	for _, e := range l.entries {
		e.refs--
	}
	l.c.pump()
}
