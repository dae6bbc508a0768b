package mqtt_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/mqtttest"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// F64: subscriptions that the broker has lost are restored before anything else is sent.
func TestSubscriptionsAreRestoredFirst(t *testing.T) {
	both(t, func(t *testing.T, version packet.Version) {
		var got inbox
		p := newPeer(t)
		c, conn := connect(t, p, v(version))
		subscribe(t, c, conn, mqtt.SubscribeOptions{Handler: got.handler("A")}, mqtt.Filter{Filter: "a", QoS: 1})
		b := subscribe(t, c, conn, mqtt.SubscribeOptions{Handler: got.handler("B")}, mqtt.Filter{Filter: "b", QoS: 1}, mqtt.Filter{Filter: "c", QoS: 2})
		conn.Cut()
		synctest.Wait()
		over := publish(t.Context(), c, mqtt.Publish{Topic: "t", QoS: 1})
		synctest.Wait()
		conn, _ = p.Connect(&packet.Connack{})
		var filters []packet.Filter
		for len(filters) < 3 {
			in := mqtttest.Expect[packet.Subscribe](conn)
			filters = append(filters, in.Filters...)
			if version == packet.V5 && in.SubscriptionID == 0 {
				t.Errorf("%+v has no identifier", in)
			}
			conn.Send(mqtttest.Answer(conn, in)...)
		}
		if fmt.Sprint(filters) != "[{a 1 false false 0} {b 1 false false 0} {c 2 false false 0}]" {
			t.Errorf("%v", filters)
		}
		conn.Send(mqtttest.Answer(conn, mqtttest.Expect[packet.Publish](conn))...)
		if r := <-over; r.err != nil {
			t.Error(r.err)
		}
		conn.Send(message("c", "1", 0, 0))
		got.want(t, "B:1")
		// A session that is there needs nothing.
		conn.Cut()
		conn, _ = p.Connect(&packet.Connack{SessionPresent: true})
		conn.ExpectSilence(time.Second)
		// What was closed is not restored.
		closing := async(func() error { return b.Close(t.Context()) })
		conn.Send(mqtttest.Answer(conn, mqtttest.Expect[packet.Unsubscribe](conn))...)
		if err := <-closing; err != nil {
			t.Error(err)
		}
		conn.Cut()
		conn, _ = p.Connect(&packet.Connack{})
		if in := mqtttest.Expect[packet.Subscribe](conn); len(in.Filters) != 1 || in.Filters[0].Filter != "a" {
			t.Errorf("%+v", in)
		}
	})
}

// A subscription that cannot be restored is told, and its loop ends with the reason.
func TestRefusedRestoration(t *testing.T) {
	both(t, func(t *testing.T, version packet.Version) {
		p := newPeer(t)
		lost := make(chan error, 10)
		c, conn := connect(t, p, v(version), func(c *mqtt.Config) {
			c.Trace = &mqtt.Trace{SubscriptionLost: func(filter string, err error) { lost <- fmt.Errorf("%s: %w", filter, err) }}
		})
		s := subscribe(t, c, conn, mqtt.SubscribeOptions{}, mqtt.Filter{Filter: "a"}, mqtt.Filter{Filter: "b"})
		over := async(func() error {
			for _, err := range s.Messages(t.Context()) {
				return err
			}
			return nil
		})
		conn.Cut()
		refusal := packet.NotAuthorized
		if version == packet.V311 {
			refusal = packet.UnspecifiedError
		}
		conn, _ = p.Connect(&packet.Connack{})
		in := mqtttest.Expect[packet.Subscribe](conn)
		conn.Send(&packet.Suback{ID: in.ID, Codes: []packet.ReasonCode{refusal, 0}})
		err := recv(t, lost)
		if wantErr(t, err, &mqtt.ReasonError{Packet: packet.SUBACK, Code: refusal}); err.Error()[:2] != "a:" {
			t.Error(err)
		}
		synctest.Wait()
		if got := s.Filters(); len(got) != 1 || got[0] != "b" {
			t.Errorf("left are %q", got)
		}
		if len(over) != 0 {
			t.Fatal("the loop ended although a filter is left")
		}
		conn.Cut()
		conn, _ = p.Connect(&packet.Connack{})
		in = mqtttest.Expect[packet.Subscribe](conn)
		conn.Send(&packet.Suback{ID: in.ID, Codes: []packet.ReasonCode{refusal}})
		wantErr(t, recv(t, over), &mqtt.ReasonError{Packet: packet.SUBACK, Code: refusal})
		recv(t, lost)
		if n := c.Stats().Subscriptions; n != 0 {
			t.Errorf("%d subscriptions", n)
		}
	})
}
