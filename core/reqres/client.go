package reqres

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
)

// Options are for [New].
type Options struct {
	// Budget is how many filters may be subscribed at the same time, for requests and streams together. Default 40.
	Budget int
	// Linger is how long a request that was given up on keeps the next one that only its answer's topic could tell
	// from it, not counting the time without a connection. Default 30 s; negative: not at all.
	Linger time.Duration
	// Report is told of what goes wrong and has no caller to tell: answers that are no JSON, streams that could not be
	// subscribed again for now, panics of event functions. It may be called from several goroutines. nil: nobody is told.
	Report func(err error)
}

const (
	defaultBudget = 40
	defaultLinger = 30 * time.Second
)

// Client makes requests and streams on one [mqtt.Client]. Its methods may be called from any goroutine, handlers
// included.
type Client struct {
	mqtt   *mqtt.Client
	opts   Options
	ctx    context.Context // of everything the client does by itself
	cancel context.CancelFunc
	stop   func() // stops watching

	// mu guards what follows, and all fields of entries, calls, lanes and streams that do not say otherwise. The MQTT
	// client is never called while it is held.
	mu      sync.Mutex
	closed  error             // what everything ends with once the client is closed
	session uint64            // the number of the latest session of the MQTT client
	online  time.Time         // since when it is connected; zero: it is not
	filters map[string]*entry // each takes a part of the budget
	clock   uint64            // counts uses of filters
	waiting []*waiter         // for a part of the budget, in order
	lanes   map[string]*lane
	calls   map[string][]*call // by the topic on which an answer can come
	recent  recent
	stats   Stats
	working sync.WaitGroup // goroutines that subscribe and unsubscribe
}

// New returns a client. It subscribes to nothing before it is used.
func New(c *mqtt.Client, optFns ...func(*Options)) *Client {
	o := Options{Budget: defaultBudget, Linger: defaultLinger}
	for _, f := range optFns {
		f(&o)
	}
	r := &Client{mqtt: c, opts: o, filters: make(map[string]*entry), lanes: make(map[string]*lane),
		calls: make(map[string][]*call)}
	r.ctx, r.cancel = context.WithCancel(context.Background())
	r.stop = c.Watch(&mqtt.Trace{
		Connected:            r.connected,
		Disconnected:         r.disconnected,
		SubscriptionRestored: r.restored,
		SubscriptionLost:     r.lost,
		Closed:               r.end,
	})
	return r
}

// MQTT returns the client that New was given.
func (c *Client) MQTT() *mqtt.Client { return c.mqtt }

// Close ends all requests and streams with [ErrClosed] and unsubscribes from all filters. It waits for the broker's
// answers as long as ctx allows. The MQTT client goes on.
func (c *Client) Close(ctx context.Context) error {
	c.stop()
	c.mu.Lock()
	var subs []*mqtt.Subscription
	for _, e := range c.filters {
		if e.sub != nil {
			subs = append(subs, e.sub)
		}
	}
	c.mu.Unlock()
	c.end(ErrClosed) // streams first: their part of a filter would keep it subscribed
	c.working.Wait()
	var failed []error
	for _, s := range subs {
		if err := s.Close(ctx); err != nil {
			failed = append(failed, err)
		}
	}
	return errors.Join(failed...)
}

// end ends everything.
func (c *Client) end(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed != nil {
		return
	}
	c.closed = err
	c.cancel()
	for _, list := range c.calls {
		for _, k := range list {
			k.end(Response{}, err)
		}
	}
	clear(c.calls)
	for _, w := range c.waiting {
		w.settle(err)
	}
	c.waiting = nil
	for _, e := range c.filters {
		e.set(filterFailed, err)
		for _, s := range e.streams {
			s.halt(err)
		}
		e.streams = nil
	}
	clear(c.filters)
	for _, l := range c.lanes {
		l.stop()
	}
}

// Stats counts what a client has done.
type Stats struct {
	Requests  uint64 // published
	Answers   uint64 // that reached their request
	Unmatched uint64 // messages where answers come that answer none of this client's requests
	Malformed uint64 // messages there that are not what they have to be
	Evicted   uint64 // filters that were unsubscribed to make room
	Filters   int    // subscribed now, or about to be
}

// Stats returns a copy of the counters.
func (c *Client) Stats() Stats {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.stats
	s.Filters = len(c.filters)
	return s
}

// report tells of an error that has no caller. c.mu is not held.
func (c *Client) report(err error) {
	if f := c.opts.Report; f != nil {
		f(err)
	}
}
