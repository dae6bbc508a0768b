package interop

import (
	"net"
	"testing"

	"github.com/eclipse/paho.golang/paho"

	"github.com/gneiss-mqtt/gneiss-go/core/packet"
	"github.com/gneiss-mqtt/gneiss-go/interop/internal/broker"
)

// paho5 is an MQTT 5 client of the Eclipse Paho project.
type paho5 struct {
	*paho.Client
	conn     net.Conn
	messages chan *paho.Publish
}

func newPaho5(t *testing.T, address string, connect *paho.Connect) *paho5 {
	t.Helper()
	c := &paho5{messages: make(chan *paho.Publish, 1000)}
	conn, err := new(net.Dialer).DialContext(within(t), "tcp", address)
	must(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	c.conn = conn
	c.Client = paho.NewClient(paho.ClientConfig{
		Conn: conn,
		OnPublishReceived: []func(paho.PublishReceived) (bool, error){func(p paho.PublishReceived) (bool, error) {
			c.messages <- p.Packet
			return true, nil
		}},
	})
	answer, err := c.Connect(within(t), connect)
	must(t, err)
	if answer.ReasonCode != 0 {
		t.Fatalf("refused with %#x", answer.ReasonCode)
	}
	return c
}

func (c *paho5) subscribe(t *testing.T, qos byte, filter string) {
	t.Helper()
	_, err := c.Subscribe(within(t), &paho.Subscribe{Subscriptions: []paho.SubscribeOptions{{Topic: filter, QoS: qos}}})
	must(t, err)
}

func (c *paho5) next(t *testing.T) *paho.Publish {
	t.Helper()
	select {
	case m := <-c.messages:
		return m
	case <-within(t).Done():
		t.Fatalf("no message after %v", limit)
	}
	panic("not reached")
}

func (c *paho5) disconnect(t *testing.T) {
	t.Helper()
	must(t, c.Disconnect(&paho.Disconnect{}))
}

// TestPaho5 has the MQTT 5 client of Eclipse Paho judge the emulator.
func TestPaho5(t *testing.T) {
	t.Parallel()
	b := broker.Start(t, broker.Emulator, broker.Options{ReceiveMaximum: receiveMaximum})
	connect := func(id string) *paho.Connect { return &paho.Connect{ClientID: id, CleanStart: true, KeepAlive: 30} }

	t.Run("QoS", func(t *testing.T) {
		from, to := newPaho5(t, b.TCP, connect("from")), newPaho5(t, b.TCP, connect("to"))
		to.subscribe(t, 2, "paho5/+")
		for qos := range byte(3) {
			for i := range 50 {
				_, err := from.Publish(within(t), &paho.Publish{Topic: "paho5/x", QoS: qos, Payload: []byte(itoa(i)),
					Properties: &paho.PublishProperties{ContentType: "text/plain", CorrelationData: []byte{1, 0},
						User: paho.UserProperties{{Key: "k", Value: "v"}}}})
				must(t, err)
				m := to.next(t)
				if string(m.Payload) != itoa(i) || m.QoS != qos || m.Topic != "paho5/x" || m.Retain ||
					m.Properties.ContentType != "text/plain" || string(m.Properties.CorrelationData) != "\x01\x00" || m.Properties.User.Get("k") != "v" {
					t.Fatalf("QoS %d, message %d: got %v", qos, i, m)
				}
			}
		}
		from.disconnect(t)
		to.disconnect(t)
	})
	t.Run("Retained", func(t *testing.T) {
		from := newPaho5(t, b.TCP, connect("keeps"))
		_, err := from.Publish(within(t), &paho.Publish{Topic: "paho5/kept", QoS: 1, Retain: true, Payload: []byte("kept")})
		must(t, err)
		to := newPaho5(t, b.TCP, connect("later"))
		to.subscribe(t, 1, "paho5/kept")
		if m := to.next(t); string(m.Payload) != "kept" || !m.Retain {
			t.Errorf("got %v", m)
		}
		from.disconnect(t)
		to.disconnect(t)
	})
	t.Run("Will", func(t *testing.T) {
		to := newPaho5(t, b.TCP, connect("watcher"))
		to.subscribe(t, 2, "paho5/will")
		c := connect("mortal")
		c.WillMessage = &paho.WillMessage{Topic: "paho5/will", QoS: 2, Payload: []byte("gone")}
		c.WillProperties = &paho.WillProperties{ContentType: "text/plain"}
		mortal := newPaho5(t, b.TCP, c)
		must(t, mortal.conn.Close())
		// Paho leaves the properties of the will out of its CONNECT.
		if m := to.next(t); string(m.Payload) != "gone" || m.QoS != 2 {
			t.Errorf("got %v", m)
		}
		to.disconnect(t)
	})
	t.Run("BothWays", func(t *testing.T) { // with the client of this project
		theirs := newPaho5(t, b.TCP, connect("theirs"))
		w := newWorld(t, b, false, packet.V5)
		ours := w.start(t, "ours")
		inbox := ours.subscribe(t, packet.QoS2, "paho5/theirs")
		theirs.subscribe(t, 2, "paho5/ours")
		for qos := range byte(3) {
			ours.publish(t, packet.QoS(qos), "paho5/ours", itoa(int(qos)))
			if m := theirs.next(t); string(m.Payload) != itoa(int(qos)) || m.QoS != qos {
				t.Errorf("they got %v", m)
			}
			_, err := theirs.Publish(within(t), &paho.Publish{Topic: "paho5/theirs", QoS: qos, Payload: []byte(itoa(int(qos)))})
			must(t, err)
			inbox.want(t, itoa(int(qos)))
		}
		theirs.disconnect(t)
	})
}
