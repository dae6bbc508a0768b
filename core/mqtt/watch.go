package mqtt

import "slices"

// watcher is told what happens to the connection and the subscriptions, on a goroutine of its own.
type watcher struct {
	t     *Trace
	queue serial[func()]
}

// Watch tells t, beside [Config.Trace], what happens from now on to the connection and the subscriptions: Connected,
// Disconnected, SubscriptionRestored, SubscriptionLost and Closed; the other functions are not called. It is told first
// how things stand: Connected on a connected client, Closed on a closed one. It is for libraries on top of the client,
// which have no say in the configuration.
//
// The functions run one at a time, in order, on a goroutine that nothing else uses. After stop no other one begins.
func (c *Client) Watch(t *Trace) (stop func()) {
	w := &watcher{t: t}
	w.queue.init(c, traceFunction, func(f func()) { f() })
	c.mu.Lock()
	defer c.mu.Unlock()
	switch c.state {
	case StateConnected:
		c.tellWatcher(w, connectedTo(c.session))
	case StateClosed:
		c.tellWatcher(w, closedBy(c.closed))
		return func() {}
	}
	c.watchers = append(c.watchers, w)
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.watchers = slices.DeleteFunc(c.watchers, func(x *watcher) bool { return x == w })
		w.t = new(Trace)
	}
}

// announce tells the application's trace and all watchers. pick returns the function to call, nil where there is none.
// c.mu is held.
func (c *Client) announce(pick func(t *Trace) func()) {
	if f := pick(c.cfg.Trace); f != nil {
		c.tell(f)
	}
	for _, w := range c.watchers {
		c.tellWatcher(w, pick)
	}
}

func (c *Client) tellWatcher(w *watcher, pick func(t *Trace) func()) {
	if pick(w.t) == nil {
		return
	}
	if len(w.queue.in) >= maxTold {
		c.stats.Untold++
		return
	}
	w.queue.add(func() {
		c.mu.Lock()
		f := pick(w.t) // none after stop
		c.mu.Unlock()
		if f != nil {
			f()
		}
	})
}

func connectedTo(s Session) func(t *Trace) func() {
	return func(t *Trace) func() {
		if t.Connected == nil {
			return nil
		}
		f := t.Connected
		return func() { f(s) }
	}
}

func closedBy(err error) func(t *Trace) func() {
	return func(t *Trace) func() {
		if t.Closed == nil {
			return nil
		}
		f := t.Closed
		return func() { f(err) }
	}
}

func disconnectedBy(err error) func(t *Trace) func() {
	return func(t *Trace) func() {
		if t.Disconnected == nil {
			return nil
		}
		f := t.Disconnected
		return func() { f(err) }
	}
}

func subscriptionRestored(filter string) func(t *Trace) func() {
	return func(t *Trace) func() {
		if t.SubscriptionRestored == nil {
			return nil
		}
		f := t.SubscriptionRestored
		return func() { f(filter) }
	}
}

func subscriptionLost(filter string, err error) func(t *Trace) func() {
	return func(t *Trace) func() {
		if t.SubscriptionLost == nil {
			return nil
		}
		f := t.SubscriptionLost
		return func() { f(filter, err) }
	}
}
