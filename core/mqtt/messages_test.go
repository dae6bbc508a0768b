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

// burst sends n messages at QoS 1 with the payloads 0, 1, ... and the identifiers 1, 2, ... in one write.
func burst(conn *mqtttest.Conn, topic string, n int) {
	var list []packet.Packet
	for i := range n {
		list = append(list, message(topic, fmt.Sprint(i), 1, uint16(i+1)))
	}
	conn.Send(list...)
}

// wantAcks wants PUBACKs with these identifiers, in order.
func wantAcks(t *testing.T, conn *mqtttest.Conn, from, to int) {
	t.Helper()
	for id := from; id <= to; id++ {
		if ack := mqtttest.Expect[packet.Puback](conn); int(ack.ID) != id || ack.Code != packet.Success {
			t.Fatalf("PUBACK %+v, want %d", ack, id)
		}
	}
}

// To break out of a loop keeps the subscription, and the next loop goes on with the next message.
func TestBreakAndResume(t *testing.T) {
	both(t, func(t *testing.T, version packet.Version) {
		p := newPeer(t)
		c, conn := connect(t, p, v(version))
		s := subscribe(t, c, conn, mqtt.SubscribeOptions{}, mqtt.Filter{Filter: "t", QoS: 1})
		burst(conn, "t", 10)
		synctest.Wait()
		next := 0
		for next < 10 {
			for m, err := range s.Messages(t.Context()) {
				if err != nil || string(m.Payload) != fmt.Sprint(next) {
					t.Fatalf("%v, %v, want %d", m, err, next)
				}
				if next++; next%3 == 0 || next == 10 {
					break
				}
			}
			wantAcks(t, conn, next-(next+2)%3, next) // those of this loop
			conn.ExpectSilence(time.Second)
		}
		if n := c.Stats().InboundBytes; n != 0 {
			t.Errorf("%d bytes are left", n)
		}
	})
}

// A message is acknowledged when the loop comes back for the next one, not before.
func TestLoopAcknowledgesWhenItComesBack(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPeer(t)
		c, conn := connect(t, p)
		s := subscribe(t, c, conn, mqtt.SubscribeOptions{}, mqtt.Filter{Filter: "t", QoS: 1})
		step := make(chan struct{})
		go func() {
			for _, err := range s.Messages(t.Context()) {
				if err != nil {
					return // at the end of the test
				}
				<-step
			}
		}()
		burst(conn, "t", 3)
		for i := range 3 {
			conn.ExpectSilence(time.Second)
			step <- struct{}{}
			wantAcks(t, conn, i+1, i+1)
		}
	})
}

// The end of the context ends the loop, with an error, between two messages and while it waits.
func TestLoopEndsWithItsContext(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPeer(t)
		c, conn := connect(t, p)
		s := subscribe(t, c, conn, mqtt.SubscribeOptions{}, mqtt.Filter{Filter: "t", QoS: 1})
		loop := func(ctx context.Context, each func()) (payloads string, err error) {
			for m, e := range s.Messages(ctx) {
				if err = e; err == nil {
					payloads += string(m.Payload)
					each()
				}
			}
			return payloads, err
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		got, err := loop(ctx, func() {})
		if wantErr(t, err, context.DeadlineExceeded); got != "" {
			t.Errorf("got %q", got)
		}
		burst(conn, "t", 4)
		ctx, stop := context.WithCancel(t.Context())
		got, err = loop(ctx, stop) // in the middle of what has arrived
		if wantErr(t, err, context.Canceled); got != "0" {
			t.Errorf("got %q", got)
		}
		wantAcks(t, conn, 1, 1)
		conn.ExpectSilence(time.Second) // the others were not handled
		ctx, cancel = context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		got, err = loop(ctx, func() {})
		if wantErr(t, err, context.DeadlineExceeded); got != "123" {
			t.Errorf("got %q", got)
		}
		wantAcks(t, conn, 2, 4)
	})
}

// Close ends a loop without an error, after what has arrived.
func TestCloseEndsTheLoop(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPeer(t)
		c, conn := connect(t, p)
		s := subscribe(t, c, conn, mqtt.SubscribeOptions{}, mqtt.Filter{Filter: "t", QoS: 1})
		var got []string
		over := make(chan struct{})
		go func() {
			defer close(over)
			for m, err := range s.Messages(t.Context()) {
				if err != nil {
					t.Error(err)
				}
				time.Sleep(time.Second)
				got = append(got, string(m.Payload))
			}
		}()
		burst(conn, "t", 3)
		synctest.Wait()
		closing := async(func() error { return s.Close(t.Context()) })
		conn.Send(mqtttest.Answer(conn, mqtttest.Expect[packet.Unsubscribe](conn))...)
		if err := <-closing; err != nil {
			t.Error(err)
		}
		<-over
		if strings.Join(got, "") != "012" {
			t.Errorf("got %q", got)
		}
		wantAcks(t, conn, 1, 3)
	})
}

// What waits in a closed subscription is acknowledged: otherwise no later message could be.
func TestCloseDropsWhatNobodyTakes(t *testing.T) {
	t.Parallel()
	for name, manual := range map[string]bool{"automatic": false, "manual": true} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				p := newPeer(t)
				c, conn := connect(t, p, func(c *mqtt.Config) { c.ManualAcks = manual })
				s := subscribe(t, c, conn, mqtt.SubscribeOptions{}, mqtt.Filter{Filter: "t", QoS: 1})
				burst(conn, "t", 3)
				if !manual { // one is taken, two are left
					for range s.Messages(t.Context()) {
						break
					}
					wantAcks(t, conn, 1, 1)
				}
				synctest.Wait()
				over := async(func() error { return s.Close(t.Context()) })
				conn.Send(mqtttest.Answer(conn, mqtttest.Expect[packet.Unsubscribe](conn))...)
				if err := <-over; err != nil {
					t.Error(err)
				}
				if manual {
					wantAcks(t, conn, 1, 1)
				}
				wantAcks(t, conn, 2, 3)
				if n := c.Stats().InboundBytes; n != 0 {
					t.Errorf("%d bytes are left", n)
				}
				for m, err := range s.Messages(t.Context()) {
					t.Errorf("%v, %v", m, err)
				}
			})
		})
	}
}

// Two loops at once would share the messages between them: the second is refused.
func TestTwoLoops(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPeer(t)
		c, conn := connect(t, p)
		s := subscribe(t, c, conn, mqtt.SubscribeOptions{}, mqtt.Filter{Filter: "t"})
		h := subscribe(t, c, conn, mqtt.SubscribeOptions{Handler: func(mqtt.Message) {}}, mqtt.Filter{Filter: "u"})
		first := func(s *mqtt.Subscription) error {
			for _, err := range s.Messages(t.Context()) {
				return err
			}
			return nil
		}
		ctx, cancel := context.WithCancel(t.Context())
		over := async(func() error {
			for _, err := range s.Messages(ctx) {
				return err
			}
			return nil
		})
		synctest.Wait()
		wantErr(t, first(s), mqtt.ErrBusy)
		wantErr(t, first(h), mqtt.ErrBusy)
		cancel()
		wantErr(t, <-over, context.Canceled)
		conn.Send(message("t", "", 0, 0))
		if err := first(s); err != nil { // it is free again
			t.Error(err)
		}
	})
}

// A loop whose body panics leaves the subscription usable. The message counts as handled.
func TestPanicInALoop(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPeer(t)
		c, conn := connect(t, p)
		s := subscribe(t, c, conn, mqtt.SubscribeOptions{}, mqtt.Filter{Filter: "t", QoS: 1})
		burst(conn, "t", 5)
		synctest.Wait()
		ouch := errors.New("ouch")
		func() {
			defer func() {
				if v := recover(); v != ouch {
					t.Errorf("recovered %v", v)
				}
			}()
			for m := range s.Messages(t.Context()) {
				if string(m.Payload) == "2" {
					panic(ouch)
				}
			}
		}()
		wantAcks(t, conn, 1, 3)
		for m, err := range s.Messages(t.Context()) {
			if err != nil || string(m.Payload) == "4" {
				break
			}
		}
		wantAcks(t, conn, 4, 5)
	})
}

// The end of the client ends a loop with the reason, after what has arrived.
func TestClientEndsTheLoop(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPeer(t)
		c, conn := connect(t, p)
		s := subscribe(t, c, conn, mqtt.SubscribeOptions{}, mqtt.Filter{Filter: "t", QoS: 1})
		burst(conn, "t", 3)
		synctest.Wait()
		conn.Send(&packet.Disconnect{Code: packet.SessionTakenOver})
		gone(t, c)
		var got string
		var err error
		for m, e := range s.Messages(t.Context()) {
			if err = e; err == nil {
				got += string(m.Payload)
			}
		}
		if got != "012" {
			t.Errorf("got %q", got)
		}
		wantErr(t, err, mqtt.ErrClosed)
		wantErr(t, err, &mqtt.ReasonError{Code: packet.SessionTakenOver})
	})
}
