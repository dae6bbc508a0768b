package interop

import (
	"strings"
	"testing"
	"time"

	paho3 "github.com/eclipse/paho.mqtt.golang"

	"github.com/gneiss-mqtt/gneiss-go/core/packet"
	"github.com/gneiss-mqtt/gneiss-go/interop/internal/broker"
)

// finish waits for an operation of Paho's.
func finish(t *testing.T, token paho3.Token) {
	t.Helper()
	if !token.WaitTimeout(limit) {
		t.Fatalf("not over after %v", limit)
	}
	must(t, token.Error())
}

func newPaho3(t *testing.T, o *paho3.ClientOptions, address, id string) paho3.Client {
	t.Helper()
	o.AddBroker("tcp://" + address).SetClientID(id).SetProtocolVersion(4).SetAutoReconnect(false).SetOrderMatters(true)
	c := paho3.NewClient(o)
	finish(t, c.Connect())
	t.Cleanup(func() { c.Disconnect(100) })
	return c
}

func paho3Subscribe(t *testing.T, c paho3.Client, qos byte, filter string) chan paho3.Message {
	t.Helper()
	messages := make(chan paho3.Message, 1000)
	finish(t, c.Subscribe(filter, qos, func(_ paho3.Client, m paho3.Message) { messages <- m }))
	return messages
}

func paho3Next(t *testing.T, messages chan paho3.Message) paho3.Message {
	t.Helper()
	select {
	case m := <-messages:
		return m
	case <-within(t).Done():
		t.Fatalf("no message after %v", limit)
	}
	panic("not reached")
}

// TestPaho3 has the MQTT 3.1.1 client of Eclipse Paho judge the emulator.
func TestPaho3(t *testing.T) {
	t.Parallel()
	b := broker.Start(t, broker.Emulator, broker.Options{})

	t.Run("QoS", func(t *testing.T) {
		from, to := newPaho3(t, paho3.NewClientOptions(), b.TCP, "from"), newPaho3(t, paho3.NewClientOptions(), b.TCP, "to")
		messages := paho3Subscribe(t, to, 2, "paho3/+")
		for qos := range byte(3) {
			for i := range 50 {
				finish(t, from.Publish("paho3/x", qos, false, itoa(i)))
				if m := paho3Next(t, messages); string(m.Payload()) != itoa(i) || m.Qos() != qos || m.Topic() != "paho3/x" || m.Retained() {
					t.Fatalf("QoS %d, message %d: got %q at QoS %d on %s", qos, i, m.Payload(), m.Qos(), m.Topic())
				}
			}
		}
	})
	t.Run("Retained", func(t *testing.T) {
		from := newPaho3(t, paho3.NewClientOptions(), b.TCP, "keeps")
		finish(t, from.Publish("paho3/kept", 1, true, "kept"))
		to := newPaho3(t, paho3.NewClientOptions(), b.TCP, "later")
		if m := paho3Next(t, paho3Subscribe(t, to, 1, "paho3/kept")); string(m.Payload()) != "kept" || !m.Retained() {
			t.Errorf("got %q, retained %t", m.Payload(), m.Retained())
		}
	})
	t.Run("Will", func(t *testing.T) {
		watcher := newPaho3(t, paho3.NewClientOptions(), b.TCP, "watcher")
		messages := paho3Subscribe(t, watcher, 2, "paho3/will")
		gone := make(chan error, 1)
		newPaho3(t, paho3.NewClientOptions().SetWill("paho3/will", "gone", 2, false).
			SetConnectionLostHandler(func(_ paho3.Client, err error) { gone <- err }), b.TCP, "mortal")
		newPaho3(t, paho3.NewClientOptions(), b.TCP, "mortal") // takes over, which ends the first one
		if m := paho3Next(t, messages); string(m.Payload()) != "gone" || m.Qos() != 2 {
			t.Errorf("got %q at QoS %d", m.Payload(), m.Qos())
		}
		select {
		case <-gone:
		case <-within(t).Done():
			t.Error("the first client was not told")
		}
	})
	t.Run("Session", func(t *testing.T) {
		from := newPaho3(t, paho3.NewClientOptions(), b.TCP, "sender")
		options := func() *paho3.ClientOptions { return paho3.NewClientOptions().SetCleanSession(false) }
		to := newPaho3(t, options(), b.TCP, "sleeper")
		messages := paho3Subscribe(t, to, 2, "paho3/session")
		to.Disconnect(100)
		for i := range 10 {
			finish(t, from.Publish("paho3/session", 2, false, itoa(i)))
		}
		back := options().SetDefaultPublishHandler(func(_ paho3.Client, m paho3.Message) { messages <- m })
		newPaho3(t, back, b.TCP, "sleeper")
		for i := range 10 {
			if m := paho3Next(t, messages); string(m.Payload()) != itoa(i) || m.Qos() != 2 {
				t.Fatalf("message %d is %q at QoS %d", i, m.Payload(), m.Qos())
			}
		}
	})
	t.Run("Password", func(t *testing.T) {
		o := paho3.NewClientOptions().AddBroker("tcp://" + b.TCP).SetClientID("wrong").SetUsername(broker.User).
			SetPassword("12345").SetProtocolVersion(4).SetConnectRetry(false).SetConnectTimeout(5 * time.Second)
		token := paho3.NewClient(o).Connect()
		if !token.WaitTimeout(limit) {
			t.Fatalf("not refused after %v", limit)
		}
		if err := token.Error(); err == nil || !strings.Contains(err.Error(), "bad user name or password") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("BothWays", func(t *testing.T) { // with the client of this project
		theirs := newPaho3(t, paho3.NewClientOptions(), b.TCP, "theirs")
		w := newWorld(t, b, false, packet.V311)
		ours := w.start(t, "ours")
		inbox := ours.subscribe(t, packet.QoS2, "paho3/theirs")
		messages := paho3Subscribe(t, theirs, 2, "paho3/ours")
		for qos := range byte(3) {
			ours.publish(t, packet.QoS(qos), "paho3/ours", itoa(int(qos)))
			if m := paho3Next(t, messages); string(m.Payload()) != itoa(int(qos)) || m.Qos() != qos {
				t.Errorf("they got %q at QoS %d", m.Payload(), m.Qos())
			}
			finish(t, theirs.Publish("paho3/theirs", qos, false, itoa(int(qos))))
			inbox.want(t, itoa(int(qos)))
		}
	})
}
