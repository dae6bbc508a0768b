package mqtt_test

import (
	"context"
	"errors"
	"net"
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

// Messages under way towards the broker are limited by the configuration as well, and in MQTT 3.1.1, where the broker
// cannot say what it takes, always.
func TestMaxInflight(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		change  func(*mqtt.Config)
		connack packet.Connack
		want    int
	}{
		"MQTT 5":                 {func(c *mqtt.Config) {}, packet.Connack{}, 65535},
		"of the broker":          {func(c *mqtt.Config) { c.MaxInflight = 10 }, packet.Connack{ReceiveMaximum: 5}, 5},
		"of the client":          {func(c *mqtt.Config) { c.MaxInflight = 10 }, packet.Connack{ReceiveMaximum: 11}, 10},
		"MQTT 3.1.1":             {func(c *mqtt.Config) { c.Version = packet.V311 }, packet.Connack{}, 20},
		"of a client of 3.1.1":   {func(c *mqtt.Config) { c.Version, c.MaxInflight = packet.V311, 100 }, packet.Connack{}, 100},
		"no limit, as it were":   {func(c *mqtt.Config) { c.Version, c.MaxInflight = packet.V311, 65535 }, packet.Connack{}, 65535},
		"of the broker and none": {func(c *mqtt.Config) {}, packet.Connack{ReceiveMaximum: 3}, 3},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				p := newPeer(t)
				c := start(t, p, test.change)
				conn, _ := p.Connect(&test.connack)
				if n := connected(t, c).ReceiveMaximum; n != test.want {
					t.Fatalf("the session says %d, want %d", n, test.want)
				}
				if test.want > 100 {
					return
				}
				over := publishAll(t, c, test.want+2, always(2))
				list := wantTopics(t, conn, false, 0, test.want)
				conn.ExpectSilence(time.Second)
				conn.Send(mqtttest.Answer(conn, list[0])...)
				conn.Send(mqtttest.Answer(conn, mqtttest.Expect[packet.Pubrel](conn))...)
				wantTopics(t, conn, false, test.want, test.want+1)
				conn.ExpectSilence(time.Second)
				if err := recv(t, over[0]); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// F20: a message that makes the broker hang up does not do so for ever. In MQTT 3.1.1, where that is how brokers refuse
// one, there is a limit without being asked for.
func TestInterruptedTooOften(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		change func(*mqtt.Config)
		tries  int
	}{
		"a limit":                {func(c *mqtt.Config) { c.MaxInterrupted = 3 }, 4},
		"a limit and slow start": {func(c *mqtt.Config) { c.MaxInterrupted, c.SlowStart = 3, true }, 4},
		"MQTT 3.1.1":             {func(c *mqtt.Config) { c.Version = packet.V311 }, 6},
	} {
		t.Run(name, func(t *testing.T) { interruptedTooOften(t, test.tries, test.change) })
	}
}

func interruptedTooOften(t *testing.T, tries int, change func(*mqtt.Config)) {
	bubble(t, func(t *testing.T) {
		p := newPeer(t)
		c := start(t, p, change)
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
		for range tries {
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

// Who is told that a message failed with its connection does not find the client connected still.
func TestConnectedAfterAFailure(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPeer(t)
		p.Serve(func(conn *mqtttest.Conn, in packet.Packet) []packet.Packet {
			if m, ok := in.(*packet.Publish); ok && m.Topic == "poison" {
				conn.Cut()
				return nil
			}
			return mqtttest.Answer(conn, in)
		})
		c := start(t, p, func(c *mqtt.Config) {
			c.MaxInterrupted = 1
			dial := c.Endpoint.Dial
			c.Endpoint.Dial = func(ctx context.Context) (net.Conn, error) {
				conn, err := dial(ctx)
				return slowToClose{conn}, err
			}
		})
		connected(t, c)
		for range 3 {
			_, err := c.Publish(t.Context(), mqtt.Publish{Topic: "poison", QoS: 1})
			wantErr(t, err, mqtt.ErrInterrupted)
			connected(t, c)
			if _, err := c.Publish(t.Context(), mqtt.Publish{Topic: "fine"}); err != nil {
				t.Fatal(err)
			}
		}
		c.Close()
	})
}

// slowToClose takes its time when it is closed, as TLS does that has to say goodbye.
type slowToClose struct{ net.Conn }

func (c slowToClose) Close() error {
	time.Sleep(time.Second)
	return c.Conn.Close()
}

// F46: a lost connection is noticed by the state, and the wait before the next attempt too.
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
