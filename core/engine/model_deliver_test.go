package engine

import (
	"strconv"

	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// goOn repeats what the session has for the client, as its receive maximum allows.
func (b *modelBroker) goOn() {
	for len(b.again) > 0 && (b.again[0].released || b.free > 0) {
		m := b.again[0]
		b.again = b.again[1:]
		b.deliver(m, true)
	}
}

// inOrder holds the client's acknowledgements to the order of the messages.
func (b *modelBroker) inOrder(sent []uint16, id uint16, kind string) []uint16 {
	if len(sent) == 0 || sent[0] != id {
		b.t.Fatalf("broker: %s %d, but %v are waiting in this order", kind, id, sent)
	}
	return sent[1:]
}

// say sends a new message to the client, if its receive maximum allows.
func (b *modelBroker) say(qos packet.QoS) {
	if !b.up || b.session == nil || qos > 0 && (b.free == 0 || len(b.again) > 0 || len(b.session.to) >= 100) {
		return
	}
	b.next++
	m := &modelMessage{number: b.next, qos: qos}
	if qos > 0 {
		for used := true; used; {
			b.session.id = b.session.id%200 + 1
			used = false
			for _, other := range b.session.to {
				used = used || other.id == b.session.id
			}
		}
		m.id = b.session.id
		b.session.to = append(b.session.to, m)
	}
	b.deliver(m, false)
}

func (b *modelBroker) deliver(m *modelMessage, again bool) {
	if m.released {
		b.send(&packet.Pubrel{Ack: packet.Ack{ID: m.id}})
		return
	}
	switch m.qos {
	case packet.QoS1:
		b.sent1 = append(b.sent1, m.id)
	case packet.QoS2:
		b.sent2 = append(b.sent2, m.id)
	}
	if m.qos > 0 {
		b.free--
	}
	if m.qos == packet.QoS2 {
		b.counted[m.id] = true
	}
	b.send(&packet.Publish{Topic: "in", QoS: m.qos, ID: m.id, Dup: again, Payload: []byte(strconv.Itoa(m.number))})
}

func (b *modelBroker) find(id uint16, qos packet.QoS) *modelMessage {
	for _, m := range b.session.to {
		if m.id == id && m.qos == qos {
			return m
		}
	}
	return nil
}

func (b *modelBroker) drop(id uint16, qos packet.QoS) *modelMessage {
	m := b.find(id, qos)
	for i, other := range b.session.to {
		if other == m && m != nil {
			b.session.to = append(b.session.to[:i:i], b.session.to[i+1:]...)
			break
		}
	}
	return m
}

func (b *modelBroker) settle(id uint16, qos packet.QoS, taken bool) {
	b.free++
	defer b.goOn()
	if qos == packet.QoS2 {
		delete(b.counted, id)
	}
	if m := b.drop(id, qos); m != nil {
		b.acked[m.number] = b.acked[m.number] || taken
	}
}

func (b *modelBroker) pubrec(p *packet.Pubrec) {
	m := b.find(p.ID, packet.QoS2)
	switch {
	case m == nil:
		b.t.Fatalf("broker: PUBREC %d for nothing", p.ID)
	case p.Code.Failed():
		b.settle(p.ID, packet.QoS2, false)
	default:
		m.released = true
		b.acked[m.number] = true
		b.answer(&packet.Pubrel{Ack: packet.Ack{ID: p.ID}})
	}
}
