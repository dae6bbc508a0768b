package mqtt

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"

	"github.com/gneiss-mqtt/gneiss-go/core/engine"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// Filter is a topic filter and how it is subscribed.
type Filter struct {
	Filter string     // may have + and #, and be $share/group/filter
	QoS    packet.QoS // the highest QoS at which messages are delivered

	// Options of MQTT 5.
	NoLocal           bool                  // not what this client publishes
	RetainAsPublished bool                  // keep the retain flag of forwarded messages
	RetainHandling    packet.RetainHandling // whether to get retained messages
}

// SubscribeOptions are for [Client.SubscribeWith].
type SubscribeOptions struct {
	// Handler gets the messages. nil: they wait for [Subscription.Messages].
	Handler Handler
	// Borrow lends payloads to the handler, valid only until it returns, and saves the copy of each.
	Borrow bool
	// Drop says which messages at QoS 0 are dropped while the handler is too far behind: see [Config.InboundBytes].
	Drop DropPolicy
	// Local sends no SUBSCRIBE: the handler gets what an earlier subscription of the session brings, as after a
	// restart of the process. Register it before [Client.Start], so that nothing arrives unclaimed.
	Local bool
	// User is sent with the SUBSCRIBE. MQTT 5 only.
	User []packet.UserProperty
}

// Subscription receives the messages of its filters.
type Subscription struct {
	c       *Client
	opts    SubscribeOptions
	id      uint32
	loop    func() // run, stored so that starting it allocates nothing
	arrived chan struct{}
	closed  chan struct{}

	// Guarded by the client's mutex, except that consumer.now belongs to the consuming goroutine.
	filters   []string
	in, spare batch
	running   bool // a goroutine consumes
	isReady   bool
	stuck     bool   // the reader has waited for it in vain
	slab      []byte // small payloads of a stream
	err       error
	ended     bool
	closing   bool // Close has begun
	consumer  consumer
}

// ErrBusy says that another loop consumes the subscription's messages, or its handler does.
var ErrBusy = errors.New("mqtt: subscription is being consumed already")

func (c *Client) newSubscription(o SubscribeOptions) *Subscription {
	o.Borrow = o.Borrow && o.Handler != nil // a loop may keep what it is given
	s := &Subscription{c: c, opts: o, arrived: make(chan struct{}, 1), closed: make(chan struct{})}
	s.loop = s.run
	s.consumer.s = s
	return s
}

// wake starts the consumer. c.mu is held.
func (s *Subscription) wake() {
	if s.opts.Handler == nil {
		select {
		case s.arrived <- struct{}{}:
		default:
		}
		return
	}
	if !s.running && len(s.in.list) > 0 {
		s.running = true
		s.c.spawn(s.loop)
	}
}

// end closes the subscription. c.mu is held.
func (s *Subscription) end(err error) {
	if s.ended {
		return
	}
	s.ended, s.err = true, err
	close(s.closed)
	s.abandon()
}

// abandon acknowledges the messages of a closed subscription that no loop will take: one that is held back holds back all
// that came later [MQTT-4.6.0-2]. c.mu is held.
func (s *Subscription) abandon() {
	c := s.c
	if !s.ended || s.err != nil || s.running || s.opts.Handler != nil || len(s.in.list) == 0 {
		return
	}
	for i := range s.in.list {
		m := &s.in.list[i]
		if m.share == nil || m.share.taken(packet.Success, "") {
			_ = c.engine.Ack(c.stamp, m.token, packet.Success, "")
		}
	}
	c.consumed(s.in.bytes)
	s.in = batch{}
	c.settle()
}

// String names the filters.
func (s *Subscription) String() string {
	return fmt.Sprintf("mqtt.Subscription{Filters: %q}", s.Filters())
}

// Format is String for every verb.
func (s *Subscription) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// Filters returns the filters that are subscribed.
func (s *Subscription) Filters() []string {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	return slices.Clone(s.filters)
}

// Messages yields the messages of a subscription without a handler, in order. A message is acknowledged when the loop
// comes back for the next one, or ends. The loop ends with a last pair that carries an error when ctx ends, when the
// client is closed or when the broker refuses to restore the subscription, and without one after
// [Subscription.Close]. To break out of the loop keeps the subscription: the next loop goes on where it ended. Only one
// loop may run at a time.
func (s *Subscription) Messages(ctx context.Context) iter.Seq2[Message, error] {
	return func(yield func(Message, error) bool) {
		c := s.c
		c.mu.Lock()
		if s.running || s.opts.Handler != nil {
			c.mu.Unlock()
			yield(Message{}, ErrBusy)
			return
		}
		s.running = true
		c.mu.Unlock()
		err, broken := s.pull(ctx, yield)
		if err != nil && !broken {
			yield(Message{}, err)
		}
	}
}

// pull hands out messages until something ends the loop.
func (s *Subscription) pull(ctx context.Context, yield func(Message, error) bool) (err error, broken bool) {
	c, k := s.c, &s.consumer
	defer func() { // also when the loop's body panics
		c.mu.Lock()
		s.running = false
		s.abandon()
		c.mu.Unlock()
	}()
	for {
		c.mu.Lock()
		taken, ended, reason := k.take(), s.ended, s.err
		c.mu.Unlock()
		if taken {
			if err, broken := s.pullBatch(ctx, yield); err != nil || broken {
				return err, broken
			}
			continue
		}
		if ended {
			return reason, false
		}
		select {
		case <-s.arrived:
		case <-s.closed:
		case <-ctx.Done():
			return ctx.Err(), false
		}
	}
}

func (s *Subscription) pullBatch(ctx context.Context, yield func(Message, error) bool) (err error, broken bool) {
	k := &s.consumer
	defer k.end() // also when the loop's body panics
	for k.next < len(k.list) && !broken {
		if err := ctx.Err(); err != nil {
			return err, false
		}
		m := k.list[k.next]
		k.next++ // handled, whatever the loop's body does with it
		broken = !yield(m, nil)
		k.handled()
	}
	return nil, broken
}

// Close unsubscribes, and ends the loops over Messages. Filters that another subscription of this client has too stay
// subscribed. Messages that are under way may still reach the handler or a loop that runs; what waits for a later loop
// is acknowledged and dropped.
//
// The subscription is closed even where the broker could not be told. Then Close may be called again.
func (s *Subscription) Close(ctx context.Context) error {
	c := s.c
	c.mu.Lock()
	s.closing = true
	filters := s.filters
	c.mu.Unlock()
	err := c.inChunks(filters, func(chunk []string) error {
		k := c.newCall()
		k.op.Kind, k.ready = engine.OpUnsubscribe, func() bool { return s.leave(k, chunk) }
		err := c.request(ctx, k, nil)
		if errors.Is(err, errNotNeeded) || errors.Is(err, ErrClosed) {
			return nil
		}
		return err
	})
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, f := range s.filters {
		c.router.remove(f, s)
	}
	if err == nil {
		s.filters = nil
	}
	s.end(nil)
	return err
}

// leave puts those of the filters into an UNSUBSCRIBE that no other subscription has, and reports whether there are any. It
// runs right before the packet is submitted: another SUBSCRIBE is either known here, or comes later on the wire. c.mu is
// held.
func (s *Subscription) leave(k *call, filters []string) bool {
	k.op.Unsubscribe.Filters = nil
	for _, f := range filters {
		if !s.opts.Local && s.c.router.sole(f, s) {
			k.op.Unsubscribe.Filters = append(k.op.Unsubscribe.Filters, f)
		}
	}
	return len(k.op.Unsubscribe.Filters) > 0
}

var errNotNeeded = errors.New("mqtt: there is nothing to unsubscribe")

func (f *Filter) packet() packet.Filter {
	return packet.Filter{Filter: f.Filter, QoS: f.QoS, NoLocal: f.NoLocal,
		RetainAsPublished: f.RetainAsPublished, RetainHandling: f.RetainHandling}
}

// Unsubscribe ends subscriptions at the broker, whoever made them. To end a [Subscription], close it.
func (c *Client) Unsubscribe(ctx context.Context, filters ...string) error {
	return c.inChunks(filters, func(chunk []string) error {
		k := c.newCall()
		k.op.Kind = engine.OpUnsubscribe
		k.op.Unsubscribe.Filters = slices.Clone(chunk)
		return c.request(ctx, k, nil)
	})
}

// inChunks calls f with as many filters at a time as the service takes in one packet; once where there are none.
func (c *Client) inChunks(filters []string, f func(chunk []string) error) error {
	limit := c.cfg.Endpoint.Limits.FiltersPerSubscribe
	if limit <= 0 || len(filters) <= limit {
		return f(filters)
	}
	var failed []error
	for chunk := range slices.Chunk(filters, limit) {
		if err := f(chunk); err != nil {
			failed = append(failed, err)
		}
	}
	return errors.Join(failed...)
}

// request submits a SUBSCRIBE or UNSUBSCRIBE and waits.
func (c *Client) request(ctx context.Context, k *call, late func()) error {
	c.mu.Lock()
	if err := c.submit(ctx, k); err != nil {
		c.mu.Unlock()
		err = k.failure(err, false)
		k.recycle()
		return err
	}
	c.settle()
	c.mu.Unlock()
	described := k.failure(nil, true).(*OpError)
	keep, err := c.wait(ctx, k, late)
	if err == nil {
		k.recycle()
		return nil
	}
	described.Err = err
	if !keep {
		described.Sent = k.op.Sent
		k.recycle()
	}
	return described
}
