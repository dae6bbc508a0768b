package engine

import "github.com/gneiss-mqtt/gneiss-go/core/packet"

func (e *Engine) sendPublish(o *Op) error {
	p := &o.Publish
	if err := e.checkPublish(p); err != nil {
		return err
	}
	if p.QoS > 0 && o.id == 0 {
		e.ids.take(o)
	}
	// DUP says that this may be a second delivery, nothing else [MQTT-3.3.1-1] [MQTT-3.3.1-3].
	p.ID, p.Dup = o.id, p.QoS > 0 && o.Sent
	from := len(e.out)
	if err := e.encodePublish(o); err != nil {
		e.out = e.out[:from]
		return err
	}
	e.stats.PublishesSent++
	if p.Dup {
		e.stats.Resent++
	}
	e.spend(len(e.out) - from)
	e.encoded(o, from)
	switch {
	case p.QoS > 0:
		o.retain()
		o.state = opUnacked
		e.inUse++
		e.unacked.pushBack(o)
		e.note(o)
	default:
		if e.cfg.Offline == KeepAll {
			o.retain()
		}
		o.state = opWriting
		e.writing.pushBack(o)
	}
	return nil
}

// checkPublish applies what the broker announced.
func (e *Engine) checkPublish(p *packet.Publish) error {
	if p.QoS > e.limits.MaximumQoS {
		return &LimitError{Packet: packet.PUBLISH, Code: packet.QoSNotSupported, Clause: "MQTT-3.2.2-11",
			Detail: "its QoS is above the broker's maximum QoS"}
	}
	if p.Retain && !e.limits.RetainAvailable {
		return &LimitError{Packet: packet.PUBLISH, Code: packet.RetainNotSupported, Clause: "MQTT-3.2.2-14",
			Detail: "the broker has no retained messages"}
	}
	return nil
}

// encodePublish appends the packet as it has to be now: with a topic alias, and with the time that is left. The
// operation itself keeps the full topic, for the next connection.
func (e *Engine) encodePublish(o *Op) error {
	p := &o.Publish
	if e.cfg.Version == packet.V5 && (o.expires != Never || p.TopicAlias != 0 || e.aliasOut.limit > 0) {
		return e.encodeVariant(o)
	}
	return e.appendPublish(p)
}

func (e *Engine) encodeVariant(o *Op) error {
	w := o.Publish
	if o.expires != Never {
		w.MessageExpiry = packet.Some(remaining(o.expires, e.now)) // [MQTT-3.3.2-6]
	}
	if o.Sent && int(w.TopicAlias) > e.aliasOut.limit {
		w.TopicAlias = 0 // the broker of an earlier connection allowed it; this one gets the topic
	}
	from := len(e.out)
	if err := e.aliasOut.apply(&w); err != nil {
		return err
	}
	if err := e.appendPublish(&w); err != nil {
		if w.TopicAlias == 0 {
			return err
		}
		// Perhaps it fits without the alias that was added.
		e.out = e.out[:from]
		w.TopicAlias, w.Topic = 0, o.Publish.Topic
		return e.appendPublish(&w)
	}
	e.aliasOut.commit(w.TopicAlias, o.Publish.Topic)
	return nil
}

func (e *Engine) appendPublish(p *packet.Publish) error {
	from := len(e.out)
	out, err := p.Append(e.out, e.cfg.Version)
	if err != nil {
		return err
	}
	e.out = out
	if e.tooLarge(len(out) - from) {
		return &LimitError{Packet: packet.PUBLISH, Code: packet.PacketTooLarge, Clause: "MQTT-3.2.2-15",
			Detail: "it is above the broker's maximum packet size"}
	}
	return nil
}

// remaining rounds up to whole seconds; a message that is sent again may be past its time, and then has one left.
func remaining(expires, now Instant) uint32 {
	if expires <= now {
		return 1
	}
	return uint32((Duration(expires-now) + Second - 1) / Second)
}
