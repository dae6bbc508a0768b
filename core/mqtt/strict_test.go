package mqtt_test

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/mqtttest"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// An answer that does not fit its request is not taken for a success.
//
// Conformance: MQTT-3.8.4-6, MQTT-3.11.3-1
func TestAnswersThatDoNotFit(t *testing.T) {
	bubble(t, func(t *testing.T) {
		for name, answer := range map[string]func(id uint16) packet.Packet{
			"too few codes":  func(id uint16) packet.Packet { return &packet.Suback{ID: id, Codes: []packet.ReasonCode{0}} },
			"too many codes": func(id uint16) packet.Packet { return &packet.Suback{ID: id, Codes: []packet.ReasonCode{0, 0, 0}} },
			"UNSUBACK": func(id uint16) packet.Packet {
				return &packet.Unsuback{ID: id, Codes: []packet.ReasonCode{0, 0}}
			},
			"PUBACK": func(id uint16) packet.Packet { return &packet.Puback{Ack: packet.Ack{ID: id}} },
		} {
			p := newPeer(t)
			c, conn := connect(t, p)
			over := async(func() error {
				_, err := c.Subscribe(t.Context(), mqtt.Filter{Filter: "a"}, mqtt.Filter{Filter: "b"})
				return err
			})
			in := mqtttest.Expect[packet.Subscribe](conn)
			conn.Send(answer(in.ID))
			if d := mqtttest.Expect[packet.Disconnect](conn); d.Code != packet.ProtocolError {
				t.Errorf("%s: DISCONNECT %v", name, d.Code)
			}
			conn.ExpectEnd()
			conn.Close()
			conn, _ = p.Connect(&packet.Connack{SessionPresent: true})
			if name == "UNSUBACK" || name == "PUBACK" { // it was not meant: ask again
				conn.Send(mqtttest.Answer(conn, mqtttest.Expect[packet.Subscribe](conn))...)
				if err := <-over; err != nil {
					t.Errorf("%s: %v", name, err)
				}
				continue
			}
			wantErr(t, <-over, &mqtt.ProtocolError{Code: packet.ProtocolError})
		}
	})
}

// Acknowledgements of identifiers that nobody uses are counted and harm nothing; strict mode ends the connection.
//
// Conformance: MQTT-2.2.1-5
func TestAcksForNobody(t *testing.T) {
	bubble(t, func(t *testing.T) {
		for _, strict := range []bool{false, true} {
			p := newPeer(t)
			told := make(chan error, 10)
			c, conn := connect(t, p, func(c *mqtt.Config) {
				c.Strict = strict
				c.Trace = &mqtt.Trace{Forgiven: func(err error) { told <- err }}
			})
			over := publish(t.Context(), c, mqtt.Publish{Topic: "t", QoS: 1})
			in := mqtttest.Expect[packet.Publish](conn)
			conn.Send(&packet.Puback{Ack: packet.Ack{ID: in.ID + 1}})
			if strict {
				mqtttest.Expect[packet.Disconnect](conn)
				conn.Close()
				conn, _ = p.Connect(&packet.Connack{SessionPresent: true})
				in = mqtttest.Expect[packet.Publish](conn)
			} else if err := recv(t, told); !errors.Is(err, &mqtt.ProtocolError{Code: packet.ProtocolError}) || c.Stats().Forgiven != 1 {
				t.Errorf("%v, %+v", err, c.Stats())
			}
			synctest.Wait()
			if len(over) != 0 {
				t.Error("the publish is over")
			}
			conn.Send(mqtttest.Answer(conn, in)...)
			if r := <-over; r.err != nil {
				t.Error(r.err)
			}
		}
	})
}

// A packet within our maximum is taken, one byte more is not.
func TestMaximumPacketSize(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPeer(t)
		c := start(t, p, func(c *mqtt.Config) { c.MaximumPacketSize = 100 })
		conn, connect := p.Connect(&packet.Connack{})
		connected(t, c)
		if connect.MaximumPacketSize != 100 {
			t.Errorf("CONNECT says %d", connect.MaximumPacketSize)
		}
		got := collect(t, c, conn, mqtt.Filter{Filter: "t"})
		fits := message("t", strings.Repeat("x", 94), 0, 0)
		conn.Send(fits)
		recv(t, got)
		fits.Payload = append(fits.Payload, 'x')
		conn.Send(fits)
		if d := mqtttest.Expect[packet.Disconnect](conn); d.Code != packet.PacketTooLarge {
			t.Errorf("DISCONNECT %v", d.Code)
		}
		synctest.Wait()
		if len(got) != 0 {
			t.Error("it was delivered")
		}
	})
}
