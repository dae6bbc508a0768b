package reqres

import (
	"context"
	"errors"
	"slices"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// call is a request that is under way. It is on the lists of its topics until it is over.
//
// It ends exactly once, by whatever comes first: its answer, the failure of its publish, the loss of the session in
// which it was acknowledged, the end of its context or of the client.
type call struct {
	r       *Request
	lane    string
	done    chan struct{}
	cancel  context.CancelFunc // ends the publish: with the answer here, its acknowledgement is of no interest
	session uint64             // in which it was acknowledged; 0: it was not
	began   uint64             // how often the client had connected when it was published
	expect  int                // in its lane, when nobody waits: how many answers may come
	over    bool
	resp    Response
	err     error
}

// end ends the call. c.mu is held.
func (k *call) end(resp Response, err error) {
	if k.over {
		return
	}
	k.over, k.resp, k.err = true, resp, err
	close(k.done)
	k.cancel()
}

// Do makes a request and returns its answer. Errors are of type [*Error]; an answer that came on the topic for
// refusals is no error.
//
// When ctx ends after the request was sent, it may still be executed; [NotSent] tells.
func (c *Client) Do(ctx context.Context, r Request) (Response, error) {
	fail := func(stage Stage, sent bool, err error) (Response, error) {
		return Response{}, &Error{Topic: r.Message.Topic, Stage: stage, Sent: sent, Err: err}
	}
	if err := r.check(); err != nil {
		return fail(StageQueue, false, err)
	}
	lane := r.lane()
	if err := c.enter(ctx, lane); err != nil {
		return fail(StageQueue, false, err)
	}
	held := true
	defer func() {
		if held {
			c.mu.Lock()
			c.pass(lane)
			c.mu.Unlock()
		}
	}()
	l, err := c.acquire(ctx, r.Filters, nil)
	if err != nil {
		return fail(StageQueue, false, err)
	}
	defer l.release()
	for sent := false; ; {
		if err := l.granted(ctx); err != nil {
			return fail(StageSubscribe, sent, err)
		}
		k := &call{r: &r, lane: lane}
		stage, reached, err := c.exchange(ctx, k)
		sent = sent || reached
		if err == nil {
			held = !c.lingerTwice(k)
			return k.resp, nil
		}
		if r.Repeat && errors.Is(err, mqtt.ErrSessionLost) && ctx.Err() == nil {
			continue
		}
		if ctx.Err() != nil && sent && c.opts.Linger > 0 {
			again := c.sentAgain(k)
			c.mu.Lock()
			if held = c.closed != nil || k.over; !held {
				c.linger(k, 1+again, c.opts.Linger)
			}
			c.mu.Unlock()
		}
		return fail(stage, sent, err)
	}
}

// exchange publishes and waits for the answer. After the end of ctx the call stays on its lists if it keeps its lane.
func (c *Client) exchange(ctx context.Context, k *call) (stage Stage, sent bool, err error) {
	k.done = make(chan struct{})
	var publishing context.Context
	publishing, k.cancel = context.WithCancel(ctx)
	defer k.cancel()
	if k.r.Match == ByTopic {
		k.began = c.mqtt.Stats().Connects
	}
	if err := c.register(k); err != nil {
		return StagePublish, false, err
	}
	result, err := c.mqtt.Publish(publishing, k.r.Message)
	c.mu.Lock()
	if k.over { // also where the answer was faster than the acknowledgement
		defer c.mu.Unlock()
		return StageAnswer, true, k.err
	}
	stage, sent = StageAnswer, true
	switch {
	case err != nil:
		stage, sent = StagePublish, !mqtt.NotSent(err)
		if ctx.Err() == nil || !sent || c.opts.Linger <= 0 {
			c.forget(k)
		}
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		c.mu.Unlock()
		return stage, sent, err
	case k.r.Match == ByCorrelation && result.Code == packet.NoMatchingSubscribers:
		// Only here: services that answer by themselves have not subscribed.
		c.forget(k)
		c.mu.Unlock()
		return StagePublish, false, ErrNobody
	}
	k.session = result.Session
	if k.session < c.session {
		c.lose(k)
	}
	c.mu.Unlock()
	select {
	case <-k.done:
	case <-ctx.Done():
		c.mu.Lock()
		defer c.mu.Unlock()
		if !k.over {
			if c.opts.Linger <= 0 {
				c.forget(k)
			}
			return stage, sent, ctx.Err()
		}
	}
	return stage, sent, k.err
}

// register begins a call.
func (c *Client) register(k *call) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed != nil {
		return c.closed
	}
	c.enlist(k)
	c.stats.Requests++
	return nil
}

// enlist puts a call on its lists. c.mu is held.
func (c *Client) enlist(k *call) {
	for _, topic := range k.r.topics() {
		c.calls[topic] = append(c.calls[topic], k)
	}
}

// forget takes a call from its lists. c.mu is held.
func (c *Client) forget(k *call) {
	for _, topic := range k.r.topics() {
		left := slices.DeleteFunc(c.calls[topic], func(x *call) bool { return x == k })
		if c.calls[topic] = left; len(left) == 0 {
			delete(c.calls, topic)
		}
	}
}

// lose ends a call whose answer may have been sent to a session that is gone. c.mu is held.
func (c *Client) lose(k *call) {
	c.forget(k)
	c.lingerOver(k)
	k.end(Response{}, mqtt.ErrSessionLost)
}
