package mqtt_test

import (
	"testing"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/mqtttest"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// A broker that has a session of which nothing is known here is told so, and the next attempt starts clean.
//
// Conformance: MQTT-3.2.2-4
func TestUnknownSession(t *testing.T) {
	both(t, func(t *testing.T, version packet.Version) {
		p := newPeer(t)
		c := start(t, p, v(version))
		conn, connect := p.Connect(&packet.Connack{SessionPresent: true})
		if connect.CleanStart {
			t.Error("the first attempt starts clean")
		}
		if version == packet.V5 {
			if d := mqtttest.Expect[packet.Disconnect](conn); d.Code != packet.ProtocolError {
				t.Errorf("DISCONNECT %v", d.Code)
			}
		}
		conn.ExpectEnd()
		conn, connect = p.Connect(&packet.Connack{})
		if !connect.CleanStart {
			t.Error("the second attempt does not start clean")
		}
		if version == packet.V311 { // a clean session would end with its connection, so another one is made at once
			mqtttest.Expect[packet.Disconnect](conn)
			conn.ExpectEnd()
			if conn, connect = p.Connect(&packet.Connack{}); connect.CleanStart {
				t.Error("the third attempt starts clean")
			}
		}
		connected(t, c)
		conn.Close()
		if _, connect = p.Connect(&packet.Connack{SessionPresent: true}); connect.CleanStart {
			t.Error("the session of this process is not resumed")
		}
		connected(t, c)
	})
}

func TestResumeUnknown(t *testing.T) {
	both(t, func(t *testing.T, version packet.Version) {
		p := newPeer(t)
		got := make(chan mqtt.Message, 1)
		c := start(t, p, v(version), func(c *mqtt.Config) {
			c.ResumeUnknown = true
			c.Handler = func(m mqtt.Message) { got <- m }
		})
		conn, _ := p.Connect(&packet.Connack{SessionPresent: true})
		if s := connected(t, c); !s.SessionPresent {
			t.Errorf("%+v", s)
		}
		conn.Send(message("queued", "while we were away", 1, 1))
		if m := <-got; m.Topic != "queued" {
			t.Errorf("%+v", m)
		}
		mqtttest.Expect[packet.Puback](conn)
	})
}

// What CONNACK agreed on is at hand.
func TestSessionTellsWhatWasAgreed(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPeer(t)
		c := start(t, p, func(c *mqtt.Config) { c.ClientID = "" })
		p.Connect(&packet.Connack{AssignedClientID: "auto-1", ReceiveMaximum: 7, ServerKeepAlive: packet.Some(uint16(5)),
			MaximumQoS: packet.Some(packet.QoS1), ServerReference: "elsewhere",
			UserProperties: []packet.UserProperty{{Key: "a", Value: "b"}}})
		s := connected(t, c)
		if s.ClientID != "auto-1" || s.ReceiveMaximum != 7 || s.KeepAlive != 5e9 || s.MaximumQoS != packet.QoS1 ||
			s.ServerReference != "elsewhere" || len(s.UserProperties) != 1 {
			t.Errorf("%+v", s)
		}
	})
}

// An assigned client identifier is used again.
//
// Conformance: MQTT-3.1.3-7, MQTT-3.2.2-16
func TestAssignedClientIDIsKept(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPeer(t)
		c := start(t, p, func(c *mqtt.Config) { c.ClientID = "" })
		conn, _ := p.Connect(&packet.Connack{AssignedClientID: "auto-1"})
		connected(t, c)
		conn.Close()
		if _, connect := p.Connect(&packet.Connack{}); connect.ClientID != "auto-1" {
			t.Errorf("client identifier %q", connect.ClientID)
		}
	})
}
