package gate_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/packet"
	"github.com/gneiss-mqtt/gneiss-go/emulator/broker"
	"github.com/gneiss-mqtt/gneiss-go/emulator/internal/account"
	"github.com/gneiss-mqtt/gneiss-go/emulator/internal/gate"
	"github.com/gneiss-mqtt/gneiss-go/emulator/iotcore"
)

// FuzzGate has a client send whatever it likes to a broker with the rules of the service, with policies in force.
func FuzzGate(f *testing.F) {
	seed := func(v packet.Version, list ...packet.Packet) {
		var b []byte
		for _, p := range list {
			b, _ = p.Append(b, v)
		}
		f.Add(b)
	}
	will := &packet.Will{Topic: "w", DelayInterval: 5}
	for _, v := range []packet.Version{packet.V5, packet.V311} {
		seed(v, &packet.Connect{Version: v, ClientID: "d", CleanStart: true, HasUsername: true, Username: "u?x-amz-customauthorizer-name=a&t=%2", Will: will},
			&packet.Subscribe{ID: 1, Filters: []packet.Filter{{Filter: "$share/g/a/#", QoS: 1}, {Filter: "$aws/rules/x"}}},
			&packet.Publish{Topic: "$aws/rules/r/x", QoS: 1, ID: 1}, &packet.Publish{Topic: "a/b", Payload: []byte("x"), Retain: true},
			&packet.Publish{Topic: "$aws/things/d/shadow/get", QoS: 1, ID: 2}, &packet.Disconnect{})
	}
	f.Fuzz(func(t *testing.T, input []byte) {
		o := iotcore.Options{EnforcePolicies: true, Authorizers: []iotcore.Authorizer{{Name: "a", Default: true, Table: []iotcore.Grant{{
			Username: "u", Decision: iotcore.AuthorizerDecision{Authenticated: true, Policies: []string{
				`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"iot:*","Resource":"*${iot:ClientId}*"}}`,
			}},
		}}}}}
		g := gate.New(gate.Config{Options: o, Account: account.New("1", "r"), Epoch: time.Unix(1e9, 0), Random: rand.NewPCG(1, 2)})
		b, err := broker.New(broker.Options{Limits: gate.Limits(o), Hooks: g.Hooks(), Events: gate.Events, AssignID: g.AssignID})
		if err != nil {
			t.Fatal(err)
		}
		now := broker.Instant(0)
		for _, door := range []*gate.Door{{}, {Principal: &account.Principal{Kind: account.Anonymous, ID: "x"}}} {
			id := b.Open(now, broker.ConnInfo{Context: door})
			for rest := input; len(rest) > 0; {
				now = now.Add(time.Second)
				n := min(len(rest), 100)
				b.Receive(now, id, rest[:n])
				settle(g, b, now)
				b.TakeOut(id, nil)
				rest = rest[n:]
			}
			b.Closed(now, id)
			settle(g, b, now)
		}
		g.Wake(now.Add(48 * time.Hour))
		b.Wake(now.Add(48 * time.Hour))
		settle(g, b, now.Add(48*time.Hour))
		if n := g.Peers(); n != 0 {
			t.Errorf("%d clients are left", n)
		}
	})
}

func settle(g *gate.Gate, b *broker.Broker, now broker.Instant) {
	for {
		g.Observe(now, b.TakeEvents(nil))
		a := g.TakeActions()
		if a.Empty() {
			return
		}
		b.Reply(now, a.Replies...)
		for _, k := range a.Kicks {
			b.End(now, k.Conn, k.Code, k.Reason)
		}
	}
}
