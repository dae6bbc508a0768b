package mqtt_test

import (
	"testing"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/mqtttest"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// A refusal tells the broker, and counts as an answer.
//
// Conformance: MQTT-3.4.2-1, MQTT-3.5.2-1, MQTT-4.3.3-9
func TestReject(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPeer(t)
		c, conn := connect(t, p, manual)
		got := collect(t, c, conn, mqtt.Filter{Filter: "t", QoS: 2})
		conn.Send(message("t", "", 1, 1), message("t", "", 2, 2))
		one, two := recv(t, got), recv(t, got)
		for _, code := range []packet.ReasonCode{packet.Success, packet.NoMatchingSubscribers, packet.Banned, 0xff} {
			if err := one.Reject(code, ""); err == nil {
				t.Errorf("%v is accepted", code)
			}
		}
		if err := one.Reject(packet.PayloadFormatInvalid, "not a number"); err != nil {
			t.Error(err)
		}
		wantErr(t, one.Ack(), mqtt.ErrAckTwice)
		if ack := mqtttest.Expect[packet.Puback](conn); ack.Code != packet.PayloadFormatInvalid || ack.ReasonString != "not a number" {
			t.Errorf("%+v", ack)
		}
		if err := two.Reject(packet.NotAuthorized, "bad \x00 text is left out"); err != nil {
			t.Error(err)
		}
		if ack := mqtttest.Expect[packet.Pubrec](conn); ack.Code != packet.NotAuthorized || ack.ReasonString != "" {
			t.Errorf("%+v", ack)
		}
		conn.Send(message("t", "another one", 2, 2)) // the identifier is free
		if m := recv(t, got); string(m.Payload) != "another one" {
			t.Errorf("%v", m)
		}
	})
}

func TestReject311(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPeer(t)
		c, conn := connect(t, p, v(packet.V311), manual)
		got := collect(t, c, conn, mqtt.Filter{Filter: "t", QoS: 1})
		burst(conn, "t", 1)
		m := recv(t, got)
		if err := m.Reject(packet.NotAuthorized, "no"); err != nil {
			t.Error(err)
		}
		wantAcks(t, conn, 1, 1)
	})
}

// A message of several subscriptions is answered once, when all have answered.
func TestManualAcksOfASharedMessage(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPeer(t)
		c, conn := connect(t, p, manual)
		a := collect(t, c, conn, mqtt.Filter{Filter: "a/+", QoS: 1})
		b := collect(t, c, conn, mqtt.Filter{Filter: "+/b", QoS: 1})
		send := func(id uint16) (mqtt.Message, mqtt.Message) {
			conn.Send(message("a/b", "", 1, id, 1, 2))
			return recv(t, a), recv(t, b)
		}
		inA, inB := send(1)
		if err := inA.Ack(); err != nil {
			t.Error(err)
		}
		wantErr(t, inA.Ack(), mqtt.ErrAckTwice) // and not in the name of the other
		conn.ExpectSilence(time.Second)
		if err := inB.Ack(); err != nil {
			t.Error(err)
		}
		wantAcks(t, conn, 1, 1)

		inA, inB = send(2)
		if err := inA.Reject(packet.NotAuthorized, "A says no"); err != nil {
			t.Error(err)
		}
		conn.ExpectSilence(time.Second)
		if err := inB.Ack(); err != nil {
			t.Error(err)
		}
		if ack := mqtttest.Expect[packet.Puback](conn); ack.Code != packet.NotAuthorized || ack.ReasonString != "A says no" {
			t.Errorf("%+v", ack)
		}

		inA, inB = send(3)
		conn.Cut()
		conn, _ = p.Connect(&packet.Connack{SessionPresent: true})
		connected(t, c)
		wantErr(t, inA.Ack(), mqtt.ErrAckVoid)
		wantErr(t, inB.Ack(), mqtt.ErrAckVoid)
		conn.ExpectSilence(time.Second)
	})
}
