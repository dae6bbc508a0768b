package emulator_test

import (
	"testing"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/packet"
	"github.com/gneiss-mqtt/gneiss-go/emulator"
	"github.com/gneiss-mqtt/gneiss-go/emulator/iotcore"
)

// What all clients of an account use together is limited too.
func TestAccountQuotas(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		quotas iotcore.Quotas
		check  func(t *testing.T, s *emulator.Server)
	}{
		"connections": {iotcore.Quotas{AccountConnections: 2}, func(t *testing.T, s *emulator.Server) {
			connect(t, s, packet.Connect{ClientID: "a", CleanStart: true})
			b, _ := connect(t, s, packet.Connect{ClientID: "b", CleanStart: true})
			over := dial(t, s, packet.V5)
			if p, err := over.next(); err == nil {
				t.Errorf("got a %s", p.Type())
			}
			b.send(&packet.Pingreq{})
			expect[*packet.Pingresp](b)
		}},
		"connects": {iotcore.Quotas{AccountConnects: 2}, func(t *testing.T, s *emulator.Server) {
			for _, id := range []string{"a", "b"} {
				connect(t, s, packet.Connect{ClientID: id, CleanStart: true})
			}
			over := dial(t, s, packet.V5)
			over.send(&packet.Connect{ClientID: "c", CleanStart: true})
			if ack := expect[*packet.Connack](over); ack.Code != packet.QuotaExceeded {
				t.Errorf("%s", ack.Code)
			}
			<-time.After(time.Second)
			connect(t, s, packet.Connect{ClientID: "c", CleanStart: true})
		}},
		"subscribes": {iotcore.Quotas{AccountSubscribes: 2}, func(t *testing.T, s *emulator.Server) {
			a, _ := connect(t, s, packet.Connect{ClientID: "a", CleanStart: true})
			a.send(&packet.Subscribe{ID: 1, Filters: []packet.Filter{{Filter: "1"}, {Filter: "2"}, {Filter: "3"}}})
			codes := expect[*packet.Suback](a).Codes
			if codes[0].Failed() || codes[1].Failed() || codes[2] != packet.QuotaExceeded {
				t.Errorf("%v", codes)
			}
			<-time.After(time.Second)
			a.subscribe(1, "3")
		}},
		"subscriptions": {iotcore.Quotas{AccountSubscriptions: 2}, func(t *testing.T, s *emulator.Server) {
			a, _ := connect(t, s, packet.Connect{ClientID: "a", CleanStart: true})
			b, _ := connect(t, s, packet.Connect{ClientID: "b", CleanStart: true})
			a.subscribe(1, "1", "2")
			b.send(&packet.Subscribe{ID: 1, Filters: []packet.Filter{{Filter: "3"}}})
			if codes := expect[*packet.Suback](b).Codes; codes[0] != packet.QuotaExceeded {
				t.Errorf("%v", codes)
			}
			a.subscribe(0, "1") // again, and no other
			a.send(&packet.Unsubscribe{ID: 2, Filters: []string{"1"}})
			expect[*packet.Unsuback](a)
			b.subscribe(1, "3")
		}},
		"publishes": {iotcore.Quotas{AccountPublishesIn: 2}, func(t *testing.T, s *emulator.Server) {
			a, _ := connect(t, s, packet.Connect{ClientID: "a", CleanStart: true})
			b, _ := connect(t, s, packet.Connect{ClientID: "b", CleanStart: true})
			a.publish(packet.Publish{Topic: "t", QoS: 1})
			a.publish(packet.Publish{Topic: "t", QoS: 1})
			b.send(&packet.Publish{Topic: "t", QoS: 1, ID: 1})
			if ack := expect[*packet.Puback](b); ack.Code != packet.QuotaExceeded {
				t.Errorf("%s", ack.Code)
			}
			<-time.After(time.Second)
			b.publish(packet.Publish{Topic: "t", QoS: 1})
		}},
		"deliveries": {iotcore.Quotas{AccountPublishesOut: 3}, func(t *testing.T, s *emulator.Server) {
			a, _ := connect(t, s, packet.Connect{ClientID: "a", CleanStart: true})
			b, _ := connect(t, s, packet.Connect{ClientID: "b", CleanStart: true})
			a.subscribe(1, "t")
			b.subscribe(1, "t")
			for _, payload := range []string{"both", "one"} {
				if err := s.Publish(packet.Publish{Topic: "t", Payload: []byte(payload)}); err != nil {
					t.Fatal(err)
				}
			}
			<-time.After(time.Second)
			if err := s.Publish(packet.Publish{Topic: "t", Payload: []byte("last")}); err != nil {
				t.Fatal(err)
			}
			n := 0
			for _, c := range []*client{a, b} {
				for string(expect[*packet.Publish](c).Payload) != "last" {
					n++
				}
			}
			if n != 3 {
				t.Errorf("%d messages in a second", n)
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, emulator.Options{IoT: iotcore.Options{Quotas: c.quotas}}, c.check)
		})
	}
}
