package mqtt_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/mqtttest"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// The new connection has the new limits.
//
// Conformance: MQTT-3.3.4-7
func TestLimitsOfTheNewConnection(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPeer(t)
		c, conn := connect(t, p)
		over := publishAll(t, c, 10, always(1))
		wantTopics(t, conn, false, 0, 10)
		conn.Cut()
		conn, _ = p.Connect(&packet.Connack{SessionPresent: true, ReceiveMaximum: 3})
		list := wantTopics(t, conn, true, 0, 3)
		for i := 3; i < 10; i++ { // F12: each acknowledgement makes room for one
			conn.ExpectSilence(time.Second)
			conn.Send(mqtttest.Answer(conn, list[i-3])...)
			list = append(list, wantTopics(t, conn, true, i, i+1)...)
		}
		for _, m := range list[7:] {
			conn.Send(mqtttest.Answer(conn, m)...)
		}
		for _, over := range over {
			if err := recv(t, over); err != nil {
				t.Error(err)
			}
		}
	})
}

// F20: with a limit on interruptions, a message that makes the broker hang up does not do so for ever.
func TestInterruptedTooOften(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPeer(t)
		c := start(t, p, func(c *mqtt.Config) { c.MaxInterrupted = 3; c.SlowStart = true })
		over := publishAll(t, c, 3, always(1))
		poison := func(conn *mqtttest.Conn) error { // hangs up at message 1
			return conn.Serve(func(conn *mqtttest.Conn, in packet.Packet) []packet.Packet {
				if m, ok := in.(*packet.Publish); ok && m.Topic == "1" {
					conn.Cut()
					return nil
				}
				if in, ok := in.(*packet.Connect); ok {
					return []packet.Packet{&packet.Connack{SessionPresent: !in.CleanStart && p.Dials() > 1}}
				}
				return mqtttest.Answer(conn, in)
			})
		}
		for range 4 {
			_ = poison(p.Accept())
		}
		done := async(func() error { return poison(p.Accept()) })
		for i, over := range over {
			if err := recv(t, over); i == 1 && !errors.Is(err, mqtt.ErrInterrupted) || i != 1 && err != nil {
				t.Errorf("message %d: %v", i, err)
			}
		}
		c.Close()
		<-done
	})
}

// A lost connection is noticed by the state, and the wait before the next attempt too.
func TestStates(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPeer(t)
		c := idle(t, p)
		want := func(s mqtt.State) {
			t.Helper()
			synctest.Wait()
			if got := c.State(); got != s {
				t.Errorf("%v, want %v", got, s)
			}
		}
		want(mqtt.StateIdle)
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		want(mqtt.StateConnecting)
		conn := p.Accept()
		mqtttest.Expect[packet.Connect](conn)
		want(mqtt.StateConnecting)
		conn.Send(&packet.Connack{})
		want(mqtt.StateConnected)
		conn.Cut()
		want(mqtt.StateWaiting)
		p.Connect(&packet.Connack{})
		want(mqtt.StateConnected)
		c.Close()
		want(mqtt.StateClosed)
		for s, name := range map[mqtt.State]string{0: "idle", 1: "connecting", 2: "connected", 3: "waiting", 4: "closed", 9: "closed"} {
			if s.String() != name {
				t.Errorf("%d is %q", s, s)
			}
		}
	})
}
