package mqtt_test

import (
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/mqtttest"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

func manual(c *mqtt.Config) { c.ManualAcks = true }

// collect subscribes and returns what arrives.
func collect(t *testing.T, c *mqtt.Client, conn *mqtttest.Conn, filters ...mqtt.Filter) <-chan mqtt.Message {
	t.Helper()
	got := make(chan mqtt.Message, 1000)
	subscribe(t, c, conn, mqtt.SubscribeOptions{Handler: func(m mqtt.Message) { got <- m }}, filters...)
	return got
}

// Acknowledgements leave in the order of arrival, whatever the order in which they are given and from which goroutines.
//
// Conformance: MQTT-4.6.0-2, MQTT-4.6.0-3
func TestManualAcksInAnyOrder(t *testing.T) {
	both(t, func(t *testing.T, version packet.Version) {
		p := newPeer(t)
		c, conn := connect(t, p, v(version), manual)
		got := collect(t, c, conn, mqtt.Filter{Filter: "t", QoS: 2})
		const n = 50
		for id := range uint16(n) {
			conn.Send(message("t", "", packet.QoS(1+id%2), id+1))
		}
		var list []mqtt.Message
		for range n {
			list = append(list, recv(t, got))
		}
		conn.ExpectSilence(time.Second)
		order := rand.New(rand.NewPCG(1, 1)).Perm(n)
		var wg sync.WaitGroup
		for _, i := range order {
			wg.Go(func() {
				if err := list[i].Ack(); err != nil {
					t.Error(err)
				}
				wantErr(t, list[i].Ack(), mqtt.ErrAckTwice)
			})
		}
		wg.Wait()
		next := [3]uint16{0, 1, 2}
		for range n {
			switch in := conn.Next().(type) {
			case *packet.Puback:
				if in.ID != next[1] {
					t.Errorf("PUBACK %d, want %d", in.ID, next[1])
				}
				next[1] += 2
			case *packet.Pubrec:
				if in.ID != next[2] {
					t.Errorf("PUBREC %d, want %d", in.ID, next[2])
				}
				next[2] += 2
			}
		}
	})
}

// A single acknowledgement that is out of turn waits for those before it.
func TestManualAckWaitsItsTurn(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPeer(t)
		c, conn := connect(t, p, manual)
		got := collect(t, c, conn, mqtt.Filter{Filter: "t", QoS: 1})
		burst(conn, "t", 3)
		list := []mqtt.Message{recv(t, got), recv(t, got), recv(t, got)}
		ack := func(i int) {
			if err := list[i].Ack(); err != nil {
				t.Error(err)
			}
		}
		ack(2)
		conn.ExpectSilence(time.Second)
		ack(0)
		wantAcks(t, conn, 1, 1)
		ack(1)
		wantAcks(t, conn, 2, 3)
	})
}

// F17, F18: an acknowledgement of an old connection is void, says so, and is never sent on the new one.
func TestAcksDieWithTheirConnection(t *testing.T) {
	both(t, func(t *testing.T, version packet.Version) {
		p := newPeer(t)
		c, conn := connect(t, p, v(version), manual)
		got := collect(t, c, conn, mqtt.Filter{Filter: "t", QoS: 2})
		conn.Send(message("t", "a", 1, 1), message("t", "b", 2, 2))
		a, b := recv(t, got), recv(t, got)
		conn.Cut()
		synctest.Wait()
		wantErr(t, a.Ack(), mqtt.ErrAckVoid)
		conn, _ = p.Connect(&packet.Connack{SessionPresent: true})
		connected(t, c)
		wantErr(t, a.Ack(), mqtt.ErrAckVoid)
		wantErr(t, b.Ack(), mqtt.ErrAckVoid)
		wantErr(t, b.Reject(packet.NotAuthorized, ""), mqtt.ErrAckVoid)
		conn.ExpectSilence(time.Second)
		for _, m := range []*packet.Publish{message("t", "a", 1, 1), message("t", "b", 2, 2)} {
			m.Dup = true
			conn.Send(m)
			again := recv(t, got)
			if !again.Duplicate || string(again.Payload) != string(m.Payload) {
				t.Errorf("%v", again)
			}
			if err := again.Ack(); err != nil {
				t.Error(err)
			}
		}
		wantAcks(t, conn, 1, 1)
		mqtttest.Expect[packet.Pubrec](conn)
	})
}

// The automatic acknowledgement of a handler that was busy while the connection changed is not sent either.
func TestAutomaticAcksDieWithTheirConnection(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPeer(t)
		c, conn := connect(t, p)
		release := make(chan struct{})
		var n int
		subscribe(t, c, conn, mqtt.SubscribeOptions{Handler: func(mqtt.Message) {
			n++
			<-release
		}}, mqtt.Filter{Filter: "t", QoS: 1})
		burst(conn, "t", 3)
		synctest.Wait()
		conn.Cut()
		conn, _ = p.Connect(&packet.Connack{SessionPresent: true})
		connected(t, c)
		close(release)
		conn.ExpectSilence(time.Second)
		burst(conn, "t", 3)
		wantAcks(t, conn, 1, 3)
		synctest.Wait()
		if n != 6 {
			t.Errorf("%d messages", n)
		}
	})
}

// Without manual acknowledgements, and at QoS 0, Ack has nothing to do.
func TestAckWithNothingToDo(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPeer(t)
		c, conn := connect(t, p)
		got := collect(t, c, conn, mqtt.Filter{Filter: "t", QoS: 1})
		conn.Send(message("t", "", 1, 1))
		m := recv(t, got)
		wantAcks(t, conn, 1, 1)
		for range 2 {
			if err := m.Ack(); err != nil {
				t.Error(err)
			}
		}
		if err := new(mqtt.Message).Ack(); err != nil {
			t.Error(err)
		}
		conn.ExpectSilence(time.Second)
	})
}
