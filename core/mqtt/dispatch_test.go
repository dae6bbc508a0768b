package mqtt_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/mqtttest"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// Two subscriptions to one filter that are closed at the same time leave none behind at the broker.
func TestCloseBothAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPeer(t)
		c := start(t, p)
		p.Serve(nil)
		for range 20 {
			var list []*mqtt.Subscription
			for range 3 {
				s, err := c.Subscribe(t.Context(), mqtt.Filter{Filter: "a"})
				if err != nil {
					t.Fatal(err)
				}
				list = append(list, s)
			}
			var wg sync.WaitGroup
			for _, s := range list {
				wg.Go(func() {
					if err := s.Close(t.Context()); err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
			if n := c.Stats().Subscriptions; n != 0 {
				t.Fatalf("%d subscriptions are left", n)
			}
		}
	})
}

// One that is being closed does not keep a filter alive, even if it still waits for the broker.
func TestCloseWhileAnotherIsBeingClosed(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPeer(t)
		c, conn := connect(t, p)
		a := subscribe(t, c, conn, mqtt.SubscribeOptions{}, mqtt.Filter{Filter: "both"}, mqtt.Filter{Filter: "mine"})
		b := subscribe(t, c, conn, mqtt.SubscribeOptions{}, mqtt.Filter{Filter: "both"})
		first := async(func() error { return a.Close(t.Context()) })
		mine := mqtttest.Expect[packet.Unsubscribe](conn)
		second := async(func() error { return b.Close(t.Context()) })
		both := mqtttest.Expect[packet.Unsubscribe](conn)
		if fmt.Sprint(mine.Filters, both.Filters) != "[mine] [both]" {
			t.Errorf("UNSUBSCRIBE %q and %q", mine.Filters, both.Filters)
		}
		conn.Send(mqtttest.Answer(conn, mine)...)
		conn.Send(mqtttest.Answer(conn, both)...)
		if err := errors.Join(<-first, <-second); err != nil {
			t.Error(err)
		}
	})
}

// A subscription that could not be taken back can be closed again.
func TestCloseIsTriedAgain(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPeer(t)
		c, conn := connect(t, p, func(c *mqtt.Config) { c.Offline = mqtt.KeepNone })
		s := subscribe(t, c, conn, mqtt.SubscribeOptions{}, mqtt.Filter{Filter: "a"})
		conn.Close()
		synctest.Wait()
		wantErr(t, s.Close(t.Context()), mqtt.ErrOffline)
		for _, err := range s.Messages(t.Context()) {
			t.Errorf("a closed subscription yields %v", err)
		}
		conn, _ = p.Connect(&packet.Connack{SessionPresent: true})
		connected(t, c)
		over := async(func() error { return s.Close(t.Context()) })
		conn.Send(mqtttest.Answer(conn, mqtttest.Expect[packet.Unsubscribe](conn))...)
		if err := <-over; err != nil {
			t.Error(err)
		}
	})
}

// Messages that nobody subscribed to go to Config.Handler, and are counted where there is none.
//
// Conformance: MQTT-3.3.2-3, MQTT-4.5.0-2
func TestUnclaimedMessages(t *testing.T) {
	both(t, func(t *testing.T, version packet.Version) {
		var got inbox
		p := newPeer(t)
		c, conn := connect(t, p, v(version), func(c *mqtt.Config) { c.Handler = got.handler("F") })
		subscribe(t, c, conn, mqtt.SubscribeOptions{Handler: got.handler("A")}, mqtt.Filter{Filter: "a"})
		conn.Send(message("a", "1", 0, 0), message("b", "2", 1, 1), message("$c", "3", 2, 2))
		got.want(t, "A:1 F:2 F:3")
		mqtttest.Expect[packet.Puback](conn)
		mqtttest.Expect[packet.Pubrec](conn)
		if n := c.Stats().Unclaimed; n != 0 {
			t.Errorf("%d unclaimed", n)
		}

		c, conn = connect(t, p, v(version), func(c *mqtt.Config) { c.ManualAcks = true })
		conn.Send(message("b", "2", 1, 1), message("c", "3", 2, 2))
		mqtttest.Expect[packet.Puback](conn) // there is nobody who could acknowledge by hand
		mqtttest.Expect[packet.Pubrec](conn)
		if n := c.Stats().Unclaimed; n != 2 {
			t.Errorf("%d unclaimed", n)
		}
	})
}

// F19, F65: handlers are in place before the first packet of a resumed session, and get its messages.
func TestLocalRoutesBeforeStart(t *testing.T) {
	both(t, func(t *testing.T, version packet.Version) {
		var got inbox
		p := newPeer(t)
		c := idle(t, p, v(version), func(c *mqtt.Config) { c.ResumeUnknown = true })
		s, err := c.SubscribeWith(t.Context(), mqtt.SubscribeOptions{Handler: got.handler("A"), Local: true}, mqtt.Filter{Filter: "a/+"})
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		conn := p.Accept()
		mqtttest.Expect[packet.Connect](conn)
		queued := message("a/b", "1", 1, 1)
		if version == packet.V5 {
			queued.SubscriptionIDs = []uint32{1} // of the process before
		}
		conn.Send(&packet.Connack{SessionPresent: true}, queued)
		got.want(t, "A:1")
		mqtttest.Expect[packet.Puback](conn)
		connected(t, c)

		// A new subscription gets the identifier of the old one. The topic tells them apart.
		subscribe(t, c, conn, mqtt.SubscribeOptions{Handler: got.handler("B")}, mqtt.Filter{Filter: "b"})
		again := message("a/c", "2", 0, 0)
		again.SubscriptionIDs = queued.SubscriptionIDs
		conn.Send(again, message("b", "3", 0, 0, queued.SubscriptionIDs...))
		got.want(t, "A:2 B:3")
		if err := s.Close(t.Context()); err != nil { // local: nothing is sent
			t.Error(err)
		}
		conn.ExpectSilence(time.Second)
	})
}

// Shared subscriptions are matched by what comes after the group.
func TestSharedSubscription(t *testing.T) {
	both(t, func(t *testing.T, version packet.Version) {
		var got inbox
		p := newPeer(t)
		c, conn := connect(t, p, v(version))
		subscribe(t, c, conn, mqtt.SubscribeOptions{Handler: got.handler("A")}, mqtt.Filter{Filter: "$share/workers/jobs/+"})
		conn.Send(message("jobs/1", "1", 0, 0))
		got.want(t, "A:1")
	})
}

// F05: subscriptions come and go while messages arrive.
func TestSubscribeWhileMessagesArrive(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPeer(t)
		c := start(t, p)
		p.Serve(mqtttest.Echo)
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				filter := fmt.Sprintf("t/%d", i%3)
				for range 30 {
					got := make(chan struct{}, 100)
					s, err := c.SubscribeFunc(t.Context(), func(mqtt.Message) { got <- struct{}{} }, mqtt.Filter{Filter: filter})
					if err != nil {
						t.Error(err)
						return
					}
					if _, err := c.Publish(t.Context(), mqtt.Publish{Topic: filter, QoS: 1}); err != nil {
						t.Error(err)
					}
					<-got
					if err := s.Close(t.Context()); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		if n := c.Stats().Subscriptions; n != 0 {
			t.Errorf("%d subscriptions are left", n)
		}
	})
}
