package reqres

import (
	"context"
	"errors"
	"slices"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// Status is how a stream stands.
type Status uint8

// The states of a stream.
const (
	// Established: the broker sends the messages from now on. What happened before has to be asked for.
	Established Status = iota + 1
	// Lost: messages are missed until Established. The stream subscribes again by itself.
	Lost
	// Halted: the stream is over, because the broker refuses it or the client is closed.
	Halted
)

// String returns the name in lower case.
func (s Status) String() string {
	return [...]string{"closed", "established", "lost", "halted"}[min(s, Halted)]
}

// StreamEvent tells of a change. Err says why, except for Established.
type StreamEvent struct {
	Status Status
	Err    error
}

// StreamOptions are for [Client.OpenStream].
type StreamOptions struct {
	// Filter is what is subscribed, at QoS 1.
	Filter string
	// Handler gets the messages, one at a time and in order. As long as it blocks, the messages after it are not
	// acknowledged, and nothing else is delayed.
	Handler mqtt.Handler
	// Event is told of changes, one at a time and in order, beside the handler and not in order with it. Established
	// after a loss means that messages may have been missed. nil: nobody is told.
	Event func(StreamEvent)
	// NoWait makes OpenStream return at once: Event tells the rest. Opened so before [mqtt.Client.Start], a stream gets also
	// what waits for it in a session that the broker has kept from an earlier process.
	//
	// [mqtt.Client.Start]: https://pkg.go.dev/github.com/gneiss-mqtt/gneiss-go/core/mqtt#Client.Start
	// [Stream.Wait] waits.
	NoWait bool
}

// Stream hands messages to a function until it is closed or halted.
type Stream struct {
	c     *Client
	opts  StreamOptions
	ready chan struct{} // closed when the stream is established for the first time, or halted

	// Guarded by the client's mutex.
	entry       *entry
	local       *mqtt.Subscription
	established bool
	closed      bool
	status      Status
	err         error
	events      []StreamEvent
	telling     bool
}

// OpenStream subscribes to a filter and hands over its messages. It returns when the broker has granted it, with an
// [*Error] when the broker refuses it, and tries again after other failures as long as ctx allows. Afterwards ctx is of
// no importance: the stream lives until [Stream.Close], through reconnects and lost sessions. A filter that the broker
// refuses to restore is asked for again, with growing pauses, unless the refusal is final: then the stream is halted.
func (c *Client) OpenStream(ctx context.Context, o StreamOptions) (*Stream, error) {
	s := &Stream{c: c, opts: o, ready: make(chan struct{})}
	fail := func(stage Stage, err error) (*Stream, error) {
		return nil, &Error{Topic: o.Filter, Stage: stage, Err: err}
	}
	if err := packet.CheckFilter(o.Filter); err != nil {
		return fail(StageQueue, err)
	}
	if o.Handler == nil {
		return fail(StageQueue, errors.New("the stream has no handler"))
	}
	s.listen() // also where the filter is there already
	if _, err := c.acquire(ctx, []string{o.Filter}, s); err != nil {
		s.unlisten()
		return fail(StageQueue, err)
	}
	c.mu.Lock()
	if s.entry.state == filterGranted && !s.established {
		s.tell(StreamEvent{Status: Established})
	}
	c.mu.Unlock()
	if o.NoWait {
		return s, nil
	}
	if err := s.Wait(ctx); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// Wait waits until the broker has granted the filter for the first time, and fails with an [*Error] where it has refused it
// or ctx ends before.
func (s *Stream) Wait(ctx context.Context) error {
	var err error
	select {
	case <-s.ready:
		s.c.mu.Lock()
		defer s.c.mu.Unlock()
		if s.established || s.err == nil {
			return nil
		}
		err = s.err
	case <-ctx.Done():
		err = ctx.Err()
	}
	return &Error{Topic: s.opts.Filter, Stage: StageSubscribe, Err: err}
}

// Status returns how the stream stands, and why.
func (s *Stream) Status() (Status, error) {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	return s.status, s.err
}

// Close ends the stream. A message that is being handled is handled to its end, and no other one after it. The filter is
// unsubscribed in the background where nobody else needs it.
func (s *Stream) Close() {
	s.unlisten()
	c := s.c
	c.mu.Lock()
	defer c.mu.Unlock()
	if s.closed {
		return
	}
	if !s.established && s.status != Halted {
		close(s.ready)
	}
	s.closed, s.status, s.err = true, 0, errReleased
	e := s.entry
	i := slices.Index(e.streams, s)
	if i < 0 { // halted
		return
	}
	e.streams = slices.Delete(e.streams, i, i+1)
	if e.refs--; e.refs == 0 && e.state != filterLeaving && c.closed == nil {
		// Unlike a filter for answers, it brings messages that nobody wants.
		if e.state == filterResting {
			c.gone(e)
		} else {
			c.leave(e)
		}
	}
	c.pump()
}

// listen takes the messages of the filter, which the entry has subscribed or will, on a queue of the stream's own: a
// handler that blocks delays no other stream and no answer.
func (s *Stream) listen() {
	c := s.c
	c.mu.Lock()
	need := s.local == nil && !s.closed && s.status != Halted
	c.mu.Unlock()
	if !need {
		return
	}
	local, err := c.mqtt.SubscribeWith(c.ctx, mqtt.SubscribeOptions{Local: true, Handler: s.handle},
		mqtt.Filter{Filter: s.opts.Filter, QoS: packet.QoS1})
	if err != nil { // the MQTT client is closed
		return
	}
	c.mu.Lock()
	unwanted := s.local != nil || s.closed
	if !unwanted {
		s.local = local
	}
	c.mu.Unlock()
	if unwanted {
		_ = local.Close(c.ctx)
	}
}

// deaf notes that the MQTT client has ended the local part along with the filter. c.mu is held.
func (s *Stream) deaf() {
	if local := s.local; local != nil {
		s.local = nil
		s.c.working.Go(func() { _ = local.Close(s.c.ctx) }) // sends nothing
	}
}

func (s *Stream) unlisten() {
	s.c.mu.Lock()
	local := s.local
	s.local = nil
	s.c.mu.Unlock()
	if local != nil {
		_ = local.Close(s.c.ctx) // sends nothing
	}
}

func (s *Stream) handle(m mqtt.Message) {
	defer m.Ack() // with manual acknowledgements
	s.c.mu.Lock()
	over := s.closed || s.status == Halted
	s.c.mu.Unlock()
	if !over {
		s.opts.Handler(m)
	}
}

// hopeless reports whether it makes no sense to ask for the filter again: a refusal that is about the filter or the
// client's rights, or any refusal as long as OpenStream can report it. c.mu is held.
func (s *Stream) hopeless(err error) bool {
	if errors.Is(err, mqtt.ErrClosed) {
		return true
	}
	refusal, ok := errors.AsType[*mqtt.ReasonError](err)
	if !ok {
		_, limit := errors.AsType[*mqtt.LimitError](err)
		return limit
	}
	if !s.established {
		return true
	}
	for _, code := range append([]packet.ReasonCode{refusal.Code}, refusal.Codes...) {
		switch code {
		case packet.NotAuthorized, packet.TopicFilterInvalid, packet.SharedSubscriptionsNotSupported,
			packet.WildcardSubscriptionsNotSupported, packet.SubscriptionIdentifiersNotSupported:
			return true
		}
	}
	return false
}
