package mqtt_test

import (
	"testing"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/mqtttest"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// What Publish says is what the broker gets.
//
// Conformance: MQTT-3.3.2-1
func TestPublishProperties(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPeer(t)
		c, conn := connect(t, p)
		if _, err := c.Publish(t.Context(), mqtt.Publish{Topic: "t", Payload: []byte("p"), Retain: true, Expiry: 1500 * time.Millisecond,
			PayloadFormat: packet.FormatUTF8, ContentType: "text", ResponseTopic: "r", Correlation: []byte("c"),
			User: []packet.UserProperty{{Key: "k", Value: "v"}}}); err != nil {
			t.Fatal(err)
		}
		in := mqtttest.Expect[packet.Publish](conn)
		if in.Topic != "t" || string(in.Payload) != "p" || !in.Retain || in.MessageExpiry.Or(0) != 2 || in.PayloadFormat != packet.FormatUTF8 ||
			in.ContentType != "text" || in.ResponseTopic != "r" || string(in.CorrelationData) != "c" || len(in.UserProperties) != 1 {
			t.Errorf("%+v", in)
		}
	})
}

// The expiry of a message runs while it waits; what is sent is what is left.
//
// Conformance: MQTT-4.3.3-7
func TestMessageExpiry(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPeer(t)
		c := start(t, p)
		short := publish(t.Context(), c, mqtt.Publish{Topic: "short", QoS: 1, Expiry: 5 * time.Second})
		long := publish(t.Context(), c, mqtt.Publish{Topic: "long", QoS: 1, Expiry: time.Minute})
		none := publish(t.Context(), c, mqtt.Publish{Topic: "none", QoS: 1, Expiry: -1})
		err := (<-none).err
		if wantErr(t, err, mqtt.ErrExpired); !mqtt.NotSent(err) {
			t.Errorf("%v: may have been sent", err)
		}
		begun := time.Now()
		wantErr(t, (<-short).err, mqtt.ErrExpired)
		if took := time.Since(begun); took != 5*time.Second {
			t.Errorf("expired after %v", took)
		}
		conn, _ := p.Connect(&packet.Connack{})
		in := mqtttest.Expect[packet.Publish](conn)
		if in.Topic != "long" || in.MessageExpiry.Or(0) != 55 {
			t.Errorf("%+v", in)
		}
		conn.Send(mqtttest.Answer(conn, in)...)
		if r := <-long; r.err != nil {
			t.Error(r.err)
		}
	})
}

// The payload is the caller's again when Publish or PublishAsync returns, whatever happens to the message.
func TestPayloadIsCopied(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPeer(t)
		c := start(t, p)
		payload, token := []byte("right"), []byte("token")
		if err := c.PublishAsync(mqtt.Publish{Topic: "t", QoS: 1, Payload: payload, Correlation: token}, nil); err != nil {
			t.Fatal(err)
		}
		copy(payload, "wrong")
		copy(token, "wrong")
		for i := range 3 {
			conn, _ := p.Connect(&packet.Connack{SessionPresent: i > 0})
			in := mqtttest.Expect[packet.Publish](conn)
			if string(in.Payload) != "right" || string(in.CorrelationData) != "token" {
				t.Errorf("%+v", in)
			}
			conn.Cut()
		}
	})
}

// Topic aliases save bytes, and never outlive their connection.
//
// Conformance: MQTT-3.3.2-7, MQTT-3.2.2-18
func TestAliases(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPeer(t)
		c := start(t, p, func(c *mqtt.Config) { c.Aliases = mqtt.AliasLRU })
		send := func(conn *mqtttest.Conn, topic string, alias uint16) {
			t.Helper()
			if _, err := c.Publish(t.Context(), mqtt.Publish{Topic: "rooms/7"}); err != nil {
				t.Error(err)
			}
			if in := mqtttest.Expect[packet.Publish](conn); in.Topic != topic || in.TopicAlias != alias {
				t.Errorf("%+v", in)
			}
		}
		for range 2 {
			conn, _ := p.Connect(&packet.Connack{TopicAliasMaximum: 3})
			connected(t, c)
			send(conn, "rooms/7", 1)
			send(conn, "", 1)
			conn.Close()
		}
		conn, _ := p.Connect(&packet.Connack{})
		connected(t, c)
		send(conn, "rooms/7", 0)
	})
}
