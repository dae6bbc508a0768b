package mqtt_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/mqtttest"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// Shutdown refuses new work, waits for what is under way, and says goodbye.
//
// Conformance: MQTT-3.14.4-1, MQTT-3.14.4-2
func TestShutdownDrains(t *testing.T) {
	both(t, func(t *testing.T, version packet.Version) {
		p := newPeer(t)
		c, conn := connect(t, p, v(version))
		over := publishAll(t, c, 3, always(1))
		list := wantTopics(t, conn, false, 0, 3)
		down := async(func() error { return c.Shutdown(t.Context()) })
		synctest.Wait()
		_, err := c.Publish(t.Context(), mqtt.Publish{Topic: "new"})
		if wantErr(t, err, mqtt.ErrClosed); !mqtt.NotSent(err) {
			t.Errorf("%v: may have been sent", err)
		}
		conn.ExpectSilence(10 * time.Second)
		for _, m := range list {
			conn.Send(mqtttest.Answer(conn, m)...)
		}
		if d := mqtttest.Expect[packet.Disconnect](conn); d.Code != packet.NormalDisconnection || d.SessionExpiry.IsSet() {
			t.Errorf("%+v", d)
		}
		conn.ExpectEnd()
		conn.Close()
		if err := <-down; err != nil {
			t.Error(err)
		}
		for _, over := range over {
			if err := recv(t, over); err != nil {
				t.Error(err)
			}
		}
		gone(t, c)
	})
}

// A drain goes on over a lost connection.
func TestShutdownDrainsOverAReconnect(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPeer(t)
		c, conn := connect(t, p)
		over := publishAll(t, c, 1, always(1))
		wantTopics(t, conn, false, 0, 1)
		down := async(func() error { return c.Shutdown(t.Context()) })
		conn.Cut()
		conn, _ = p.Connect(&packet.Connack{SessionPresent: true})
		conn.Send(mqtttest.Answer(conn, wantTopics(t, conn, true, 0, 1)[0])...)
		mqtttest.Expect[packet.Disconnect](conn)
		if err := errors.Join(<-down, recv(t, over[0])); err != nil {
			t.Error(err)
		}
	})
}

// What could not be delivered is counted, whoever ends the drain.
func TestShutdownSaysWhatIsLeft(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		end  func(*mqtt.Client, *mqtttest.Conn, context.CancelFunc)
		want error
	}{
		"context": {func(_ *mqtt.Client, _ *mqtttest.Conn, cancel context.CancelFunc) { cancel() }, context.Canceled},
		"Close":   {func(c *mqtt.Client, _ *mqtttest.Conn, _ context.CancelFunc) { c.Close() }, mqtt.ErrClosed},
		"refusal": {func(_ *mqtt.Client, conn *mqtttest.Conn, _ context.CancelFunc) {
			conn.Send(&packet.Disconnect{Code: packet.SessionTakenOver})
		}, &mqtt.ReasonError{Code: packet.SessionTakenOver}},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				p := newPeer(t)
				c, conn := connect(t, p)
				over := publishAll(t, c, 3, always(1))
				list := wantTopics(t, conn, false, 0, 3)
				conn.Send(mqtttest.Answer(conn, list[0])...)
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				down := async(func() error { return c.Shutdown(ctx) })
				synctest.Wait()
				test.end(c, conn, cancel)
				err := <-down
				wantErr(t, err, test.want)
				failure, ok := errors.AsType[*mqtt.ShutdownError](err)
				if !ok || failure.Unfinished != 2 || len(failure.Left) != 2 || !strings.HasSuffix(err.Error(), `: publish "1", publish "2"`) {
					t.Fatalf("%v", err)
				}
				for i, left := range failure.Left {
					if left.Op != "publish" || left.Topic != fmt.Sprint(1+i) || !left.Sent || !errors.Is(left, mqtt.ErrClosed) {
						t.Errorf("left is %v", left)
					}
				}
				for i, over := range over {
					if err := recv(t, over); i > 0 {
						wantErr(t, err, mqtt.ErrClosed)
					}
				}
			})
		})
	}
}

// The end can be told in other ways.
func TestShutdownOptions(t *testing.T) {
	bubble(t, func(t *testing.T) {
		for _, test := range []struct {
			options mqtt.ShutdownOptions
			want    packet.Disconnect
		}{
			{mqtt.ShutdownOptions{EndSession: true}, packet.Disconnect{SessionExpiry: packet.Some(uint32(0))}},
			{mqtt.ShutdownOptions{PublishWill: true}, packet.Disconnect{Code: packet.DisconnectWithWill}},
			{mqtt.ShutdownOptions{Reason: "maintenance"}, packet.Disconnect{ReasonString: "maintenance"}},
			{mqtt.ShutdownOptions{Reason: "\xff", EndSession: true}, packet.Disconnect{SessionExpiry: packet.Some(uint32(0))}},
		} {
			p := newPeer(t)
			c, conn := connect(t, p)
			down := async(func() error { return c.ShutdownWith(t.Context(), test.options) })
			d := mqtttest.Expect[packet.Disconnect](conn)
			if d.Code != test.want.Code || d.SessionExpiry != test.want.SessionExpiry || d.ReasonString != test.want.ReasonString {
				t.Errorf("%+v: %+v", test.options, d)
			}
			conn.Close()
			if err := <-down; err != nil {
				t.Error(err)
			}
		}
	})
}

// Close says nothing to the broker, which publishes the will.
func TestCloseSendsNoDisconnect(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPeer(t)
		c, conn := connect(t, p)
		c.Close()
		conn.ExpectEnd()
	})
}

// Shutdown returns without waiting for a handler; what that had is not acknowledged. Done waits for it.
func TestShutdownDoesNotWaitForHandlers(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPeer(t)
		release := make(chan struct{})
		c, conn := connect(t, p, func(c *mqtt.Config) { c.Handler = func(mqtt.Message) { <-release } })
		conn.Send(message("t", "", 1, 1))
		synctest.Wait()
		down := async(func() error { return c.Shutdown(t.Context()) })
		mqtttest.Expect[packet.Disconnect](conn)
		conn.ExpectEnd()
		conn.Close()
		if err := <-down; err != nil {
			t.Error(err)
		}
		select {
		case <-c.Done():
			t.Error("Done before the handler has returned")
		default:
		}
		close(release)
		gone(t, c)
	})
}
