package engine

import (
	"testing"

	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// FuzzReceive gives arbitrary bytes of a broker to an engine in any state, in pieces of any size. It must not panic or
// hoard memory, and the next connection has to work.
func FuzzReceive(f *testing.F) {
	add := func(state, cut byte, packets ...packet.Packet) {
		var b []byte
		for _, p := range packets {
			b, _ = p.Append(b, packet.V5)
		}
		f.Add(state, cut, b)
	}
	some := []packet.ReasonCode{packet.GrantedQoS1}
	user := []packet.UserProperty{{Key: "k", Value: "v"}}
	for state := range byte(fuzzStates) {
		add(state, 7, &packet.Connack{SessionPresent: true, ReceiveMaximum: 3, ServerKeepAlive: packet.Some(uint16(9))})
		add(state, 1, &packet.Connack{}, &packet.Puback{Ack: packet.Ack{ID: 1}}, &packet.Pubrec{Ack: packet.Ack{ID: 2}},
			&packet.Pubcomp{Ack: packet.Ack{ID: 2}}, &packet.Suback{ID: 4, Codes: some}, &packet.Unsuback{ID: 5, Codes: some[:1]})
		add(state, 3, &packet.Publish{Topic: "a", QoS: 2, ID: 9, UserProperties: user}, &packet.Pubrel{Ack: packet.Ack{ID: 9}},
			&packet.Publish{Topic: "a", TopicAlias: 1, SubscriptionIDs: []uint32{1, 2}}, &packet.Publish{TopicAlias: 1, QoS: 1, ID: 3})
		add(state, 200, &packet.Pingresp{}, &packet.Auth{Code: packet.ContinueAuthentication, Method: "m"},
			&packet.Disconnect{Code: packet.ServerBusy, ServerReference: "x"})
	}
	f.Add(byte(2), byte(1), []byte{0x30, 0xFF, 0xFF, 0xFF, 0x7F, 0})
	f.Add(byte(2), byte(9), []byte{0x62, 2, 0, 1, 0x62, 2, 0, 2, 0x50, 2, 0, 1, 0x50, 2, 0, 1})
	f.Fuzz(func(t *testing.T, state, cut byte, data []byte) {
		e := fuzzEngine(t, state)
		fuzzFeed(e, int(cut)+1, data)
		if n := len(e.events); n > maxForgiven+len(e.subs.byFilter)+8 {
			t.Fatalf("%d events are waiting", n)
		}
		if len(e.out) > maxReplies+1<<10 || len(e.acks1.slots) > 1<<17 || len(e.acks2.slots) > 1<<17 || e.framer.Buffered() > len(data) {
			t.Fatalf("too much memory: %d bytes out, %d and %d acknowledgements", len(e.out), len(e.acks1.slots), len(e.acks2.slots))
		}
		fuzzRecover(t, e)
	})
}

const fuzzStates = 8

// fuzzEngine returns an engine in one of several states; the higher bits choose its configuration.
func fuzzEngine(t *testing.T, state byte) *Engine {
	cfg := Config{Strict: state&0x10 != 0, ManualAcks: state&0x20 != 0, SlowStart: state&0x40 != 0, Aliases: AliasLRU, MaxInterrupted: 1}
	if state&0x80 != 0 {
		cfg.Version = packet.V311
	}
	e, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	state %= fuzzStates
	if state == 0 { // no connection at all
		return e
	}
	c := &packet.Connect{ClientID: "c", KeepAlive: 10, ReceiveMaximum: 20, TopicAliasMaximum: 5, MaximumPacketSize: 1 << 16}
	if state == 1 {
		c.AuthMethod = "m"
	}
	open := func(connack packet.Connack) {
		must(t, e.Open(0, c, 100*second))
		if state > 2 {
			feedPacket(t, e, &connack)
		}
		e.Wrote(0, len(e.TakeOut(0, nil)))
	}
	open(packet.Connack{})
	for i := range 4 { // one of each kind, and one at PUBREL
		op := &Op{Publish: packet.Publish{Topic: "a", QoS: packet.QoS(min(i, 2))}}
		_ = e.Submit(0, op)
	}
	_ = e.Submit(0, &Op{Kind: OpSubscribe, Subscribe: packet.Subscribe{Filters: []packet.Filter{{Filter: "a"}}}})
	_ = e.Submit(0, &Op{Kind: OpUnsubscribe, Unsubscribe: packet.Unsubscribe{Filters: []string{"b"}}})
	e.Wrote(0, len(e.TakeOut(0, nil)))
	if state > 3 {
		feedPacket(t, e, &packet.Pubrec{Ack: packet.Ack{ID: 3}})
	}
	switch state {
	case 5, 6: // resumed, with a small quota
		e.Closed(0)
		open(packet.Connack{SessionPresent: true, ReceiveMaximum: 1})
	case 7:
		must(t, e.Disconnect(0, nil))
	}
	return e
}

// fuzzFeed gives data to the engine in pieces, acknowledges what arrives in a changing order, and lets time pass.
func fuzzFeed(e *Engine, size int, data []byte) {
	var tokens []AckToken
	for turn := 0; len(data) > 0; turn++ {
		chunk := append([]byte(nil), data[:min(size, len(data))]...)
		data = data[len(chunk):]
		for rest := chunk; ; {
			var m *Inbound
			if rest, m = e.Receive(e.now, rest); m == nil {
				break
			}
			if tokens = append(tokens, m.Token); len(tokens) == 3 {
				for _, i := range []int{1, 0, 2} {
					_ = e.Ack(e.now, tokens[i], packet.Success, "")
				}
				tokens = nil
			}
		}
		if turn%5 == 4 {
			e.Tick(e.now + second)
		}
	}
}

// fuzzRecover shows that the engine still does its work.
func fuzzRecover(t *testing.T, e *Engine) {
	e.Closed(e.now)
	must(t, e.Open(e.now, &packet.Connect{ClientID: "c", CleanStart: true}, Never))
	feedPacket(t, e, &packet.Connack{})
	if !e.Connected() {
		t.Fatalf("no connection any more: %v", e.Err())
	}
	done := false
	o := &Op{Publish: packet.Publish{Topic: "again", QoS: 1}}
	must(t, e.Submit(e.now, o))
	for id := uint16(1); id < 200 && !done; id++ { // whatever else was under way is acknowledged as well
		e.Wrote(e.now, len(e.TakeOut(e.now, nil)))
		switch other := e.ids.get(id); {
		case other == nil:
		case other.Kind == OpSubscribe:
			feedPacket(t, e, &packet.Suback{ID: id, Codes: make([]packet.ReasonCode, len(other.Subscribe.Filters))})
		case other.Kind == OpUnsubscribe:
			feedPacket(t, e, &packet.Unsuback{ID: id, Codes: make([]packet.ReasonCode, len(other.Unsubscribe.Filters))})
		case other.Publish.QoS == packet.QoS1:
			feedPacket(t, e, &packet.Puback{Ack: packet.Ack{ID: id}})
		default:
			feedPacket(t, e, &packet.Pubrec{Ack: packet.Ack{ID: id}})
			e.Wrote(e.now, len(e.TakeOut(e.now, nil)))
			feedPacket(t, e, &packet.Pubcomp{Ack: packet.Ack{ID: id}})
		}
		for _, d := range e.TakeDone(nil) {
			done = done || d == o && d.Err == nil
		}
	}
	if !done {
		t.Fatalf("the next message is not delivered: %v, %+v", e.Err(), e.Stats())
	}
}
