package mqtt_test

import (
	"sync"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtttest"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// broker keeps the session of one client over any number of connections, and counts what it gets. It sends its messages
// when the client subscribes.
type broker struct {
	mu       sync.Mutex
	now      *mqtttest.Conn // the connection that counts
	session  bool
	forget   bool           // there is no session at the next connection
	got      map[string]int // messages by topic
	taken    map[uint16]bool
	messages []*packet.Publish // to be sent
	unacked  []*packet.Publish
	released []uint16
	nextID   uint16
}

func newBroker(messages ...*packet.Publish) *broker {
	return &broker{got: make(map[string]int), taken: make(map[uint16]bool), messages: messages}
}

func (b *broker) received(topic string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.got[topic]
}

// answer is for [mqtttest.Peer.Serve].
func (b *broker) answer(c *mqtttest.Conn, in packet.Packet) []packet.Packet {
	b.mu.Lock()
	defer b.mu.Unlock()
	if connect, ok := in.(*packet.Connect); ok {
		return b.connect(c, connect)
	}
	if c != b.now {
		return nil // what is left of a connection that was taken over
	}
	out := mqtttest.Answer(c, in)
	switch in := in.(type) {
	case *packet.Publish:
		if !b.taken[in.ID] {
			b.got[in.Topic]++
		}
		if in.QoS == packet.QoS2 {
			b.taken[in.ID] = true
		}
	case *packet.Pubrel:
		delete(b.taken, in.ID)
	case *packet.Subscribe:
		for _, m := range b.messages {
			if b.nextID++; m.QoS > 0 {
				m.ID = b.nextID
				b.unacked = append(b.unacked, m)
			}
			out = append(out, m)
		}
		b.messages = nil
	case *packet.Puback:
		b.drop(in.ID)
	case *packet.Pubrec:
		b.drop(in.ID)
		b.released = append(b.released, in.ID)
	case *packet.Pubcomp:
		for i, id := range b.released {
			if id == in.ID {
				b.released = append(b.released[:i], b.released[i+1:]...)
				break
			}
		}
	}
	return out
}

func (b *broker) connect(c *mqtttest.Conn, in *packet.Connect) []packet.Packet {
	if in.CleanStart || b.forget {
		b.session, b.forget = false, false
		b.taken, b.unacked, b.released = make(map[uint16]bool), nil, nil
	}
	b.now = c
	out := []packet.Packet{&packet.Connack{SessionPresent: b.session}}
	b.session = c.Version() == packet.V5 || !in.CleanStart // a clean session of MQTT 3.1.1 ends with its connection
	for _, id := range b.released {
		out = append(out, &packet.Pubrel{Ack: packet.Ack{ID: id}})
	}
	for _, m := range b.unacked {
		again := *m
		again.Dup = true
		out = append(out, &again)
	}
	return out
}

func (b *broker) drop(id uint16) {
	for i, m := range b.unacked {
		if m.ID == id {
			b.unacked = append(b.unacked[:i], b.unacked[i+1:]...)
			return
		}
	}
}
