package engine

import "github.com/gneiss-mqtt/gneiss-go/core/packet"

// receivePublish reads a PUBLISH into e.message and reports whether it is for the application.
func (e *Engine) receivePublish(f packet.Frame) bool {
	if e.message == nil {
		e.message = new(Inbound)
	}
	m := e.message
	if err := m.Decode(f, &e.decoder); err != nil {
		e.malformed(err)
		return false
	}
	e.stats.PublishesReceived++
	if m.TopicAlias != 0 && !e.resolveAlias(&m.Publish) {
		return false
	}
	m.Token = AckToken{}
	if m.QoS == packet.QoS0 {
		return true
	}
	if m.QoS > e.limits.MaximumQoS && !e.forgive(packet.QoSNotSupported, "3.3.4", "a PUBLISH above the broker's own maximum QoS") {
		return false
	}
	if m.QoS == packet.QoS1 {
		if !e.admit() {
			return false
		}
		m.Token = AckToken{seq: e.acks1.push(m.ID, m.weigh()), epoch: e.epoch, qos: packet.QoS1}
		return true
	}
	return e.receivePublish2(m)
}

// weigh estimates what a message takes of the memory of an application that has not acknowledged it.
func (m *Inbound) weigh() int { return 256 + len(m.Topic) + len(m.Payload) }

// admit enforces our receive maximum [MQTT-3.3.4-9]. A broker that goes beyond it, as some do after several
// acknowledgements at a time, is served all the same as long as there is memory for the messages.
func (e *Engine) admit() bool {
	const detail = "more messages under way than our receive maximum"
	switch under := e.acks1.n + e.inbound2Now; {
	case under < e.inboundMax:
		return true
	case under < maxIDs && e.acks1.bytes+e.acks2.bytes < e.cfg.InboundBytes:
		return e.forgive(packet.ReceiveMaximumExceeded, "MQTT-3.3.4-9", detail)
	}
	e.violation(packet.ReceiveMaximumExceeded, "MQTT-3.3.4-9", detail)
	return false
}

func (e *Engine) receivePublish2(m *Inbound) bool {
	h := e.inbound2.get(m.ID)
	if h&held2Doubted != 0 {
		h = e.undoubted(m, h)
	}
	if h&held2Due != 0 { // the one PUBREC answers any number of repetitions
		e.stats.Duplicates++
		return false
	}
	if h&held2Here == 0 {
		if !e.admit() {
			return false
		}
		e.inbound2Now++
	}
	e.inbound2.set(m.ID, h|held2Here|held2Due)
	m.Token = AckToken{seq: e.acks2.push(m.ID, m.weigh()), epoch: e.epoch, id: m.ID, qos: packet.QoS2}
	if h == 0 {
		return true
	}
	e.stats.Duplicates++
	if h&held2Lent != 0 { // the application is not done with it
		return false
	}
	e.acks2.mark(m.Token.seq, packet.Success, "")
	e.flushPubrecs()
	return false
}

// resolveAlias puts the topic in, and learns a new one. Every alias up to our maximum is accepted [MQTT-3.3.2-10].
func (e *Engine) resolveAlias(p *packet.Publish) bool {
	alias := int(p.TopicAlias)
	if alias > int(e.connect.TopicAliasMaximum) { // [MQTT-3.1.2-26] [MQTT-3.3.2-11]
		e.violation(packet.TopicAliasInvalid, "MQTT-3.1.2-26", "a topic alias above our maximum")
		return false
	}
	if p.Topic == "" {
		if alias > len(e.aliasIn) || e.aliasIn[alias-1] == "" {
			e.violation(packet.ProtocolError, "3.3.2.3.4", "a topic alias that was not bound")
			return false
		}
		p.Topic = e.aliasIn[alias-1]
		return true
	}
	for len(e.aliasIn) < alias {
		e.aliasIn = append(e.aliasIn, "")
	}
	e.aliasIn[alias-1] = p.Topic
	return true
}
