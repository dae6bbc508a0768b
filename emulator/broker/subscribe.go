package broker

import (
	"cmp"
	"fmt"

	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// onSubscribe makes the subscriptions of one packet and answers with one SUBACK [MQTT-3.8.4-5] [MQTT-3.8.4-6].
func (c *conn) onSubscribe(f packet.Frame) {
	p := new(packet.Subscribe)
	if !c.decode(f, p) || !c.checkSubscribe(p) {
		return
	}
	b := c.b
	codes := make([]packet.ReasonCode, len(p.Filters))
	replay := make([]*subscription, 0, len(p.Filters)) // those to be answered with retained messages
	var granted []string
	b.answer, b.refusal = Answer{}, ""
	for i, filter := range p.Filters {
		code, sub, isNew := c.subscribe(filter, p.SubscriptionID)
		if c.state >= stateEnding {
			return
		}
		codes[i] = code
		if code.Failed() {
			continue
		}
		granted = append(granted, filter.Filter)
		switch {
		case sub.group != nil: // none for shared subscriptions [section 4.8.2]
		case b.limits.RetainedToExactOnly && packet.HasWildcard(filter.Filter):
		case filter.RetainHandling == packet.RetainSend, // [MQTT-3.3.1-9] [MQTT-3.8.4-4]
			filter.RetainHandling == packet.RetainSendIfNew && isNew: // [MQTT-3.3.1-10]
			replay = append(replay, sub)
		}
	}
	answer := b.answer
	b.answer = Answer{}
	switch ack := (&packet.Suback{ID: p.ID, Codes: codes, ReasonString: b.refusal}); {
	case answer.Drop:
		c.drop()
		return
	case answer.Omit:
	case answer.Delay > 0:
		c.later(answer.Delay, ack)
	default:
		c.send(ack)
	}
	if len(granted) > 0 && b.wants(EventSubscribed) {
		b.emit(Event{Kind: EventSubscribed, Client: c.client, Filters: granted})
	}
	for _, sub := range replay {
		c.sendRetained(sub)
	}
}

// checkSubscribe ends the connection for what the CONNACK has said is not available.
func (c *conn) checkSubscribe(p *packet.Subscribe) bool {
	if c.unwanted(p.UserProperties) {
		return false
	}
	l := &c.b.limits
	if len(p.Filters) > l.MaxFilters {
		c.fail(packet.QuotaExceeded, CauseQuota, fmt.Sprintf("more than %d filters in a SUBSCRIBE", l.MaxFilters))
		return false
	}
	if !c.v5() {
		return true // refused by their return codes
	}
	if l.NoSubscriptionIDs && p.SubscriptionID != 0 {
		c.fail(packet.SubscriptionIdentifiersNotSupported, CauseProtocol, "subscription identifiers are not supported [3.2.2.3.12]")
		return false
	}
	for i := range p.Filters {
		switch unavailable := c.b.unavailable(p.Filters[i].Filter); unavailable {
		case packet.Success:
		default:
			c.fail(unavailable, CauseProtocol, "the kind of subscription is not supported [3.2.2.3]")
			return false
		}
	}
	return true
}

// unavailable returns the code for a kind of subscription that the server does not offer.
func (b *Broker) unavailable(filter string) packet.ReasonCode {
	if b.limits.NoWildcards && packet.HasWildcard(filter) {
		return packet.WildcardSubscriptionsNotSupported
	}
	if _, _, shared := packet.SplitShared(filter); shared && b.limits.NoShared {
		return packet.SharedSubscriptionsNotSupported
	}
	return packet.Success
}

// maxGroupName bounds the name of a shared subscription's group, in bytes.
const maxGroupName = 1024

// subscribe makes or replaces one subscription [MQTT-3.8.4-3].
func (c *conn) subscribe(f packet.Filter, id uint32) (code packet.ReasonCode, sub *subscription, isNew bool) {
	b, s := c.b, c.session
	if code := b.unavailable(f.Filter); code != packet.Success {
		return code, nil, false
	}
	name, inner, shared := packet.SplitShared(f.Filter)
	if !shared {
		inner = f.Filter
	}
	if b.checkTopicLimits(inner) != nil || len(name) > maxGroupName {
		return packet.TopicFilterInvalid, nil, false
	}
	qos := min(f.QoS, b.limits.maximumQoS()) // [MQTT-3.2.2-10]
	if hook := b.opts.Hooks.Subscribe; hook != nil {
		d := hook(b.now, &c.client, f)
		if d.Answer != (Answer{}) {
			b.answer = d.Answer
		}
		if d.Disconnect {
			c.kick(d.Code, cmp.Or(d.ReasonString, "the subscription is not allowed"))
			return d.Code, nil, false
		}
		if d.Code.Failed() {
			if !d.Code.ValidIn(packet.SUBACK) {
				d.Code = packet.UnspecifiedError
			}
			if c.problemInfo { // [MQTT-3.1.2-29]
				b.refusal = cmp.Or(b.refusal, d.ReasonString)
			}
			return d.Code, nil, false
		}
		qos = min(qos, d.MaxQoS.Or(qos))
	}
	sub = s.subs[f.Filter]
	if isNew = sub == nil; isNew {
		if b.stats.Subscriptions >= b.limits.AllSubscriptions {
			return packet.QuotaExceeded, nil, false
		}
		if len(s.subs) >= b.limits.MaxSubscriptions {
			if b.limits.EndAtSubscriptions {
				c.fail(packet.QuotaExceeded, CauseQuota, fmt.Sprintf("more than %d subscriptions", b.limits.MaxSubscriptions))
			}
			return packet.QuotaExceeded, nil, false
		}
		sub = &subscription{session: s, filter: f.Filter, node: b.trie.find(inner)}
		if shared {
			sub.group = sub.node.group(name)
			sub.group.members = append(sub.group.members, sub)
		} else {
			sub.node.subs = append(sub.node.subs, sub)
		}
		s.subs[f.Filter] = sub
		b.stats.Subscriptions++
	}
	sub.qos, sub.id, sub.noLocal, sub.rap = qos, id, f.NoLocal, f.RetainAsPublished
	return packet.ReasonCode(qos), sub, isNew
}

// onUnsubscribe ends subscriptions, each compared byte by byte [MQTT-3.10.4-1] [MQTT-3.10.4-6]. What was queued or begun
// for them is still delivered [MQTT-3.10.4-3].
func (c *conn) onUnsubscribe(f packet.Frame) {
	p := new(packet.Unsubscribe)
	if !c.decode(f, p) {
		return
	}
	if c.unwanted(p.UserProperties) {
		return
	}
	b, s := c.b, c.session
	if len(p.Filters) > b.limits.MaxFilters {
		c.fail(packet.QuotaExceeded, CauseQuota, fmt.Sprintf("more than %d filters in an UNSUBSCRIBE", b.limits.MaxFilters))
		return
	}
	codes := make([]packet.ReasonCode, len(p.Filters))
	var ended []string
	for i, filter := range p.Filters {
		sub := s.subs[filter]
		if sub == nil {
			codes[i] = packet.NoSubscriptionExisted
			continue
		}
		b.unsubscribe(sub)
		ended = append(ended, filter)
	}
	c.send(&packet.Unsuback{ID: p.ID, Codes: codes}) // [MQTT-3.10.4-4] [MQTT-3.10.4-5]
	if len(ended) > 0 && b.wants(EventUnsubscribed) {
		b.emit(Event{Kind: EventUnsubscribed, Client: c.client, Filters: ended})
	}
}

// unsubscribe removes a subscription.
func (b *Broker) unsubscribe(sub *subscription) {
	delete(sub.session.subs, sub.filter)
	if sub.group != nil {
		sub.group.remove(sub)
	} else {
		sub.node.removeSub(sub)
	}
	sub.node.prune()
	b.stats.Subscriptions--
}

func (b *Broker) unsubscribeAll(s *session) {
	for _, sub := range s.subs {
		b.unsubscribe(sub)
	}
}
