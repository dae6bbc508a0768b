package mqtt_test

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/mqtttest"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// publishAll starts n publishes, one after the other, so that their order is known.
func publishAll(t *testing.T, c *mqtt.Client, n int, qos func(i int) packet.QoS) []<-chan error {
	t.Helper()
	list := make([]<-chan error, n)
	for i := range list {
		over := make(chan error, 2) // a second call would not block unnoticed
		err := c.PublishAsync(mqtt.Publish{Topic: fmt.Sprint(i), QoS: qos(i)}, func(_ mqtt.PublishResult, err error) { over <- err })
		if err != nil {
			t.Fatal(err)
		}
		list[i] = over
	}
	return list
}

func always(qos packet.QoS) func(int) packet.QoS { return func(int) packet.QoS { return qos } }

// wantTopics wants PUBLISH packets with these topics, in order.
func wantTopics(t *testing.T, conn *mqtttest.Conn, dup bool, from, to int) (list []*packet.Publish) {
	t.Helper()
	for i := from; i < to; i++ {
		m := mqtttest.Expect[packet.Publish](conn)
		if m.Topic != fmt.Sprint(i) || m.Dup != dup {
			t.Fatalf("%+v, want topic %d with DUP %v", m, i, dup)
		}
		list = append(list, m)
	}
	return list
}

// F16: what was under way is sent again in its order, before what waited, when the session is still there.
//
// Conformance: MQTT-4.4.0-1, MQTT-4.6.0-1, MQTT-3.3.1-1
func TestSessionIsResumed(t *testing.T) {
	both(t, func(t *testing.T, version packet.Version) {
		p := newPeer(t)
		c, conn := connect(t, p, v(version))
		over := publishAll(t, c, 5, always(1))
		first := wantTopics(t, conn, false, 0, 5)
		conn.Send(mqtttest.Answer(conn, first[0])...)
		if err := recv(t, over[0]); err != nil {
			t.Error(err)
		}
		conn.Cut()
		synctest.Wait()
		var late []<-chan error
		for i := range 3 {
			over := make(chan error, 2)
			late = append(late, over)
			if err := c.PublishAsync(mqtt.Publish{Topic: fmt.Sprint(5 + i), QoS: 1}, func(_ mqtt.PublishResult, err error) { over <- err }); err != nil {
				t.Fatal(err)
			}
		}
		conn, connect := p.Connect(&packet.Connack{SessionPresent: true})
		if connect.CleanStart {
			t.Error("the second CONNECT starts clean")
		}
		again := wantTopics(t, conn, true, 1, 5)
		for i, m := range again {
			if m.ID != first[i+1].ID {
				t.Errorf("%+v has a new identifier", m)
			}
		}
		again = append(again, wantTopics(t, conn, false, 5, 8)...)
		for _, m := range again {
			conn.Send(mqtttest.Answer(conn, m)...)
		}
		for _, over := range append(over[1:], late...) {
			if err := recv(t, over); err != nil {
				t.Error(err)
			}
		}
	})
}

// F14: without a session everything is sent as new, under the default policy.
//
// Conformance: MQTT-3.2.2-5
func TestLostSessionSendsAsNew(t *testing.T) {
	both(t, func(t *testing.T, version packet.Version) {
		p := newPeer(t)
		c, conn := connect(t, p, v(version))
		over := publishAll(t, c, 4, always(1))
		wantTopics(t, conn, false, 0, 4)
		conn.Cut()
		conn, _ = p.Connect(&packet.Connack{})
		for _, m := range wantTopics(t, conn, false, 0, 4) {
			conn.Send(mqtttest.Answer(conn, m)...)
		}
		for _, over := range over {
			if err := recv(t, over); err != nil {
				t.Error(err)
			}
		}
	})
}

// F31: QoS 2 goes on with PUBREL where PUBREC was in. A message that the broker had taken is not sent again in another
// session.
//
// Conformance: MQTT-4.3.3-6
func TestQoS2IsResumed(t *testing.T) {
	both(t, func(t *testing.T, version packet.Version) {
		for _, present := range []bool{true, false} {
			p := newPeer(t)
			c, conn := connect(t, p, v(version))
			over := publishAll(t, c, 2, always(2))
			sent := wantTopics(t, conn, false, 0, 2)
			conn.Send(mqtttest.Answer(conn, sent[0])...)
			mqtttest.Expect[packet.Pubrel](conn)
			conn.Cut()
			conn, _ = p.Connect(&packet.Connack{SessionPresent: present})
			if present {
				if in := mqtttest.Expect[packet.Pubrel](conn); in.ID != sent[0].ID {
					t.Errorf("%+v", in)
				}
				conn.Send(&packet.Pubcomp{Ack: packet.Ack{ID: sent[0].ID}})
			}
			m := mqtttest.Expect[packet.Publish](conn)
			if m.Topic != "1" || m.Dup != present {
				t.Errorf("%+v", m)
			}
			conn.Send(mqtttest.Answer(conn, m)...)
			conn.Send(mqtttest.Answer(conn, mqtttest.Expect[packet.Pubrel](conn))...)
			if err := recv(t, over[0]); present && err != nil || !present && !errors.Is(err, mqtt.ErrSessionLost) {
				t.Errorf("session present %v: %v", present, err)
			}
			if err := recv(t, over[1]); err != nil {
				t.Error(err)
			}
			synctest.Wait()
			if n := len(over[0]) + len(over[1]); n != 0 {
				t.Errorf("%d calls too many", n)
			}
		}
	})
}

// F11: however many attempts fail, a queued message is sent once.
func TestQueuedOnceOverManyAttempts(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPeer(t)
		for range 50 {
			p.Refuse(errDial)
		}
		c := start(t, p)
		over := publishAll(t, c, 10, always(1))
		for range 5 { // and some that get further
			conn := p.Accept()
			mqtttest.Expect[packet.Connect](conn)
			conn.Cut()
		}
		conn, _ := p.Connect(&packet.Connack{})
		for _, m := range wantTopics(t, conn, false, 0, 10) {
			conn.Send(mqtttest.Answer(conn, m)...)
		}
		for _, over := range over {
			if err := recv(t, over); err != nil {
				t.Error(err)
			}
		}
		conn.ExpectSilence(time.Second)
	})
}
