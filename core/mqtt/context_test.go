package mqtt_test

import (
	"context"
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

// With a context that is over nothing is even tried.
func TestContextThatIsOver(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPeer(t)
		c, conn := connect(t, p)
		_, err := c.Publish(expired(t), mqtt.Publish{Topic: "t"})
		_, err2 := c.Subscribe(expired(t), mqtt.Filter{Filter: "f"})
		for _, err := range []error{err, err2, c.Unsubscribe(expired(t), "f"), c.Enqueue(expired(t), mqtt.Publish{Topic: "t", QoS: 1})} {
			if wantErr(t, err, context.Canceled); !mqtt.NotSent(err) {
				t.Errorf("%v: may have been sent", err)
			}
		}
		conn.ExpectSilence(time.Second)
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

// A subscription that the broker may have granted before the connection was lost is asked for again, to be taken back:
// a session that is kept would have it for ever.
func TestSubscribeCanceledAfterItWasInterrupted(t *testing.T) {
	both(t, func(t *testing.T, version packet.Version) {
		p := newPeer(t)
		c, conn := connect(t, p, v(version), func(c *mqtt.Config) { c.SessionExpiry = time.Hour })
		ctx, cancel := context.WithCancel(t.Context())
		over := async(func() error {
			_, err := c.Subscribe(ctx, mqtt.Filter{Filter: "a", QoS: 1})
			return err
		})
		mqtttest.Expect[packet.Subscribe](conn)
		conn.Cut()
		synctest.Wait()
		cancel()
		err := <-over
		wantErr(t, err, context.Canceled)
		if mqtt.NotSent(err) {
			t.Errorf("%v: it was sent", err)
		}
		conn = p.Accept()
		mqtttest.Expect[packet.Connect](conn)
		conn.Send(&packet.Connack{SessionPresent: true})
		request := mqtttest.Expect[packet.Subscribe](conn)
		conn.Send(&packet.Suback{ID: request.ID, Codes: []packet.ReasonCode{1}})
		back := mqtttest.Expect[packet.Unsubscribe](conn)
		conn.Send(mqtttest.Answer(conn, back)...)
		synctest.Wait()
		if s := c.Stats(); s.Queued != 0 || s.Subscriptions != 0 {
			t.Errorf("%+v", s)
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
