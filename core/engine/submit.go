package engine

import (
	"errors"
	"fmt"

	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// Submit starts an operation. An error says that it was refused at once and is not the engine's: what it asks for can
// never be sent, there is no connection and the policy does not wait for one, or the queue is full. Otherwise the
// operation is the engine's until TakeDone returns it.
//
// What the operation's byte slices hold is copied, unless Static is set, if it is needed after Submit returns.
func (e *Engine) Submit(now Instant, o *Op) error {
	e.at(now)
	if err := e.validate(o); err != nil {
		return err
	}
	if e.state != stateConnected && !e.cfg.Offline.keeps(o) {
		return ErrOffline
	}
	if !e.HasRoom(o) {
		return ErrQueueFull
	}
	e.accept(o)
	e.remember(o)
	if e.sendable(o) {
		e.send(o)
		return nil
	}
	o.retain()
	o.state = opWaiting
	e.waitList(o).pushBack(o)
	if o.Kind == OpPublish && e.state == stateConnected && e.paced() {
		e.pace()
	}
	if o.expires < e.nextExpiry {
		e.nextExpiry = o.expires
	}
	return nil
}

// HasRoom reports whether the queue limits allow the operation. An operation larger than the byte limit is allowed
// when it is alone.
func (e *Engine) HasRoom(o *Op) bool {
	if o.size == 0 {
		o.size = o.weigh()
	}
	return (e.cfg.QueueCount < 0 || e.queued < e.cfg.QueueCount) &&
		(e.cfg.QueueBytes < 0 || e.queued == 0 || e.queuedBytes+o.size <= e.cfg.QueueBytes)
}

func (e *Engine) accept(o *Op) {
	e.seq++
	o.seq, o.submitted, o.expires = e.seq, e.now, Never
	o.queued = true
	e.queued++
	e.queuedBytes += o.size
	if o.Kind == OpPublish {
		if s, ok := o.Publish.MessageExpiry.Get(); ok && e.cfg.Version == packet.V5 {
			o.expires = e.now.add(Duration(s) * Second)
		}
	}
}

// validate judges what can be judged without a connection.
func (e *Engine) validate(o *Op) error {
	if o.list != nil {
		return errInUse
	}
	switch o.Kind {
	case OpSubscribe:
		o.Subscribe.ID = 0
		if err := o.Subscribe.Validate(e.cfg.Version, e.cfg.Strict); err != nil {
			return err
		}
		for i := range o.Subscribe.Filters {
			if e.cfg.NoQoS2 && o.Subscribe.Filters[i].QoS == packet.QoS2 {
				return noQoS2(packet.SUBSCRIBE)
			}
		}
		return nil
	case OpUnsubscribe:
		o.Unsubscribe.ID = 0
		return o.Unsubscribe.Validate(e.cfg.Version, e.cfg.Strict)
	case OpPublish:
	default:
		return errNoKind
	}
	p := &o.Publish
	p.ID, p.Dup, p.SubscriptionIDs = 0, false, nil
	if e.cfg.NoQoS2 && p.QoS == packet.QoS2 {
		return noQoS2(packet.PUBLISH)
	}
	if e.cfg.MaxPayload > 0 && len(p.Payload) > e.cfg.MaxPayload {
		return &LimitError{Packet: packet.PUBLISH, Code: packet.PacketTooLarge,
			Detail: fmt.Sprintf("its payload has %d bytes, and the service takes %d", len(p.Payload), e.cfg.MaxPayload)}
	}
	if p.Topic == e.lastTopic && p.Topic != "" && plain(p) {
		return nil
	}
	if p.Topic == "" { // an alias may be of a connection that is gone: the topic is needed
		return &LimitError{Packet: packet.PUBLISH, Code: packet.TopicNameInvalid, Clause: "MQTT-4.7.3-1", Detail: "the topic is empty"}
	}
	if p.TopicAlias != 0 && e.cfg.Aliases != AliasManual {
		return &LimitError{Packet: packet.PUBLISH, Code: packet.TopicAliasInvalid, Clause: "3.3.2.3.4",
			Detail: "topic aliases are not managed by hand in this configuration"}
	}
	if err := p.Validate(e.cfg.Version, e.cfg.Strict); err != nil {
		return err
	}
	e.lastTopic = p.Topic
	return nil
}

func noQoS2(t packet.Type) error {
	return &LimitError{Packet: t, Code: packet.QoSNotSupported, Detail: "the service has no QoS 2; QoS 1 is the highest"}
}

// Mistakes of the driver.
var (
	errInUse  = errors.New("mqtt: the operation is under way already")
	errNoKind = errors.New("mqtt: unknown kind of operation")
)

// plain reports whether a publish has nothing but a topic and a payload to judge.
func plain(p *packet.Publish) bool {
	return p.QoS <= packet.QoS2 && p.TopicAlias == 0 && p.ResponseTopic == "" && p.ContentType == "" &&
		p.CorrelationData == nil && len(p.UserProperties) == 0 && p.PayloadFormat == 0
}

// Cancel takes back an operation that waits to be sent. It reports false where the operation is under way: then it
// goes on, and the driver merely stops waiting for it. A SUBSCRIBE or UNSUBSCRIBE that was interrupted is under way too:
// the broker may have carried it out, in a session that it keeps, and only an answer tells.
func (e *Engine) Cancel(now Instant, o *Op) bool {
	e.at(now)
	if o.state != opWaiting || o.list == nil || o.list != e.waitList(o) || o.Kind != OpPublish && o.interrupted > 0 {
		return false
	}
	o.list.remove(o)
	e.finish(o, ErrCanceled)
	e.pump() // what waited behind it
	return true
}

// Abandon ends every operation with err, as a client does that is closed for good. Without them the session cannot be
// resumed any more by this engine; what is stored of it is kept for another.
func (e *Engine) Abandon(now Instant, err error) {
	e.at(now)
	e.keepRecords = true
	for _, l := range e.lists() {
		for o := l.pop(); o != nil; o = l.pop() {
			if e.release(o); !o.internal {
				e.finish(o, err)
			}
		}
	}
	e.established = false
}

func (e *Engine) lists() [9]*opList {
	return [...]*opList{&e.released, &e.unacked, &e.resend, &e.control, &e.writing, &e.first, &e.waitPublish, &e.waitQoS0, &e.waitControl}
}

// waitList is where an operation waits that was not sent yet.
func (e *Engine) waitList(o *Op) *opList {
	switch {
	case o.Kind != OpPublish:
		return &e.waitControl
	case o.Publish.QoS > 0:
		return &e.waitPublish
	}
	return &e.waitQoS0
}

// waiting returns the lists of what was not sent yet.
func (e *Engine) waiting() [3]*opList {
	return [...]*opList{&e.waitPublish, &e.waitQoS0, &e.waitControl}
}

// release frees the identifier of an operation that is over.
func (e *Engine) release(o *Op) {
	if o.id != 0 {
		e.ids.free(o)
	}
}
