package emulator_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/packet"
	"github.com/gneiss-mqtt/gneiss-go/emulator"
	"github.com/gneiss-mqtt/gneiss-go/emulator/broker"
	"github.com/gneiss-mqtt/gneiss-go/emulator/iotcore"
)

// TestFiltersOfTheService: a/# does not match a, and retained messages reach exact subscriptions alone.
func TestFiltersOfTheService(t *testing.T) {
	t.Parallel()
	inBubble(t, emulator.Options{}, func(t *testing.T, s *emulator.Server) {
		p := dial(t, s, packet.V5)
		p.connect(packet.Connect{ClientID: "p", CleanStart: true})
		p.publish(packet.Publish{Topic: "a/b", Payload: []byte("kept"), QoS: 1, Retain: true})
		c := dial(t, s, packet.V5)
		c.connect(packet.Connect{ClientID: "c", CleanStart: true})
		c.subscribe(1, "a/#", "a/+", "$share/g/a/b", "#")
		p.publish(packet.Publish{Topic: "a", Payload: []byte("to # alone")})
		c.message("to # alone")
		p.publish(packet.Publish{Topic: "$SYS/x"})
		p.publish(packet.Publish{Topic: "c/d", Payload: []byte("last")})
		c.message("last")
		c.subscribe(1, "a/b")
		if m := c.message("kept"); !m.Retain {
			t.Error("not retained")
		}
		p.publish(packet.Publish{Topic: "a/b", QoS: 1, Retain: true}) // clears it
		if n := len(s.Retained("#")); n != 0 {
			t.Errorf("%d retained messages", n)
		}
	})
}

// TestSessionsOfTheService: the other version of MQTT does not find a session, and expiry has a maximum.
func TestSessionsOfTheService(t *testing.T) {
	t.Parallel()
	inBubble(t, emulator.Options{}, func(t *testing.T, s *emulator.Server) {
		open := func(v packet.Version, p packet.Connect) *packet.Connack {
			t.Helper()
			c := dial(t, s, v)
			p.ClientID, p.Version = "c", v
			ack := c.connect(p)
			_ = c.conn.Close()
			<-time.After(2 * time.Second)
			return ack
		}
		if ack := open(packet.V5, packet.Connect{SessionExpiry: broker.Forever}); ack.SessionExpiry != packet.Some[uint32](3600) {
			t.Errorf("%+v", ack)
		}
		if !open(packet.V5, packet.Connect{SessionExpiry: 3600}).SessionPresent || open(packet.V311, packet.Connect{}).SessionPresent ||
			!open(packet.V311, packet.Connect{}).SessionPresent || open(packet.V5, packet.Connect{SessionExpiry: 9}).SessionPresent {
			t.Error("the wrong sessions are present")
		}
		open(packet.V311, packet.Connect{})
		<-time.After(time.Hour)
		if open(packet.V311, packet.Connect{}).SessionPresent {
			t.Error("the session has outlived an hour")
		}
	})
}

// TestStoredMessages: they come at 10 in a second, newer ones behind them; QoS 0 is not stored.
func TestStoredMessages(t *testing.T) {
	t.Parallel()
	inBubble(t, emulator.Options{}, func(t *testing.T, s *emulator.Server) {
		c := dial(t, s, packet.V5)
		c.connect(packet.Connect{ClientID: "c", SessionExpiry: 1000})
		c.subscribe(1, "t")
		send := func(n int) {
			t.Helper()
			err := s.Publish(packet.Publish{Topic: "t", QoS: 1, Payload: fmt.Append(nil, n)})
			if err != nil {
				t.Fatal(err)
			}
		}
		send(0)
		expect[*packet.Publish](c) // not acknowledged
		_ = c.conn.Close()
		<-time.After(time.Second)
		if err := s.Publish(packet.Publish{Topic: "t"}); err != nil {
			t.Fatal(err)
		}
		for n := 1; n < 25; n++ {
			send(n)
		}
		c = dial(t, s, packet.V5)
		c.connect(packet.Connect{ClientID: "c", SessionExpiry: 1000})
		began := time.Now()
		send(25)
		for n := range 26 {
			c.message(fmt.Sprint(n))
			if want := time.Duration(min(n, 24)/10) * time.Second; time.Since(began) != want {
				t.Errorf("%d came after %v, want %v", n, time.Since(began), want)
			}
		}
		send(26)
		c.message("26")
		if time.Since(began) != 2*time.Second {
			t.Errorf("after %v", time.Since(began))
		}
	})
}

// TestTakeover: the newest connection wins, and the older one is told so where it can be.
func TestTakeover(t *testing.T) {
	t.Parallel()
	inBubble(t, emulator.Options{}, func(t *testing.T, s *emulator.Server) {
		w := dial(t, s, packet.V5)
		w.connect(packet.Connect{ClientID: "w", CleanStart: true})
		w.subscribe(1, "$aws/events/presence/disconnected/+", "will")
		c := dial(t, s, packet.V5)
		c.connect(packet.Connect{ClientID: "c", CleanStart: true, Will: &packet.Will{Topic: "will", Payload: []byte("taken")}})
		d := dial(t, s, packet.V311)
		d.connect(packet.Connect{Version: packet.V311, ClientID: "c", CleanStart: true})
		if m := expect[*packet.Disconnect](c); m.Code != packet.SessionTakenOver {
			t.Errorf("%s", m.Code)
		}
		w.message("taken")
		if body := string(expect[*packet.Publish](w).Payload); !strings.Contains(body, `"disconnectReason":"DUPLICATE_CLIENTID"`) {
			t.Error(body)
		}
		dial(t, s, packet.V5).connect(packet.Connect{ClientID: "c", CleanStart: true})
		d.gone()
	})
}

// TestReservedTopics: what is not there goes nowhere, or ends the connection where it is asked to.
func TestReservedTopics(t *testing.T) {
	t.Parallel()
	for _, end := range []bool{false, true} {
		inBubble(t, emulator.Options{IoT: iotcore.Options{EndOnReserved: end}}, func(t *testing.T, s *emulator.Server) {
			want := func(name string, got asked, code packet.ReasonCode) {
				t.Helper()
				if got.end != end || end && got.code != code || !end && got.code.Failed() {
					t.Errorf("%v %s: %+v", end, name, got)
				}
			}
			want("publish", ask(t, s, publish(1, "$aws/unknown/x", 1)), packet.TopicNameInvalid)
			want("another dollar", ask(t, s, publish(1, "$x", 1)), packet.TopicNameInvalid)
			want("subscribe", ask(t, s, subscribe(1, "$aws/unknown/#")), packet.TopicFilterInvalid)
			if got := ask(t, s, subscribe(1, "$aws/things/+/shadow/#")); got != (asked{1, false}) {
				t.Errorf("known: %+v", got)
			}
			// A will to a reserved topic goes nowhere, and harms nobody.
			c := dial(t, s, packet.V5)
			c.connect(packet.Connect{ClientID: "w", CleanStart: true, Will: &packet.Will{Topic: "$aws/things/x/shadow/update", Payload: []byte(`{"state":{"reported":{"a":1}}}`)}})
			_ = c.conn.Close()
			<-time.After(time.Second)
			if _, err := s.Shadow("x", ""); err == nil {
				t.Error("the will has made a shadow")
			}
		})
	}
}

// TestBasicIngest: rules get such messages, subscribers do not.
func TestBasicIngest(t *testing.T) {
	t.Parallel()
	got := make(chan broker.Event, 10)
	s := start(t, emulator.Options{Addr: "127.0.0.1:0", Events: broker.EventPublished, OnEvent: func(e broker.Event) { got <- e }})
	c := dial(t, s, packet.V5)
	c.connect(packet.Connect{ClientID: "c", CleanStart: true})
	c.subscribe(1, "#", "a/b")
	c.send(&packet.Publish{Topic: "$aws/rules/my_rule/a/b", Payload: []byte("x"), QoS: 1, ID: 1})
	if ack := expect[*packet.Puback](c); ack.Code != 0 {
		t.Errorf("%s", ack.Code)
	}
	c.send(&packet.Pingreq{})
	expect[*packet.Pingresp](c)
	for e := range got {
		if e.Message.Topic == "$aws/rules/my_rule/a/b" {
			if !e.Consumed || string(e.Message.Payload) != "x" || e.Client.ID != "c" {
				t.Errorf("%+v", e)
			}
			break
		}
	}
}

// TestAgeOfWebSockets: they are closed after a day.
func TestAgeOfWebSockets(t *testing.T) {
	t.Parallel()
	s := start(t, emulator.Options{IoT: iotcore.Options{Quotas: iotcore.Quotas{WebSocketLife: 10 * time.Minute}}})
	ws, _, err := socket(t, s, presign(credentials(t, s, emulator.CredentialOptions{}), s.Endpoint(), "us-east-1", s.Now()), "mqtt")
	if err != nil {
		t.Fatal(err)
	}
	c := newClient(t, ws, packet.V5)
	c.connect(packet.Connect{ClientID: "c", CleanStart: true})
	if err := s.Advance(11 * time.Minute); err != nil {
		t.Fatal(err)
	}
	c.gone()
}
