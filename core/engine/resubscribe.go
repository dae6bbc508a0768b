package engine

import (
	"cmp"
	"slices"

	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// resubscribing is when, on one connection, the broker is asked again for what it has refused to restore for now.
type resubscribing struct {
	at    Instant // Never: there is nothing to ask for
	tries int     // that were made
}

const (
	firstResubscribe = Second // the time doubles from here
	maxResubscribes  = 6      // a minute in all
)

// passes reports whether a broker that has refused a subscription with this code may grant it in a while.
func passes(code packet.ReasonCode) bool {
	return code == packet.PacketIdentifierInUse || code == packet.QuotaExceeded
}

// toRestore returns those that were lost, or of those only the ones that were refused for now, in the order in which they
// were granted.
func (s *subscriptions) toRestore(onlyLater bool) []subscription {
	var list []subscription
	for _, sub := range s.byFilter {
		if sub.lost && (sub.later || !onlyLater) {
			list = append(list, sub)
		}
	}
	slices.SortFunc(list, func(a, b subscription) int { return cmp.Compare(a.order, b.order) })
	return list
}

func (s *subscriptions) notLater(filter string) {
	sub := s.byFilter[filter]
	sub.later = false
	s.byFilter[filter] = sub
}

// restore queues SUBSCRIBE packets for everything that was lost, before any other operation. A connection that ends
// before they are answered leaves the rest to the next, even if that resumes the session. Filters share a packet where
// they share a subscription identifier, up to the limits of the service and of the broker.
func (e *Engine) restore() {
	e.again = resubscribing{at: Never}
	e.resubscribe(e.subs.toRestore(false))
}

// restoreLater asks again for what was refused for now. A filter whose UNSUBSCRIBE is under way is not asked for: the
// broker would take the requests in this order.
func (e *Engine) restoreLater() {
	e.again.at = Never
	e.again.tries++
	list := e.subs.toRestore(true)
	for o := e.control.head; o != nil; o = o.next {
		if o.Kind == OpUnsubscribe {
			list = slices.DeleteFunc(list, func(s subscription) bool { return slices.Contains(o.Unsubscribe.Filters, s.filter.Filter) })
		}
	}
	e.resubscribe(list)
	e.pump()
}

// Restoring returns the filters that the broker has lost, or may have, and is asked for again.
func (e *Engine) Restoring() []string {
	var filters []string
	for _, s := range e.subs.toRestore(false) {
		filters = append(filters, s.filter.Filter)
	}
	return filters
}

func (e *Engine) resubscribe(list []subscription) {
	var o *Op
	size := 0
	for _, s := range list {
		e.subs.notLater(s.filter.Filter)
		if err := e.checkFilter(s.filter.Filter); err != nil {
			e.loseSubscription(s.filter.Filter, err)
			continue
		}
		if s.id != 0 && !e.limits.SubscriptionIDAvailable {
			s.id = 0 // the messages still reach their handlers by their topics
		}
		more := len(s.filter.Filter) + 3
		full := o != nil && (len(o.Subscribe.Filters) >= e.cfg.FiltersPerOp || e.tooLarge(size+more))
		if o == nil || full || o.Subscribe.SubscriptionID != s.id {
			o = &Op{Kind: OpSubscribe, progress: progress{internal: true, state: opWaiting, expires: Never}}
			o.Subscribe.SubscriptionID = s.id
			e.first.pushBack(o)
			size = 16 // header, identifier and properties, generously
		}
		if s.doubt && s.filter.RetainHandling == packet.RetainSend {
			s.filter.RetainHandling = packet.RetainSendIfNew
		}
		o.Subscribe.Filters = append(o.Subscribe.Filters, s.filter)
		size += more
	}
}

// internalDone ends an operation of the engine's own.
func (e *Engine) internalDone(o *Op, err error) {
	if o.Kind != OpSubscribe || err == nil || err == ErrConnectionLost {
		return // after a lost connection everything is restored again
	}
	for i := range o.Subscribe.Filters {
		f := o.Subscribe.Filters[i].Filter
		if !e.subs.byFilter[f].lost { // granted anew meanwhile, or unsubscribed
			continue
		}
		if len(o.Codes) != len(o.Subscribe.Filters) {
			e.loseSubscription(f, err)
		} else if c := o.Codes[i]; c.Failed() {
			err := &ReasonError{Packet: packet.SUBACK, Code: c, Reason: o.ReasonString, Filters: []string{f}, Codes: o.Codes[i : i+1]}
			if passes(c) && e.again.tries < maxResubscribes {
				e.delaySubscription(f, err)
			} else {
				e.loseSubscription(f, err)
			}
		}
	}
}

func (e *Engine) delaySubscription(filter string, err error) {
	sub := e.subs.byFilter[filter]
	sub.later = true
	e.subs.byFilter[filter] = sub
	if e.again.at == Never {
		e.again.at = e.now.add(firstResubscribe << e.again.tries)
	}
	e.events = append(e.events, Event{Kind: EventSubscriptionDelayed, Filter: filter, Err: err, Wait: Duration(e.again.at - e.now)})
}

func (e *Engine) loseSubscription(filter string, err error) {
	delete(e.subs.byFilter, filter)
	e.events = append(e.events, Event{Kind: EventSubscriptionLost, Filter: filter, Err: err})
}
