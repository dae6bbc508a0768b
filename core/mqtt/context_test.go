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

// A message that is taken back before a byte of it was sent is never sent, and the error says so.
func TestCanceledBeforeSent(t *testing.T) {
	both(t, func(t *testing.T, version packet.Version) {
		p := newPeer(t)
		c := start(t, p, v(version))
		ctx, cancel := context.WithCancel(t.Context())
		publishing := publish(ctx, c, mqtt.Publish{Topic: "taken/back", QoS: 1})
		subscribing := async(func() error {
			_, err := c.Subscribe(ctx, mqtt.Filter{Filter: "taken/back"})
			return err
		})
		unsubscribing := async(func() error { return c.Unsubscribe(ctx, "taken/back") })
		synctest.Wait()
		cancel()
		for _, err := range []error{(<-publishing).err, <-subscribing, <-unsubscribing} {
			wantErr(t, err, context.Canceled)
			if !mqtt.NotSent(err) {
				t.Errorf("%v: may have been sent", err)
			}
		}
		p.Version = version
		conn, _ := p.Connect(&packet.Connack{})
		conn.ExpectSilence(time.Second)
		if n := c.Stats().Queued; n != 0 {
			t.Errorf("%d operations are left", n)
		}
	})
}

// A deadline is as good as a cancellation.
func TestDeadlineBeforeSent(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := start(t, newPeer(t))
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		begun := time.Now()
		_, err := c.Publish(ctx, mqtt.Publish{Topic: "t", QoS: 2})
		wantErr(t, err, context.DeadlineExceeded)
		if !mqtt.NotSent(err) || time.Since(begun) != 5*time.Second {
			t.Errorf("after %v: %v", time.Since(begun), err)
		}
	})
}

// A message that is under way goes on without its caller. Its late acknowledgement harms nothing, and neither its memory
// nor its identifier is used for another message before.
func TestCanceledInFlight(t *testing.T) {
	both(t, func(t *testing.T, version packet.Version) {
		p := newPeer(t)
		c, conn := connect(t, p, v(version))
		for _, qos := range []packet.QoS{packet.QoS1, packet.QoS2} {
			ctx, cancel := context.WithCancel(t.Context())
			over := publish(ctx, c, mqtt.Publish{Topic: "abandoned", QoS: qos})
			abandoned := mqtttest.Expect[packet.Publish](conn)
			cancel()
			err := (<-over).err
			wantErr(t, err, context.Canceled)
			if mqtt.NotSent(err) {
				t.Errorf("%v: it was sent", err)
			}
			// Others come and go meanwhile.
			for range 100 {
				over := publish(t.Context(), c, mqtt.Publish{Topic: "other", QoS: 1})
				other := mqtttest.Expect[packet.Publish](conn)
				if other.ID == abandoned.ID || other.Topic != "other" {
					t.Fatalf("%+v while %+v is under way", other, abandoned)
				}
				conn.Send(mqtttest.Answer(conn, other)...)
				if r := <-over; r.err != nil {
					t.Fatal(r.err)
				}
			}
			if n := c.Stats().Queued; n != 1 {
				t.Errorf("%d operations under way, want the abandoned one", n)
			}
			conn.Send(mqtttest.Answer(conn, abandoned)...)
			if qos == packet.QoS2 {
				conn.Send(mqtttest.Answer(conn, mqtttest.Expect[packet.Pubrel](conn))...)
			}
			synctest.Wait()
			if s := c.Stats(); s.Queued != 0 || s.Forgiven != 0 {
				t.Errorf("%+v", s)
			}
		}
	})
}

// A subscription that is granted after its caller has left is taken back.
func TestSubscribeCanceledInFlight(t *testing.T) {
	both(t, func(t *testing.T, version packet.Version) {
		for _, codes := range [][]packet.ReasonCode{{1, 1}, {1, packet.UnspecifiedError}, {packet.UnspecifiedError, packet.UnspecifiedError}} {
			p := newPeer(t)
			c, conn := connect(t, p, v(version))
			ctx, cancel := context.WithCancel(t.Context())
			over := async(func() error {
				_, err := c.Subscribe(ctx, mqtt.Filter{Filter: "a", QoS: 1}, mqtt.Filter{Filter: "b", QoS: 1})
				return err
			})
			request := mqtttest.Expect[packet.Subscribe](conn)
			cancel()
			err := <-over
			wantErr(t, err, context.Canceled)
			if mqtt.NotSent(err) {
				t.Errorf("%v: it was sent", err)
			}
			conn.Send(&packet.Suback{ID: request.ID, Codes: codes})
			if codes[0].Failed() {
				conn.ExpectSilence(time.Second)
				continue
			}
			back := mqtttest.Expect[packet.Unsubscribe](conn)
			if len(back.Filters) != 2 {
				t.Errorf("%q", back.Filters)
			}
			conn.Send(mqtttest.Answer(conn, back)...)
			synctest.Wait()
			if s := c.Stats(); s.Subscriptions != 0 || s.Queued != 0 {
				t.Errorf("%+v", s)
			}
		}
	})
}

// F09: a full queue makes a call wait, for as long as its context allows.
func TestFullQueueWaits(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPeer(t)
		c := start(t, p, func(c *mqtt.Config) { c.Queue.Count = 2 })
		first := publish(t.Context(), c, mqtt.Publish{Topic: "1", QoS: 1})
		synctest.Wait()
		second := publish(t.Context(), c, mqtt.Publish{Topic: "2", QoS: 1})
		synctest.Wait()

		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := c.Publish(ctx, mqtt.Publish{Topic: "3", QoS: 1})
		wantErr(t, err, context.DeadlineExceeded)
		if !mqtt.NotSent(err) {
			t.Errorf("%v: may have been sent", err)
		}
		err = c.PublishAsync(mqtt.Publish{Topic: "4", QoS: 1}, func(mqtt.PublishResult, error) { t.Error("called") })
		wantErr(t, err, mqtt.ErrQueueFull) // it has no context to wait with

		third := publish(t.Context(), c, mqtt.Publish{Topic: "5", QoS: 1})
		synctest.Wait()
		conn, _ := p.Connect(&packet.Connack{})
		for _, want := range []string{"1", "2", "5"} {
			m := mqtttest.Expect[packet.Publish](conn)
			if m.Topic != want {
				t.Errorf("%q, want %q", m.Topic, want)
			}
			conn.Send(mqtttest.Answer(conn, m)...)
		}
		for _, over := range []<-chan result{first, second, third} {
			if r := <-over; r.err != nil {
				t.Error(r.err)
			}
		}
	})
}

func TestFullQueueFails(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := start(t, newPeer(t), func(c *mqtt.Config) { c.Queue = mqtt.QueueLimit{Bytes: 2000, Fail: true} })
		if err := c.PublishAsync(mqtt.Publish{Topic: "1", QoS: 1, Payload: make([]byte, 1000)}, nil); err != nil {
			t.Fatal(err)
		}
		_, err := c.Publish(t.Context(), mqtt.Publish{Topic: "2", QoS: 1, Payload: make([]byte, 1000)})
		wantErr(t, err, mqtt.ErrQueueFull)
		if !mqtt.NotSent(err) {
			t.Errorf("%v: may have been sent", err)
		}
	})
}

// Who waits for room is told at once when there will be none.
func TestShutdownEndsWaitingForRoom(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPeer(t)
		c, conn := connect(t, p, func(c *mqtt.Config) { c.Queue.Count = 1 })
		first := publish(t.Context(), c, mqtt.Publish{Topic: "1", QoS: 1})
		m := mqtttest.Expect[packet.Publish](conn)
		second := publish(t.Context(), c, mqtt.Publish{Topic: "2", QoS: 1})
		synctest.Wait()
		down := async(func() error { return c.Shutdown(t.Context()) })
		wantErr(t, (<-second).err, mqtt.ErrClosed)
		conn.Send(mqtttest.Answer(conn, m)...)
		if err := errors.Join((<-first).err, <-down); err != nil {
			t.Error(err)
		}
	})
}

// No acknowledgement in time ends the call, not the delivery.
func TestAckTimeout(t *testing.T) {
	both(t, func(t *testing.T, version packet.Version) {
		p := newPeer(t)
		c, conn := connect(t, p, v(version), func(c *mqtt.Config) { c.AckTimeout = 10 * time.Second })
		begun := time.Now()
		over := publish(t.Context(), c, mqtt.Publish{Topic: "t", QoS: 1})
		told := make(chan error, 2)
		err := c.PublishAsync(mqtt.Publish{Topic: "u", QoS: 2}, func(_ mqtt.PublishResult, err error) { told <- err })
		if err != nil {
			t.Fatal(err)
		}
		in := []packet.Packet{conn.Next(), conn.Next()}
		subscribing := async(func() error { _, err := c.Subscribe(t.Context(), mqtt.Filter{Filter: "f"}); return err })
		in = append(in, mqtttest.Expect[packet.Subscribe](conn))
		for _, err := range []error{(<-over).err, <-told, <-subscribing} {
			wantErr(t, err, mqtt.ErrAckTimeout)
			if mqtt.NotSent(err) {
				t.Errorf("%v: it was sent", err)
			}
		}
		if took := time.Since(begun); took != 10*time.Second {
			t.Errorf("after %v", took)
		}
		for _, m := range in { // too late, and harmless
			conn.Send(mqtttest.Answer(conn, m)...)
		}
		conn.Send(mqtttest.Answer(conn, mqtttest.Expect[packet.Pubrel](conn))...)
		conn.Send(mqtttest.Answer(conn, mqtttest.Expect[packet.Unsubscribe](conn))...)
		synctest.Wait()
		if s := c.Stats(); s.Queued != 0 || s.Forgiven != 0 || len(told) != 0 {
			t.Errorf("%+v, %d calls too many", s, len(told))
		}
	})
}

// The time for the acknowledgement starts when the packet is sent, not while it waits for a connection.
func TestAckTimeoutDoesNotRunOffline(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPeer(t)
		begun := time.Now()
		c := start(t, p, func(c *mqtt.Config) {
			c.AckTimeout = time.Second
			c.Endpoint.Dial = func(ctx context.Context) (net.Conn, error) {
				if time.Since(begun) < time.Hour {
					return nil, errDial
				}
				return p.Dial(ctx)
			}
		})
		over := publish(t.Context(), c, mqtt.Publish{Topic: "t", QoS: 1})
		conn, _ := p.Connect(&packet.Connack{})
		conn.Send(mqtttest.Answer(conn, mqtttest.Expect[packet.Publish](conn))...)
		if r := <-over; r.err != nil {
			t.Error(r.err)
		}
	})
}

// Without a limit a call waits as long as its context.
func TestNoAckTimeout(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPeer(t)
		c := start(t, p, func(c *mqtt.Config) { c.AckTimeout = -1 })
		var held *packet.Publish
		p.Serve(func(conn *mqtttest.Conn, in packet.Packet) []packet.Packet {
			if m, ok := in.(*packet.Publish); ok {
				held = m
				return nil
			}
			return mqtttest.Answer(conn, in)
		})
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Hour)
		defer cancel()
		_, err := c.Publish(ctx, mqtt.Publish{Topic: "t", QoS: 1})
		wantErr(t, err, context.DeadlineExceeded)
		if held == nil || c.Stats().Connects != 1 {
			t.Errorf("%+v, %+v", held, c.Stats())
		}
	})
}

// An operation that is over when its context ends is a success.
func TestCancelAfterTheAck(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPeer(t)
		c, conn := connect(t, p)
		ctx, cancel := context.WithCancel(t.Context())
		for range 50 {
			ctx, cancel := context.WithCancel(ctx)
			over := publish(ctx, c, mqtt.Publish{Topic: "t", QoS: 1})
			conn.Send(mqtttest.Answer(conn, mqtttest.Expect[packet.Publish](conn))...)
			go cancel()
			if r := <-over; r.err != nil && mqtt.NotSent(r.err) {
				t.Errorf("%v", r.err)
			}
		}
		cancel()
		synctest.Wait()
		if n := c.Stats().Queued; n != 0 {
			t.Errorf("%d operations are left", n)
		}
	})
}
