package broker_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/packet"
	"github.com/gneiss-mqtt/gneiss-go/emulator/broker"
)

// TestSameInputSameOutput plays random packets of every kind, valid and not, twice on two brokers: all bytes, events and
// wake times have to be the same. In the end every session is ended, and nothing may be left.
func TestSameInputSameOutput(t *testing.T) {
	t.Parallel()
	for seed := range uint64(3) {
		first, second := chaos(t, seed), chaos(t, seed)
		if first != second {
			compare(t, fmt.Sprintf("seed %d", seed), first, second)
		}
		if len(first) < 10_000 {
			t.Errorf("seed %d: only %d bytes of output: the test shows nothing", seed, len(first))
		}
	}
}

// mess is a broker and clients that do anything.
type mess struct {
	t      *testing.T
	random *rand.Rand
	b      *broker.Broker
	now    broker.Instant
	conns  [6]broker.ConnID
	vers   [6]packet.Version
	log    strings.Builder
}

func chaos(t *testing.T, seed uint64) string {
	m := &mess{t: t, random: rand.New(rand.NewPCG(seed, 11))}
	o := broker.Options{Events: broker.EventAll, Random: rand.NewPCG(seed, 12)}
	o.Limits = broker.Limits{MaxQueued: 20, MaxRetained: 30, MaxSubscriptions: 10, ReceiveMaximum: 5, OutBuffer: 2000, MaxSessionExpiry: 60, SessionExpiryV311: 30}
	o.Hooks.Auth = challenge
	b, err := broker.New(o)
	if err != nil {
		t.Fatal(err)
	}
	m.b = b
	for range 2500 {
		m.step()
		m.collect()
	}
	for _, c := range b.Clients() {
		if err := b.EndSession(m.now, c.ID); err != nil {
			t.Fatal(err)
		}
		m.collect()
	}
	b.DropAll(m.now)
	m.collect()
	if s := b.Stats(); s.Sessions != 0 || s.Connected != 0 || s.Connections != 0 || s.Subscriptions != 0 {
		t.Errorf("seed %d: something is left: %+v", seed, s)
	}
	if at, ok := b.NextWake(); ok {
		t.Errorf("seed %d: a wake is due at %d with nobody there", seed, at)
	}
	return m.log.String()
}

func (m *mess) collect() {
	for _, id := range m.b.TakeReady(nil) {
		out, closing := m.b.TakeOut(id, nil)
		fmt.Fprintf(&m.log, "%d: % x %v\n", id, out, closing)
		if m.random.IntN(5) > 0 {
			m.b.Written(m.now, id, len(out))
		}
		for i := range m.conns {
			if closing && m.conns[i] == id {
				m.conns[i] = 0
			}
		}
	}
	for _, e := range m.b.TakeEvents(nil) {
		fmt.Fprintln(&m.log, formatEvent(&e))
	}
	at, ok := m.b.NextWake()
	fmt.Fprintln(&m.log, at, ok)
}

func (m *mess) step() {
	r := m.random
	i := r.IntN(len(m.conns))
	switch n := r.IntN(100); {
	case m.conns[i] == 0:
		m.conns[i] = m.b.Open(m.now, broker.ConnInfo{})
		m.vers[i] = []packet.Version{packet.V311, packet.V5, packet.V5}[r.IntN(3)]
		m.send(i, m.connect())
	case n < 3:
		m.b.Closed(m.now, m.conns[i])
		m.conns[i] = 0
	case n < 8:
		m.now = m.now.Add(time.Duration(r.IntN(5000)) * time.Millisecond)
		m.b.Wake(m.now)
	case n < 9:
		m.b.Receive(m.now, m.conns[i], []byte{byte(r.Uint32()), byte(r.IntN(4)), byte(r.Uint32()), byte(r.Uint32())})
	default:
		m.send(i, m.any())
	}
}

func (m *mess) send(i int, p packet.Packet) {
	data, err := p.Append(nil, m.vers[i])
	if err != nil {
		return // there is no such packet in that version
	}
	m.b.Receive(m.now, m.conns[i], data)
}

func (m *mess) connect() *packet.Connect {
	r := m.random
	c := &packet.Connect{ClientID: fmt.Sprint("c", r.IntN(8)), CleanStart: r.IntN(3) == 0, SessionExpiry: uint32(r.IntN(3) * 20),
		KeepAlive: uint16(r.IntN(3) * 10), ReceiveMaximum: uint16(r.IntN(4)), TopicAliasMaximum: uint16(r.IntN(3)),
		MaximumPacketSize: uint32(r.IntN(2) * (20 + r.IntN(100)))}
	if r.IntN(3) == 0 {
		c.Will = &packet.Will{Topic: m.topic(), QoS: packet.QoS(r.IntN(3)), Retain: r.IntN(2) == 0, DelayInterval: uint32(r.IntN(2) * 5), Payload: []byte("will")}
	}
	if r.IntN(10) == 0 {
		c.AuthMethod, c.AuthData = "challenge", []byte([]string{"right", "first", "bad"}[r.IntN(3)])
	}
	return c
}

func (m *mess) topic() string {
	return []string{"a", "a/b", "a/b/c", "b/c", "$x/a"}[m.random.IntN(5)]
}

func (m *mess) filter() string {
	return []string{"#", "a/#", "+/b", "a/b", "$share/g/a/#", "$share/g/+/b", "$share/h/a/#", "$x/#", "b/+"}[m.random.IntN(9)]
}

// any returns a packet of any kind; acknowledgements are often right, since identifiers are small.
func (m *mess) any() packet.Packet {
	r := m.random
	ack := packet.Ack{ID: uint16(1 + r.IntN(5))}
	if r.IntN(20) == 0 {
		ack.Code = packet.UnspecifiedError
	}
	switch r.IntN(16) {
	case 0, 1, 2, 3, 4:
		p := &packet.Publish{Topic: m.topic(), QoS: packet.QoS(r.IntN(3)), Retain: r.IntN(4) == 0, Payload: make([]byte, r.IntN(60))}
		if p.QoS > 0 {
			p.ID = ack.ID
		}
		if r.IntN(3) == 0 {
			p.MessageExpiry = packet.Some(uint32(r.IntN(10)))
		}
		return p
	case 5, 6:
		return &packet.Subscribe{ID: 1, SubscriptionID: uint32(r.IntN(3)), Filters: []packet.Filter{
			{Filter: m.filter(), QoS: packet.QoS(r.IntN(3)), RetainAsPublished: r.IntN(2) == 0, RetainHandling: packet.RetainHandling(r.IntN(3))},
			{Filter: m.filter(), QoS: packet.QoS(r.IntN(3))}}}
	case 7:
		return &packet.Unsubscribe{ID: 1, Filters: []string{m.filter()}}
	case 8, 9:
		return &packet.Puback{Ack: ack}
	case 10, 11:
		return &packet.Pubrec{Ack: ack}
	case 12:
		return &packet.Pubcomp{Ack: packet.Ack{ID: ack.ID}}
	case 13:
		return &packet.Pubrel{Ack: packet.Ack{ID: ack.ID}}
	case 14:
		return &packet.Pingreq{}
	}
	if r.IntN(4) == 0 {
		return &packet.Disconnect{Code: []packet.ReasonCode{packet.NormalDisconnection, packet.DisconnectWithWill}[r.IntN(2)]}
	}
	return &packet.Auth{Code: packet.ReAuthenticate, Method: "challenge", Data: []byte("first")}
}
