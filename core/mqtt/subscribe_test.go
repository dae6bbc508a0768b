package mqtt_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/mqtttest"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// The filters that are granted stay subscribed where others are refused.
//
// Conformance: MQTT-3.8.4-7, MQTT-3.9.3-1
func TestSubscribePartlyRefused(t *testing.T) {
	both(t, func(t *testing.T, version packet.Version) {
		p := newPeer(t)
		c, conn := connect(t, p, v(version))
		refusal := packet.NotAuthorized
		if version == packet.V311 {
			refusal = packet.UnspecifiedError
		}
		var s *mqtt.Subscription
		over := async(func() (err error) {
			s, err = c.Subscribe(t.Context(), mqtt.Filter{Filter: "a"}, mqtt.Filter{Filter: "b"}, mqtt.Filter{Filter: "c"})
			return err
		})
		in := mqtttest.Expect[packet.Subscribe](conn)
		conn.Send(&packet.Suback{ID: in.ID, Codes: []packet.ReasonCode{0, refusal, 0}})
		err := <-over
		refused, ok := errors.AsType[*mqtt.ReasonError](err)
		if !ok || refused.Code != refusal || len(refused.Codes) != 3 || len(refused.Filters) != 3 || refused.Filters[1] != "b" {
			t.Fatalf("%#v", err)
		}
		if text := err.Error(); !strings.Contains(text, `filter "b": `+refusal.String()) || strings.Contains(text, `filter "a"`) {
			t.Error(text)
		}
		if got := s.Filters(); len(got) != 2 || got[0] != "a" || got[1] != "c" {
			t.Errorf("granted %q", got)
		}
		conn.Send(message("b", "not ours", 0, 0), message("c", "ours", 0, 0))
		for m, err := range s.Messages(t.Context()) {
			if err != nil || m.Topic != "c" {
				t.Errorf("%+v, %v", m, err)
			}
			break
		}

		over = async(func() error {
			s, err := c.Subscribe(t.Context(), mqtt.Filter{Filter: "d"})
			if s != nil {
				t.Error("a subscription of which nothing was granted")
			}
			return err
		})
		in = mqtttest.Expect[packet.Subscribe](conn)
		conn.Send(&packet.Suback{ID: in.ID, Codes: []packet.ReasonCode{refusal}})
		wantErr(t, <-over, &mqtt.ReasonError{Packet: packet.SUBACK, Code: refusal})
	})
}

// Services with a limit get several packets; each filter is reported as if it had been one.
func TestSubscribeInSeveralPackets(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPeer(t)
		c, conn := connect(t, p, func(c *mqtt.Config) { c.Endpoint.Limits.FiltersPerSubscribe = 2 })
		var s *mqtt.Subscription
		over := async(func() (err error) {
			s, err = c.Subscribe(t.Context(), mqtt.Filter{Filter: "1"}, mqtt.Filter{Filter: "2"}, mqtt.Filter{Filter: "3"},
				mqtt.Filter{Filter: "4"}, mqtt.Filter{Filter: "5"})
			return err
		})
		for _, codes := range [][]packet.ReasonCode{{0, packet.NotAuthorized}, {0, 0}, {packet.QuotaExceeded}} {
			in := mqtttest.Expect[packet.Subscribe](conn)
			if len(in.Filters) != len(codes) {
				t.Fatalf("%+v", in)
			}
			conn.Send(&packet.Suback{ID: in.ID, Codes: codes})
		}
		err := <-over
		wantErr(t, err, &mqtt.ReasonError{Code: packet.NotAuthorized})
		wantErr(t, err, &mqtt.ReasonError{Code: packet.QuotaExceeded})
		if got := strings.Join(s.Filters(), " "); got != "1 3 4" {
			t.Errorf("granted %q", got)
		}
		over = async(func() error { return s.Close(t.Context()) })
		for _, want := range []string{"1 3", "4"} {
			in := mqtttest.Expect[packet.Unsubscribe](conn)
			if got := strings.Join(in.Filters, " "); got != want {
				t.Errorf("UNSUBSCRIBE of %q, want %q", got, want)
			}
			conn.Send(mqtttest.Answer(conn, in)...)
		}
		if err := <-over; err != nil {
			t.Error(err)
		}
		over = async(func() error { return c.Unsubscribe(t.Context(), "5", "6", "7") })
		for _, code := range []packet.ReasonCode{packet.Success, packet.NotAuthorized} {
			in := mqtttest.Expect[packet.Unsubscribe](conn)
			codes := []packet.ReasonCode{packet.Success, code}[2-len(in.Filters):]
			conn.Send(&packet.Unsuback{ID: in.ID, Codes: codes})
		}
		wantErr(t, <-over, &mqtt.ReasonError{Packet: packet.UNSUBACK, Code: packet.NotAuthorized})
	})
}

// Conformance: MQTT-3.10.4-5, MQTT-3.11.3-1
func TestUnsubscribeRefused(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPeer(t)
		c, conn := connect(t, p)
		over := async(func() error { return c.Unsubscribe(t.Context(), "a", "b") })
		in := mqtttest.Expect[packet.Unsubscribe](conn)
		conn.Send(&packet.Unsuback{ID: in.ID, Codes: []packet.ReasonCode{packet.NoSubscriptionExisted, packet.NotAuthorized}})
		err := <-over
		wantErr(t, err, &mqtt.ReasonError{Packet: packet.UNSUBACK, Code: packet.NotAuthorized})
		want := `mqtt: unsubscribe "a, b": the broker refused with UNSUBACK: not authorized 0x87; filter "b": not authorized 0x87 (may have been sent)`
		if err.Error() != want {
			t.Errorf("got  %v\nwant %s", err, want)
		}
		over = async(func() error { return c.Unsubscribe(t.Context(), "a") })
		in = mqtttest.Expect[packet.Unsubscribe](conn)
		conn.Send(&packet.Unsuback{ID: in.ID, Codes: []packet.ReasonCode{packet.NoSubscriptionExisted}})
		if err := <-over; err != nil {
			t.Error(err)
		}
	})
}
