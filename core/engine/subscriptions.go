package engine

import (
	"cmp"
	"slices"

	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// subscriptions are the filters the broker has granted: what is restored when it loses the session.
//
// Answers may come in another order than the requests. What was sent last holds.
type subscriptions struct {
	byFilter map[string]subscription
	order    uint64
	sends    uint64            // counts SUBSCRIBE and UNSUBSCRIBE
	gone     map[string]uint64 // what was unsubscribed while others are under way, with the turn of the UNSUBSCRIBE
}

type subscription struct {
	filter packet.Filter
	id     uint32 // subscription identifier
	order  uint64 // of the grant
	turn   uint64 // of the SUBSCRIBE, among all that was sent
	lost   bool   // with the session of the broker, and not granted again so far
	doubt  bool   // only perhaps
}

// granted notes the filters of a SUBSCRIBE that were not refused. A filter subscribed before is replaced
// [MQTT-3.8.4-3]; one that is refused now was not changed by the broker, and stays as it was.
// It returns what was lost and is there again.
func (s *subscriptions) granted(o *Op) (restored []string) {
	if s.byFilter == nil {
		s.byFilter = make(map[string]subscription)
	}
	for i, c := range o.Codes {
		if c.Failed() {
			continue
		}
		f := o.Subscribe.Filters[i]
		old, ok := s.byFilter[f.Filter]
		switch {
		case o.internal && !ok: // unsubscribed meanwhile
			continue
		case o.internal: // asked for again as it was, or with less where this broker can do less
			old.lost = false
			s.byFilter[f.Filter] = old
			restored = append(restored, f.Filter)
			continue
		case old.turn > o.turn || s.gone[f.Filter] > o.turn:
			continue
		case !ok:
			old.order = s.order
			s.order++
		}
		s.byFilter[f.Filter] = subscription{filter: f, id: o.Subscribe.SubscriptionID, order: old.order, turn: o.turn}
	}
	return restored
}

// lost notes that the broker has none of them any more.
func (s *subscriptions) lost() {
	for filter, sub := range s.byFilter {
		sub.lost, sub.doubt = true, false
		s.byFilter[filter] = sub
	}
}

// doubted notes that the broker may have none of them any more. Those that are still there bring no retained messages
// again, which an application would take for new.
func (s *subscriptions) doubted() {
	for filter, sub := range s.byFilter {
		sub.lost, sub.doubt = true, sub.doubt || !sub.lost
		s.byFilter[filter] = sub
	}
}

// doubt notes that a request failed of which the broker may have seen a part: nobody knows what holds now for its
// filters. Those that are subscribed are asked for again on the next connection.
func (s *subscriptions) doubt(o *Op) {
	for _, filter := range o.filters() {
		if sub, ok := s.byFilter[filter]; ok {
			sub.lost = true
			s.byFilter[filter] = sub
		}
	}
}

func (s *subscriptions) removed(o *Op) {
	for i, c := range o.Codes {
		filter := o.Unsubscribe.Filters[i]
		if c.Failed() || s.byFilter[filter].turn > o.turn {
			continue
		}
		delete(s.byFilter, filter)
		if s.gone == nil {
			s.gone = make(map[string]uint64)
		}
		s.gone[filter] = max(s.gone[filter], o.turn)
	}
}

// settled notes that no request is under way.
func (s *subscriptions) settled() { s.gone = nil }

// toRestore returns those that were lost, in the order in which they were granted.
func (s *subscriptions) toRestore() []subscription {
	var list []subscription
	for _, sub := range s.byFilter {
		if sub.lost {
			list = append(list, sub)
		}
	}
	slices.SortFunc(list, func(a, b subscription) int { return cmp.Compare(a.order, b.order) })
	return list
}

// restore queues SUBSCRIBE packets for everything that was lost, before any other operation. A connection that ends
// before they are answered leaves the rest to the next, even if that resumes the session. Filters share a packet where
// they share a subscription identifier, up to the limits of the service and of the broker.
func (e *Engine) restore() {
	var o *Op
	size := 0
	for _, s := range e.subs.toRestore() {
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

// Restoring returns the filters that the broker has lost, or may have, and is asked for again.
func (e *Engine) Restoring() []string {
	var filters []string
	for _, s := range e.subs.toRestore() {
		filters = append(filters, s.filter.Filter)
	}
	return filters
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
			e.loseSubscription(f, &ReasonError{Packet: packet.SUBACK, Code: c, Reason: o.ReasonString,
				Filters: []string{f}, Codes: o.Codes[i : i+1]})
		}
	}
}

func (e *Engine) loseSubscription(filter string, err error) {
	delete(e.subs.byFilter, filter)
	e.events = append(e.events, Event{Kind: EventSubscriptionLost, Filter: filter, Err: err})
}
