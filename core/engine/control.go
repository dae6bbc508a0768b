package engine

import "github.com/gneiss-mqtt/gneiss-go/core/packet"

// sendControl encodes a SUBSCRIBE or UNSUBSCRIBE.
func (e *Engine) sendControl(o *Op) error {
	w := o.Subscribe // the operation keeps its identifier, for a broker that has them
	if o.Kind == OpSubscribe {
		if o.OptionalID && !e.limits.SubscriptionIDAvailable {
			w.SubscriptionID = 0
		}
		if err := e.checkSubscribe(&w); err != nil {
			return err
		}
	}
	e.ids.take(o)
	from := len(e.out)
	var err error
	if o.Kind == OpSubscribe {
		w.ID = o.id
		e.out, err = w.Append(e.out, e.cfg.Version)
	} else {
		o.Unsubscribe.ID = o.id
		e.out, err = o.Unsubscribe.Append(e.out, e.cfg.Version)
	}
	if err == nil && e.tooLarge(len(e.out)-from) {
		err = &LimitError{Packet: e.controlType(o), Code: packet.PacketTooLarge, Clause: "MQTT-3.2.2-15",
			Detail: "it is above the broker's maximum packet size"}
	}
	if err != nil {
		e.out = e.out[:from]
		return err
	}
	e.encoded(o, from)
	e.subs.sends++
	o.turn, o.state = e.subs.sends, opUnacked
	e.control.pushBack(o)
	return nil
}

func (e *Engine) controlType(o *Op) packet.Type {
	if o.Kind == OpSubscribe {
		return packet.SUBSCRIBE
	}
	return packet.UNSUBSCRIBE
}

// checkSubscribe applies what the broker announced.
func (e *Engine) checkSubscribe(p *packet.Subscribe) error {
	if p.SubscriptionID != 0 && !e.limits.SubscriptionIDAvailable {
		return &LimitError{Packet: packet.SUBSCRIBE, Code: packet.SubscriptionIdentifiersNotSupported, Clause: "3.2.2.3.12",
			Detail: "the broker has no subscription identifiers"}
	}
	for i := range p.Filters {
		if err := e.checkFilter(p.Filters[i].Filter); err != nil {
			return err
		}
	}
	return nil
}

func (e *Engine) checkFilter(filter string) error {
	if _, _, shared := packet.SplitShared(filter); shared && !e.limits.SharedAvailable {
		return &LimitError{Packet: packet.SUBSCRIBE, Code: packet.SharedSubscriptionsNotSupported, Clause: "3.2.2.3.13",
			Detail: "the broker has no shared subscriptions"}
	}
	if packet.HasWildcard(filter) && !e.limits.WildcardAvailable {
		return &LimitError{Packet: packet.SUBSCRIBE, Code: packet.WildcardSubscriptionsNotSupported, Clause: "3.2.2.3.11",
			Detail: "the broker has no wildcard subscriptions"}
	}
	return nil
}

func (e *Engine) receiveSuback(f packet.Frame) {
	var p packet.Suback
	if err := p.Decode(f, &e.decoder); err != nil {
		e.malformed(err)
		e.endBroken(p.ID, OpSubscribe)
		return
	}
	if e.unwantedReason(packet.SUBACK, p.ReasonString, p.UserProperties) {
		e.endBroken(p.ID, OpSubscribe)
		return
	}
	o := e.answered(packet.SUBACK, p.ID, OpSubscribe)
	if o == nil {
		return
	}
	o.Codes, o.ReasonString, o.UserProperties = p.Codes, p.ReasonString, p.UserProperties
	if len(p.Codes) != len(o.Subscribe.Filters) {
		e.violation(packet.ProtocolError, "MQTT-3.8.4-6", "SUBACK does not have one reason code per filter")
		e.endBroken(p.ID, OpSubscribe)
		return
	}
	for _, filter := range e.subs.granted(o) {
		e.events = append(e.events, Event{Kind: EventSubscriptionRestored, Filter: filter})
	}
	e.answer(o, packet.SUBACK)
}

func (e *Engine) receiveUnsuback(f packet.Frame) {
	var p packet.Unsuback
	if err := p.Decode(f, &e.decoder); err != nil {
		e.malformed(err)
		e.endBroken(p.ID, OpUnsubscribe)
		return
	}
	if e.unwantedReason(packet.UNSUBACK, p.ReasonString, p.UserProperties) {
		e.endBroken(p.ID, OpUnsubscribe)
		return
	}
	o := e.answered(packet.UNSUBACK, p.ID, OpUnsubscribe)
	if o == nil {
		return
	}
	o.Codes, o.ReasonString, o.UserProperties = p.Codes, p.ReasonString, p.UserProperties
	if e.cfg.Version != packet.V5 { // every UNSUBACK of MQTT 3.1.1 is a success
		o.Codes = make([]packet.ReasonCode, len(o.Unsubscribe.Filters))
	}
	if len(o.Codes) != len(o.Unsubscribe.Filters) {
		e.violation(packet.ProtocolError, "MQTT-3.11.3-1", "UNSUBACK does not have one reason code per filter")
		e.endBroken(p.ID, OpUnsubscribe)
		return
	}
	e.subs.removed(o)
	e.answer(o, packet.UNSUBACK)
}

// answered finds the request that an answer belongs to [MQTT-2.2.1-6].
func (e *Engine) answered(t packet.Type, id uint16, kind OpKind) *Op {
	o := e.ids.get(id)
	switch {
	case o == nil || !e.underWay(o):
		e.forgive(packet.ProtocolError, "MQTT-2.2.1-6", t.String()+" for a packet identifier that is not in use")
		return nil
	case o.Kind != kind:
		e.violation(packet.ProtocolError, "MQTT-2.2.1-6", t.String()+" in answer to "+o.Kind.String())
		return nil
	}
	return o
}

// endBroken ends the request whose answer was the reason to end the connection: a reconnect would only repeat that, and
// the next one as well.
func (e *Engine) endBroken(id uint16, kind OpKind) {
	o := e.ids.get(id)
	if o == nil || !e.underWay(o) || o.Kind != kind {
		return
	}
	e.control.remove(o)
	e.ids.free(o)
	o.Sent = true
	e.finish(o, e.err)
}

// answer ends a SUBSCRIBE or UNSUBSCRIBE. Filters that were granted stay so even where others were refused.
func (e *Engine) answer(o *Op, t packet.Type) {
	e.keepAlive.acked(o.sentAt)
	e.control.remove(o)
	if e.control.n == 0 {
		e.subs.settled()
	}
	e.ids.free(o)
	o.Sent = true
	var err error
	for _, c := range o.Codes {
		if c.Failed() {
			err = &ReasonError{Packet: t, Code: c, Reason: o.ReasonString, UserProperties: o.UserProperties,
				Filters: o.filters(), Codes: o.Codes}
			break
		}
	}
	e.finish(o, err)
	e.pump()
}

func (o *Op) filters() []string {
	if o.Kind == OpUnsubscribe {
		return o.Unsubscribe.Filters
	}
	list := make([]string, len(o.Subscribe.Filters))
	for i := range list {
		list[i] = o.Subscribe.Filters[i].Filter
	}
	return list
}
