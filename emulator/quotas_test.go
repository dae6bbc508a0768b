package emulator_test

import (
	"strings"
	"testing"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/packet"
	"github.com/gneiss-mqtt/gneiss-go/emulator"
	"github.com/gneiss-mqtt/gneiss-go/emulator/iotcore"
)

// asked is what comes back for one packet: the code of an acknowledgement or of a DISCONNECT, which ends the connection.
type asked struct {
	code packet.ReasonCode
	end  bool
}

// ask sends a packet on a new connection and returns what comes back.
func ask(t *testing.T, s *emulator.Server, list ...packet.Packet) asked {
	t.Helper()
	c := dial(t, s, packet.V5)
	defer c.conn.Close()
	c.connect(packet.Connect{ClientID: "asker", CleanStart: true})
	c.send(list...)
	var last asked
	for range list {
		p, err := c.next()
		if err != nil {
			t.Fatal(err)
		}
		switch p := p.(type) {
		case *packet.Puback:
			last = asked{p.Code, false}
		case *packet.Suback:
			last = asked{p.Codes[len(p.Codes)-1], false}
		case *packet.Unsuback:
			last = asked{p.Codes[0], false}
		case *packet.Disconnect:
			c.gone()
			return asked{p.Code, true}
		default:
			t.Fatalf("%+v", p)
		}
	}
	return last
}

func publish(qos packet.QoS, topic string, payload int) *packet.Publish {
	return &packet.Publish{Topic: topic, QoS: qos, ID: uint16(qos), Payload: make([]byte, payload)}
}

func subscribe(qos packet.QoS, filters ...string) *packet.Subscribe {
	p := &packet.Subscribe{ID: 1}
	for _, f := range filters {
		p.Filters = append(p.Filters, packet.Filter{Filter: f, QoS: qos})
	}
	return p
}

func letters(n int) []string { return strings.Split(strings.Repeat("x", n), "")[:n] }

// TestQuotas: what is just within and what is beyond.
func TestQuotas(t *testing.T) {
	t.Parallel()
	inBubble(t, emulator.Options{IoT: iotcore.Options{Quotas: iotcore.Quotas{Connects: iotcore.Unlimited}}}, func(t *testing.T, s *emulator.Server) {
		long, deep := strings.Repeat("x", 256), strings.Repeat("a/", 7)
		many := func(n int) (list []packet.Packet) {
			for i := range n {
				list = append(list, &packet.Subscribe{ID: 1, Filters: []packet.Filter{{Filter: strings.Repeat("y", i+1)}}})
			}
			return list
		}
		heavy := publish(1, "t", 1)
		heavy.UserProperties = []packet.UserProperty{{Key: "k", Value: strings.Repeat("v", 8<<10)}}
		retained := publish(1, "$aws/things/x/shadow/update", 1)
		retained.Retain = true
		alias := publish(1, "t", 1)
		alias.TopicAlias = 9
		for name, tc := range map[string]struct {
			list []packet.Packet
			want asked
		}{
			"QoS 2":                       {[]packet.Packet{publish(2, "t", 1)}, asked{packet.QoSNotSupported, true}},
			"QoS 2, subscribe":            {[]packet.Packet{subscribe(2, "t")}, asked{packet.QoSNotSupported, true}},
			"subscription identifier":     {[]packet.Packet{&packet.Subscribe{ID: 1, SubscriptionID: 1, Filters: []packet.Filter{{Filter: "t"}}}}, asked{packet.SubscriptionIdentifiersNotSupported, true}},
			"8 filters":                   {[]packet.Packet{subscribe(1, letters(8)...)}, asked{1, false}},
			"9 filters":                   {[]packet.Packet{subscribe(1, letters(9)...)}, asked{packet.QuotaExceeded, true}},
			"9 filters, unsubscribe":      {[]packet.Packet{&packet.Unsubscribe{ID: 1, Filters: letters(9)}}, asked{packet.QuotaExceeded, true}},
			"50 subscriptions":            {many(50), asked{0, false}},
			"51 subscriptions":            {many(51), asked{packet.QuotaExceeded, true}},
			"256 bytes":                   {[]packet.Packet{publish(1, long, 1)}, asked{0, false}},
			"257 bytes":                   {[]packet.Packet{publish(1, long+"x", 1)}, asked{packet.TopicNameInvalid, false}},
			"257 bytes, QoS 0":            {[]packet.Packet{publish(0, long+"x", 1)}, asked{packet.TopicNameInvalid, true}},
			"257 bytes, filter":           {[]packet.Packet{subscribe(1, long+"x")}, asked{packet.TopicFilterInvalid, false}},
			"257 bytes, shared":           {[]packet.Packet{subscribe(1, "$share/group/"+long)}, asked{1, false}},
			"7 slashes":                   {[]packet.Packet{publish(1, deep+"x", 1)}, asked{0, false}},
			"8 slashes":                   {[]packet.Packet{publish(1, deep+"x/", 1)}, asked{packet.TopicNameInvalid, false}},
			"8 slashes, filter":           {[]packet.Packet{subscribe(1, deep+"+/#")}, asked{packet.TopicFilterInvalid, false}},
			"8 slashes of commands":       {[]packet.Packet{subscribe(1, "$aws/commands/things/x/executions/+/response/accepted/json")}, asked{1, false}},
			"7 slashes of ingest":         {[]packet.Packet{publish(1, "$aws/rules/rule/"+deep+"x", 1)}, asked{0, false}},
			"8 slashes of ingest":         {[]packet.Packet{publish(1, "$aws/rules/rule/"+deep+"x/", 1)}, asked{packet.TopicNameInvalid, false}},
			"ingest, subscribe":           {[]packet.Packet{subscribe(1, "$aws/rules/rule/x")}, asked{packet.TopicFilterInvalid, false}},
			"unknown reserved":            {[]packet.Packet{publish(1, "$aws/unknown", 1)}, asked{0, false}},
			"reserved, retained":          {[]packet.Packet{retained}, asked{packet.TopicNameInvalid, false}},
			"128 KiB":                     {[]packet.Packet{publish(1, "t", 128<<10)}, asked{0, false}},
			"more than 128 KiB":           {[]packet.Packet{publish(1, "t", 128<<10+1)}, asked{packet.QuotaExceeded, false}},
			"more than 128 KiB, QoS 0":    {[]packet.Packet{publish(0, "t", 128<<10+1)}, asked{packet.QuotaExceeded, true}},
			"more than the packet's size": {[]packet.Packet{publish(1, "t", 149504)}, asked{packet.PacketTooLarge, true}},
			"user properties":             {[]packet.Packet{heavy}, asked{packet.QuotaExceeded, false}},
			"topic alias":                 {[]packet.Packet{alias}, asked{packet.TopicAliasInvalid, true}},
		} {
			if got := ask(t, s, tc.list...); got != tc.want {
				t.Errorf("%s: %+v, want %+v", name, got, tc.want)
			}
		}
	})
}

func TestQuotasOfConnect(t *testing.T) {
	t.Parallel()
	inBubble(t, emulator.Options{}, func(t *testing.T, s *emulator.Server) {
		code := func(p packet.Connect) *packet.Connack {
			t.Helper()
			c := dial(t, s, packet.V5)
			defer c.conn.Close()
			p.CleanStart = true
			c.send(&p)
			return expect[*packet.Connack](c)
		}
		for name, tc := range map[string]struct {
			p    packet.Connect
			want packet.ReasonCode
		}{
			"128 bytes": {packet.Connect{ClientID: strings.Repeat("x", 128)}, 0},
			"129 bytes": {packet.Connect{ClientID: strings.Repeat("x", 129)}, packet.ClientIdentifierNotValid},
			"dollar":    {packet.Connect{ClientID: "$x"}, packet.ClientIdentifierNotValid},
			"big will":  {packet.Connect{ClientID: "w", Will: &packet.Will{Topic: "t", Payload: make([]byte, 60_000)}}, 0},
			"QoS 2":     {packet.Connect{ClientID: "w", Will: &packet.Will{Topic: "t", QoS: 2}}, packet.QoSNotSupported},
			"AUTH":      {packet.Connect{ClientID: "a", AuthMethod: "x"}, packet.BadAuthenticationMethod},
		} {
			if ack := code(tc.p); ack.Code != tc.want {
				t.Errorf("%s: %s", name, ack.Code)
			}
		}
		for asked, want := range map[uint16]uint16{0: 1200, 10: 30, 30: 30, 600: 600, 1201: 1200} {
			if ack := code(packet.Connect{ClientID: "k", KeepAlive: asked}); ack.ServerKeepAlive != packet.Some(want) {
				t.Errorf("keep alive %d becomes %v", asked, ack.ServerKeepAlive)
			}
		}
		for i := range 10 {
			if ack := code(packet.Connect{ClientID: "often"}); ack.Code != 0 {
				t.Errorf("%d: %s", i, ack.Code)
			}
		}
		if ack := code(packet.Connect{ClientID: "often"}); ack.Code != packet.QuotaExceeded {
			t.Errorf("%s", ack.Code)
		}
		<-time.After(time.Second)
		if ack := code(packet.Connect{ClientID: "often"}); ack.Code != 0 {
			t.Errorf("a second later: %s", ack.Code)
		}
		if id := code(packet.Connect{}).AssignedClientID; !strings.HasPrefix(id, "$GEN/") || len(id) != len("$GEN/")+36 {
			t.Errorf("assigned %q", id)
		}
	})
}

func TestRates(t *testing.T) {
	t.Parallel()
	inBubble(t, emulator.Options{}, func(t *testing.T, s *emulator.Server) {
		w := dial(t, s, packet.V5)
		w.connect(packet.Connect{ClientID: "w", CleanStart: true})
		w.subscribe(0, "t")
		c := dial(t, s, packet.V5)
		c.connect(packet.Connect{ClientID: "c", CleanStart: true})
		for range 100 {
			c.publish(packet.Publish{Topic: "u", QoS: 1})
		}
		c.send(&packet.Publish{Topic: "u", QoS: 1, ID: 1})
		if ack := expect[*packet.Puback](c); ack.Code != packet.QuotaExceeded {
			t.Errorf("%s", ack.Code)
		}
		c.send(&packet.Publish{Topic: "t"}) // discarded
		<-time.After(time.Second)
		c.send(&packet.Publish{Topic: "t", Payload: []byte("after a second")})
		w.message("after a second")
		old := dial(t, s, packet.V311)
		old.connect(packet.Connect{Version: packet.V311, ClientID: "old", CleanStart: true})
		for range 101 {
			old.send(&packet.Publish{Topic: "u", QoS: 1, ID: 1})
		}
		for range 100 {
			expect[*packet.Puback](old)
		}
		old.send(&packet.Pingreq{}) // the one too many is not acknowledged
		expect[*packet.Pingresp](old)
		<-time.After(time.Second)
		for range 120 { // more than a connection may get in a second
			if err := s.Publish(packet.Publish{Topic: "t"}); err != nil {
				t.Fatal(err)
			}
		}
		<-time.After(time.Second)
		if err := s.Publish(packet.Publish{Topic: "t", Payload: []byte("last")}); err != nil {
			t.Fatal(err)
		}
		n := 0
		for string(expect[*packet.Publish](w).Payload) != "last" {
			n++
		}
		if n != 100 {
			t.Errorf("%d messages in a second", n)
		}
	})
}

// TestUnacknowledged: 100 messages each way may wait for their acknowledgements.
func TestUnacknowledged(t *testing.T) {
	t.Parallel()
	quotas := iotcore.Quotas{PublishesIn: iotcore.Unlimited, PublishesOut: iotcore.Unlimited}
	inBubble(t, emulator.Options{IoT: iotcore.Options{Quotas: quotas}}, func(t *testing.T, s *emulator.Server) {
		inject(t, s, iotcore.ConnectionFault{Client: "in", OmitAck: true})
		c := dial(t, s, packet.V5)
		c.connect(packet.Connect{ClientID: "in", CleanStart: true})
		for i := range 101 {
			c.send(&packet.Publish{Topic: "t", QoS: 1, ID: uint16(i + 1)})
		}
		if d := expect[*packet.Disconnect](c); d.Code != packet.ReceiveMaximumExceeded {
			t.Errorf("%s", d.Code)
		}
		c = dial(t, s, packet.V311)
		c.connect(packet.Connect{Version: packet.V311, ClientID: "out", CleanStart: true})
		c.subscribe(1, "t")
		for range 150 {
			if err := s.Publish(packet.Publish{Topic: "t", QoS: 1}); err != nil {
				t.Fatal(err)
			}
		}
		var last uint16
		for range 100 {
			last = expect[*packet.Publish](c).ID
		}
		c.send(&packet.Pingreq{})
		expect[*packet.Pingresp](c)
		c.send(&packet.Puback{Ack: packet.Ack{ID: last}})
		expect[*packet.Publish](c)
	})
}

// TestSharedAtRandom: a shared subscription is no round.
func TestSharedAtRandom(t *testing.T) {
	t.Parallel()
	inBubble(t, emulator.Options{Seed: 1, IoT: iotcore.Options{Quotas: iotcore.NoQuotas()}}, func(t *testing.T, s *emulator.Server) {
		members := []*client{dial(t, s, packet.V5), dial(t, s, packet.V5)}
		for i, c := range members {
			c.connect(packet.Connect{ClientID: string(rune('a' + i)), CleanStart: true})
			c.subscribe(1, "$share/group/t")
		}
		const messages = 200
		for range messages {
			if err := s.Publish(packet.Publish{Topic: "t"}); err != nil {
				t.Fatal(err)
			}
		}
		var got [2]int
		for i, c := range members {
			if err := s.Send(string(rune('a'+i)), packet.Publish{Topic: "last"}); err != nil {
				t.Fatal(err)
			}
			for expect[*packet.Publish](c).Topic == "t" {
				got[i]++
			}
		}
		if got[0]+got[1] != messages || got[0] == messages/2 || min(got[0], got[1]) < messages/4 {
			t.Errorf("%d and %d of %d messages, want all of them, and not one for each in turn", got[0], got[1], messages)
		}
	})
}
