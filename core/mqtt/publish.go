package mqtt

import (
	"context"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/engine"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// Publish is a message to send.
type Publish struct {
	Topic   string // 1 to 65,535 bytes, without wildcards; may be empty with TopicAlias
	Payload []byte // up to 256 MB, and what the broker takes; copied where it is needed after the call, unless Static is set
	QoS     packet.QoS
	Retain  bool // the broker keeps it for later subscribers; an empty payload removes what it keeps
	Static  bool // Payload and Correlation never change: they are not copied

	// Properties of MQTT 5; in MQTT 3.1.1 they are left out.
	Expiry        time.Duration // in whole seconds, rounded up, counted from the call; 0: never; negative: has expired
	PayloadFormat packet.PayloadFormat
	ContentType   string
	ResponseTopic string
	Correlation   []byte
	User          []packet.UserProperty
	TopicAlias    uint16 // only with [AliasManual]
}

// PublishResult is what the broker answered; at QoS 0, where it does not, Code is Success.
type PublishResult struct {
	Code   packet.ReasonCode // Success, or NoMatchingSubscribers where the broker says so
	Reason string            // the broker's words; MQTT 5 only
	User   []packet.UserProperty
	// Session is the [Session.Number] in which it was written or acknowledged.
	Session uint64
}

// Publish sends a message and waits until it has been written (QoS 0), acknowledged (QoS 1), or acknowledged in all
// steps (QoS 2). While there is no connection, [Config.Offline] decides whether it waits for one.
//
// When ctx ends before a byte was sent the message is taken back, and [NotSent] reports true; otherwise it may still
// be delivered. Errors are of type [*OpError]; a failing acknowledgement is also a [*ReasonError].
func (c *Client) Publish(ctx context.Context, p Publish) (PublishResult, error) {
	k := c.newCall()
	k.fill(&p)
	c.mu.Lock()
	if err := c.submit(ctx, k); err != nil {
		c.mu.Unlock()
		err = k.failure(err, false)
		k.recycle()
		return PublishResult{}, err
	}
	k.sync = true
	c.syncs++
	if c.lone++; c.syncs > 1 {
		c.lone = 0
	}
	if c.lone > loneRun {
		c.inline()
	}
	c.settle()
	c.mu.Unlock()

	keep, err := c.wait(ctx, k, nil)
	if keep {
		return PublishResult{}, &OpError{Op: "publish", Topic: p.Topic, Sent: true, Err: err}
	}
	result := k.result()
	if err != nil {
		err = k.failure(err, k.op.Sent)
	}
	k.recycle()
	return result, err
}

// loneRun is how many publishes in a row must have been the only one under way before a caller writes by itself:
// with several callers, writing at once would give up the batching.
const loneRun = 4

// PublishAsync sends a message without waiting. done, which may be nil, is called once with what Publish would return,
// on a goroutine that runs the callbacks one after the other; it may call anything. An error says that the message was
// not accepted, and that done will not be called; it is [ErrQueueFull] also where as many callbacks wait for one that
// blocks as [QueueLimit.Count] allows.
func (c *Client) PublishAsync(p Publish, done func(PublishResult, error)) error {
	c.mu.Lock()
	k := c.asyncCall()
	k.fill(&p)
	if k.cb = done; done == nil {
		k.detached = true
	}
	err := ErrQueueFull
	if limit := c.cfg.Queue.Count; done == nil || limit < 0 || len(c.completer.in) < limit { // callbacks that wait are bounded too
		err = c.submitNow(k)
	}
	if err == nil {
		c.settle()
	}
	c.mu.Unlock()
	if err != nil {
		err = k.failure(err, false)
		k.recycle()
	}
	return err
}

func (k *call) fill(p *Publish) {
	o := &k.op
	o.Kind, o.Static = engine.OpPublish, p.Static
	w := &o.Publish
	w.Topic, w.Payload, w.QoS, w.Retain = p.Topic, p.Payload, p.QoS, p.Retain
	if p.Expiry != 0 {
		w.MessageExpiry = packet.Some(seconds(max(p.Expiry, 0)))
	}
	w.PayloadFormat, w.ContentType, w.ResponseTopic = p.PayloadFormat, p.ContentType, p.ResponseTopic
	w.CorrelationData, w.UserProperties, w.TopicAlias = p.Correlation, p.User, p.TopicAlias
}

func (k *call) result() PublishResult {
	return PublishResult{Code: k.op.Code, Reason: k.op.ReasonString, User: k.op.UserProperties, Session: k.session}
}

// complete calls the callback of a publish that is over.
func (k *call) complete() {
	cb, result, err := k.cb, k.result(), k.op.Err
	if err != nil {
		err = k.failure(err, k.op.Sent)
	}
	k.reset()
	cb(result, err)
}
