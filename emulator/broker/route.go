package broker

import "github.com/gneiss-mqtt/gneiss-go/core/packet"

// target is a session that gets a copy of a message, by all its matching subscriptions together or by a shared one.
type target struct {
	session *session
	group   *group
	ids     []uint32 // subscription identifiers
	qos     packet.QoS
	rap     bool
}

// distribute stores a message where it is to be retained and sends it to everyone with a matching subscription
// [MQTT-4.5.0-1]. It returns how many that are.
func (b *Broker) distribute(pub *publication, from *session) int {
	p := pub.pkt
	if p.Retain {
		b.retained.store(b, pub)
	}
	b.collect(p.Topic, p.QoS, from)
	for i := range b.targets {
		t := &b.targets[i]
		t.session.deliver(pub, min(t.qos, p.QoS), p.Retain && t.rap, t.ids, t.group) // [MQTT-3.8.4-8], [MQTT-3.3.1-12], [MQTT-3.3.1-13]
	}
	return len(b.targets)
}

// collect finds the targets of a message. Overlapping subscriptions of a session give one target with the highest QoS
// and all identifiers [MQTT-3.3.4-2] [MQTT-3.3.4-4].
func (b *Broker) collect(topic string, qos packet.QoS, from *session) {
	b.epoch++
	clear(b.targets)
	b.targets, b.ids = b.targets[:0], b.ids[:0]
	b.matched = b.trie.match(b.matched[:0], topic)
	for _, n := range b.matched {
		for _, sub := range n.subs {
			if sub.noLocal && sub.session == from { // [MQTT-3.8.3-3]
				continue
			}
			s := sub.session
			if s.mark != b.epoch {
				s.mark, s.target = b.epoch, len(b.targets)
				b.targets = append(b.targets, target{session: s, qos: sub.qos, rap: sub.rap})
			}
			t := &b.targets[s.target]
			t.qos = max(t.qos, sub.qos)
			t.rap = t.rap || sub.rap
			if sub.id != 0 {
				t.ids = b.appendID(t.ids, sub.id)
			}
		}
		for _, g := range n.groups {
			if sub := g.choose(qos); sub != nil {
				t := target{session: sub.session, group: g, qos: sub.qos, rap: sub.rap}
				if sub.id != 0 {
					t.ids = b.appendID(nil, sub.id)
				}
				b.targets = append(b.targets, t)
			}
		}
	}
}

// appendID keeps the first identifier of each target in one array; more than one are rare.
func (b *Broker) appendID(ids []uint32, id uint32) []uint32 {
	if ids != nil {
		return append(ids, id)
	}
	n := len(b.ids)
	b.ids = append(b.ids, id)
	return b.ids[n : n+1 : n+1]
}
