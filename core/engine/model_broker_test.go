package engine

import (
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// modelBroker is a correct broker for one client, as small as can be. It answers when the world lets it, in any order
// that the protocol allows.
type modelBroker struct {
	t       testing.TB
	rng     *rand.Rand
	v       packet.Version
	framer  packet.Framer
	decoder packet.Decoder

	session *modelSession // nil: none
	up      bool          // CONNACK was accepted
	clean   bool          // the session ends with the connection
	limit   int           // the client's receive maximum
	free    int           // of it
	aliases map[uint16]string
	later   [][]byte // answers held back
	out     []byte   // on its way to the client
	sent1   []uint16 // QoS 1 and 2 sent on this connection and not acknowledged, in order
	sent2   []uint16
	next    int             // number of the next message to the client
	again   []*modelMessage // of a resumed session, to be repeated
	counted map[uint16]bool // QoS 2 sent on this connection and not completed

	accepted map[int]int  // how often a message of the client was taken, by its number
	once     map[int]bool // those at QoS 2 that a session took
	acked    map[int]bool // messages to the client that it acknowledged as taken
}

// modelSession is what the broker keeps between connections.
type modelSession struct {
	held map[uint16]bool // QoS 2 from the client, not released
	to   []*modelMessage // to the client, not acknowledged
	id   uint16
	subs map[string]packet.QoS
}

type modelMessage struct {
	number   int
	id       uint16
	qos      packet.QoS
	released bool // PUBREC has come
}

func newModelSession() *modelSession {
	return &modelSession{held: map[uint16]bool{}, subs: map[string]packet.QoS{}}
}

// connected starts a new connection; what was on its way is gone.
func (b *modelBroker) connected() {
	b.framer.Reset()
	b.up, b.out, b.later = false, nil, nil
	b.sent1, b.sent2 = nil, nil
	b.aliases, b.counted, b.again = map[uint16]string{}, map[uint16]bool{}, nil
	b.decoder.Version = b.v
}

func (b *modelBroker) disconnected() {
	if b.up && b.clean {
		b.session = nil
	}
	b.up = false
}

func (b *modelBroker) encode(p packet.Packet) []byte {
	out, err := p.Append(nil, b.v)
	if err != nil {
		b.t.Fatalf("broker: %v", err)
	}
	return out
}

func (b *modelBroker) send(p packet.Packet) { b.out = append(b.out, b.encode(p)...) }

// answer sends at once, or some time later.
func (b *modelBroker) answer(p packet.Packet) {
	if b.rng.IntN(3) == 0 {
		b.later = append(b.later, b.encode(p))
	} else {
		b.send(p)
	}
}

// flush lets go of one answer that was held back, any one.
func (b *modelBroker) flush() {
	if n := len(b.later); n > 0 {
		i := b.rng.IntN(n)
		b.out = append(b.out, b.later[i]...)
		b.later = append(b.later[:i], b.later[i+1:]...)
	}
}

// receive reads bytes of the client. It reports whether the connection goes on.
func (b *modelBroker) receive(p []byte) bool {
	for {
		f, rest, ok, err := b.framer.Next(p)
		if err != nil {
			b.t.Fatalf("broker: %v", err)
		}
		if !ok {
			return true
		}
		pk, err := b.decoder.Decode(f)
		if err != nil {
			b.t.Fatalf("broker: % x: %v", f.Body, err)
		}
		if !b.handle(pk) {
			return false
		}
		p = rest
	}
}

func (b *modelBroker) handle(p packet.Packet) bool {
	if c, ok := p.(*packet.Connect); ok {
		return b.connect(c)
	}
	if !b.up {
		b.t.Fatalf("broker: %s before CONNACK", p.Type())
	}
	switch p := p.(type) {
	case *packet.Publish:
		b.publish(p)
	case *packet.Pubrel:
		delete(b.session.held, p.ID)
		b.answer(&packet.Pubcomp{Ack: packet.Ack{ID: p.ID}})
	case *packet.Puback:
		b.sent1 = b.inOrder(b.sent1, p.ID, "PUBACK")
		b.settle(p.ID, packet.QoS1, !p.Code.Failed())
	case *packet.Pubrec:
		b.sent2 = b.inOrder(b.sent2, p.ID, "PUBREC")
		b.pubrec(p)
	case *packet.Pubcomp:
		if b.counted[p.ID] {
			b.free++
		}
		delete(b.counted, p.ID)
		b.drop(p.ID, packet.QoS2)
		b.goOn()
	case *packet.Subscribe:
		b.subscribe(p)
	case *packet.Unsubscribe:
		for _, f := range p.Filters {
			delete(b.session.subs, f)
		}
		b.answer(&packet.Unsuback{ID: p.ID, Codes: make([]packet.ReasonCode, len(p.Filters))})
	case *packet.Pingreq:
		b.answer(&packet.Pingresp{})
	case *packet.Disconnect:
		return false
	}
	return true
}

func (b *modelBroker) connect(c *packet.Connect) bool {
	if b.rng.IntN(10) == 0 {
		b.send(&packet.Connack{Code: packet.ServerUnavailable})
		return false
	}
	if c.CleanStart || b.rng.IntN(6) == 0 {
		b.session = nil
	}
	ack := &packet.Connack{SessionPresent: b.session != nil}
	if b.v == packet.V5 {
		ack.ReceiveMaximum = uint16(b.rng.IntN(5)) // 0: none
		ack.TopicAliasMaximum = uint16(b.rng.IntN(3))
	}
	b.clean = b.v == packet.V311 && c.CleanStart
	if b.limit = int(c.ReceiveMaximum); b.limit == 0 {
		b.limit = 65535
	}
	b.free = b.limit
	b.up = true
	b.send(ack)
	if b.session == nil {
		b.session, b.once = newModelSession(), map[int]bool{}
	}
	b.again = append([]*modelMessage(nil), b.session.to...)
	b.goOn()
	return true
}

// publish takes a message: at QoS 2 once for each identifier, until it is released.
func (b *modelBroker) publish(p *packet.Publish) {
	if p.TopicAlias != 0 && p.Topic != "" {
		b.aliases[p.TopicAlias] = p.Topic
	}
	topic := p.Topic
	if topic == "" {
		topic = b.aliases[p.TopicAlias]
	}
	number, _ := strconv.Atoi(string(p.Payload))
	if want := topicOf(number); topic != want {
		b.t.Fatalf("broker: message %d came under topic %q, want %q", number, topic, want)
	}
	if p.QoS == packet.QoS2 {
		if !b.session.held[p.ID] {
			b.session.held[p.ID] = true
			if b.once[number] {
				b.t.Fatalf("broker: message %d was taken twice in one session at QoS 2", number)
			}
			b.once[number] = true
			b.accepted[number]++
		}
		b.answer(&packet.Pubrec{Ack: packet.Ack{ID: p.ID}})
		return
	}
	b.accepted[number]++
	if p.QoS == packet.QoS1 {
		b.answer(&packet.Puback{Ack: packet.Ack{ID: p.ID}})
	}
}

func (b *modelBroker) subscribe(p *packet.Subscribe) {
	codes := make([]packet.ReasonCode, len(p.Filters))
	for i, f := range p.Filters {
		if b.rng.IntN(20) == 0 {
			codes[i] = packet.UnspecifiedError
			continue
		}
		codes[i] = packet.ReasonCode(f.QoS)
		b.session.subs[f.Filter] = f.QoS
	}
	b.answer(&packet.Suback{ID: p.ID, Codes: codes})
}
