package mqtt_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/mqtttest"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// endless is a broker that answers every step of an exchange with a challenge, except in the connections that accept
// chooses.
func endless(p *mqtttest.Peer, accept func(connection int) bool) {
	connections := 0
	p.Serve(func(c *mqtttest.Conn, in packet.Packet) []packet.Packet {
		switch in.(type) {
		case *packet.Connect:
			if connections++; accept(connections) {
				return []packet.Packet{welcome()}
			}
		case *packet.Auth:
		default:
			return mqtttest.Answer(c, in)
		}
		time.Sleep(time.Second)
		return []packet.Packet{challenge("more")}
	})
}

// A broker that challenges for ever costs an attempt its time, and no more: the next one is made as after any failure.
func TestAuthChallengedForEver(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPeer(t)
		endless(p, func(n int) bool { return n == 3 })
		var failed []*mqtt.ConnectError
		c := start(t, p, with(new(counting)), func(c *mqtt.Config) {
			c.Trace = &mqtt.Trace{ConnectFailed: func(err *mqtt.ConnectError, _ time.Duration) { failed = append(failed, err) }}
		})
		begin := time.Now()
		connected(t, c)
		synctest.Wait()
		if len(failed) != 2 || time.Since(begin) > 2*time.Minute {
			t.Fatalf("%d failures in %v", len(failed), time.Since(begin))
		}
		for _, err := range failed {
			wantErr(t, err, mqtt.ErrConnectTimeout)
		}
	})
}

// In a re-authentication it costs the connection, because the broker knows of it, and messages go on until then.
func TestReauthenticateChallengedForEver(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPeer(t)
		endless(p, func(int) bool { return true })
		c := start(t, p, with(new(counting)))
		connected(t, c)
		over := async(func() error { return c.Reauthenticate(t.Context()) })
		time.Sleep(10 * time.Second)
		if r := <-publish(t.Context(), c, mqtt.Publish{Topic: "t", QoS: 1}); r.err != nil {
			t.Error(r.err)
		}
		wantErr(t, recv(t, over), mqtt.ErrAuthTimeout)
		time.Sleep(10 * time.Second) // the next attempt is a second away
		connected(t, c)
		if n := c.Stats().Connects; n != 2 {
			t.Errorf("%d connections", n)
		}
	})
}
