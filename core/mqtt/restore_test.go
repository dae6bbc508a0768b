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

// A refusal that passes is told, and the subscription is asked for again: its messages come as if nothing had been.
func TestRestorationIsTriedAgain(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var got inbox
		p := newPeer(t)
		told, lost := make(chan string, 10), make(chan string, 10)
		c, conn := connect(t, p, func(c *mqtt.Config) {
			c.Trace = &mqtt.Trace{
				SubscriptionDelayed: func(filter string, err error, wait time.Duration) {
					wantErr(t, err, &mqtt.ReasonError{Packet: packet.SUBACK, Code: packet.PacketIdentifierInUse})
					told <- fmt.Sprint(filter, " ", wait)
				},
				SubscriptionLost: func(filter string, err error) { lost <- filter },
			}
		})
		subscribe(t, c, conn, mqtt.SubscribeOptions{Handler: got.handler("A")}, mqtt.Filter{Filter: "a"})
		s := subscribe(t, c, conn, mqtt.SubscribeOptions{}, mqtt.Filter{Filter: "b"})
		conn.Cut()
		conn, _ = p.Connect(&packet.Connack{})
		first := mqtttest.Expect[packet.Subscribe](conn) // with identifiers each has a packet of its own
		conn.Send(mqtttest.Answer(conn, mqtttest.Expect[packet.Subscribe](conn))...)
		conn.Send(&packet.Suback{ID: first.ID, Codes: []packet.ReasonCode{packet.PacketIdentifierInUse}})
		if m := recv(t, told); m != "a 1s" {
			t.Errorf("told %q", m)
		}
		begun := time.Now()
		again := mqtttest.Expect[packet.Subscribe](conn)
		if took := time.Since(begun); took != time.Second || len(again.Filters) != 1 || again.Filters[0].Filter != "a" || again.ID == first.ID {
			t.Errorf("after %v: %+v", took, again)
		}
		conn.Send(mqtttest.Answer(conn, again)...)
		conn.Send(message("a", "1", 0, 0))
		got.want(t, "A:1")

		conn.Cut()
		conn, _ = p.Connect(&packet.Connack{})
		for begun = time.Now(); len(lost) == 0; { // for a minute, and not for ever
			in := mqtttest.Expect[packet.Subscribe](conn)
			if in.Filters[0].Filter == "a" {
				conn.Send(mqtttest.Answer(conn, in)...)
				continue
			}
			conn.Send(&packet.Suback{ID: in.ID, Codes: []packet.ReasonCode{packet.PacketIdentifierInUse}})
			synctest.Wait()
		}
		if took := time.Since(begun); took != 63*time.Second || <-lost != "b" {
			t.Errorf("lost after %v", took)
		}
		for _, err := range s.Messages(t.Context()) {
			wantErr(t, err, &mqtt.ReasonError{Packet: packet.SUBACK, Code: packet.PacketIdentifierInUse})
		}
	})
}
