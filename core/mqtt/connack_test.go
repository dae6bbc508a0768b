package mqtt_test

import (
	"errors"
	"testing"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/mqtttest"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// Packets that only clients send, and those that come twice or too early.
//
// Conformance: MQTT-3.2.0-1, MQTT-3.2.0-2, MQTT-3.14.0-1
func TestPacketsOutOfPlace(t *testing.T) {
	both(t, func(t *testing.T, version packet.Version) {
		for _, p := range append(fromBroker(version), &packet.Connect{ClientID: "you"}, &packet.Pingreq{},
			&packet.Subscribe{ID: 1, Filters: []packet.Filter{{Filter: "f"}}}, &packet.Unsubscribe{ID: 1, Filters: []string{"f"}}) {
			whole, err := p.Append(nil, version)
			if err != nil {
				t.Fatal(err)
			}
			if p.Type() != packet.CONNACK { // before CONNACK
				if err := survive(t, version, false, whole); !errors.Is(err, &mqtt.ProtocolError{Code: packet.ProtocolError}) {
					t.Errorf("%v before CONNACK: %v", p.Type(), err)
				}
			}
			if clients := p.Type() == packet.CONNACK || p.Type() == packet.CONNECT || p.Type() == packet.PINGREQ ||
				p.Type() == packet.SUBSCRIBE || p.Type() == packet.UNSUBSCRIBE; clients {
				if err := survive(t, version, true, whole); !errors.Is(err, &mqtt.ProtocolError{Code: packet.ProtocolError}) {
					t.Errorf("%v after CONNACK: %v", p.Type(), err)
				}
			}
		}
	})
}

// A CONNACK may contradict itself, the CONNECT or the specification.
//
// Conformance: MQTT-3.2.2-1, MQTT-3.2.2-2, MQTT-3.2.2-6, MQTT-3.2.2-8, MQTT-3.2.2-9
func TestContradictoryConnack(t *testing.T) {
	bubble(t, func(t *testing.T) {
		for name, test := range map[string]struct {
			connack []byte
			clause  string
		}{
			"flags":                           {[]byte{0x20, 3, 2, 0, 0}, "MQTT-3.2.2-1"},
			"session present on a refusal":    {[]byte{0x20, 3, 1, 0x87, 0}, "MQTT-3.2.2-6"},
			"a code of another packet":        {[]byte{0x20, 3, 0, 0x10, 0}, "MQTT-3.2.2-8"},
			"an unknown code":                 {[]byte{0x20, 3, 0, 0xff, 0}, "MQTT-3.2.2-8"},
			"receive maximum 0":               {[]byte{0x20, 6, 0, 0, 3, 0x21, 0, 0}, ""},
			"maximum packet size 0":           {[]byte{0x20, 8, 0, 0, 5, 0x27, 0, 0, 0, 0}, ""},
			"maximum QoS 2":                   {[]byte{0x20, 5, 0, 0, 2, 0x24, 2}, ""},
			"retain available 2":              {[]byte{0x20, 5, 0, 0, 2, 0x25, 2}, ""},
			"a property twice":                {[]byte{0x20, 7, 0, 0, 4, 0x24, 0, 0x24, 0}, ""},
			"a property of another packet":    {[]byte{0x20, 6, 0, 0, 3, 0x23, 0, 1}, ""},
			"an unknown property":             {[]byte{0x20, 5, 0, 0, 2, 0x7f, 0}, ""},
			"properties longer than packet":   {[]byte{0x20, 3, 0, 0, 9}, ""},
			"properties shorter than packet":  {[]byte{0x20, 5, 0, 0, 0, 0x25, 1}, ""},
			"a method that was not asked for": {[]byte{0x20, 7, 0, 0, 4, 0x15, 0, 1, 'm'}, "MQTT-4.12.0-5"},
			"no code":                         {[]byte{0x20, 1, 0}, ""},
			"nothing":                         {[]byte{0x20, 0}, ""},
			"of MQTT 3.1.1":                   {[]byte{0x20, 2, 0, 0}, ""},
			"too long a length":               {[]byte{0x20, 0x83, 0x80, 0x80, 0x80, 0}, ""},
		} {
			err := survive(t, packet.V5, false, test.connack)
			broken, ok := errors.AsType[*mqtt.ProtocolError](err)
			if !ok || test.clause != "" && broken.Clause != test.clause || broken.Clause == "" {
				t.Errorf("%s: %v", name, err)
			}
		}
		p := newPeer(t)
		c := start(t, p, func(c *mqtt.Config) { c.CleanStart = true })
		conn, _ := p.Connect(&packet.Connack{SessionPresent: true})
		if d := mqtttest.Expect[packet.Disconnect](conn); d.Code != packet.ProtocolError {
			t.Errorf("DISCONNECT %v", d.Code)
		}
		conn.ExpectEnd()
		_, err := c.Connected(expired(t))
		wantErr(t, err, &mqtt.ProtocolError{Code: packet.ProtocolError, Clause: "MQTT-3.2.2-2"})
	})
}
