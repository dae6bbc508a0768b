package engine

import "github.com/gneiss-mqtt/gneiss-go/core/packet"

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
	later  bool   // refused for now: it is asked for again on this connection
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
			old.lost, old.later = false, false
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
		sub.lost, sub.doubt, sub.later = true, false, false
		s.byFilter[filter] = sub
	}
}

// doubted notes that the broker may have none of them any more. Those that are still there bring no retained messages
// again, which an application would take for new.
func (s *subscriptions) doubted() {
	for filter, sub := range s.byFilter {
		sub.lost, sub.doubt, sub.later = true, sub.doubt || !sub.lost, false
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
