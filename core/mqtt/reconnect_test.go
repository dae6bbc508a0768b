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

// F64: subscriptions that the broker has lost are restored before anything else is sent.
func TestSubscriptionsAreRestoredFirst(t *testing.T) {
	both(t, func(t *testing.T, version packet.Version) {
		var got inbox
		p := newPeer(t)
		c, conn := connect(t, p, v(version))
		subscribe(t, c, conn, mqtt.SubscribeOptions{Handler: got.handler("A")}, mqtt.Filter{Filter: "a", QoS: 1})
		b := subscribe(t, c, conn, mqtt.SubscribeOptions{Handler: got.handler("B")}, mqtt.Filter{Filter: "b", QoS: 1}, mqtt.Filter{Filter: "c", QoS: 2})
		conn.Cut()
		synctest.Wait()
		over := publish(t.Context(), c, mqtt.Publish{Topic: "t", QoS: 1})
		synctest.Wait()
		conn, _ = p.Connect(&packet.Connack{})
		var filters []packet.Filter
		for len(filters) < 3 {
			in := mqtttest.Expect[packet.Subscribe](conn)
			filters = append(filters, in.Filters...)
			if version == packet.V5 && in.SubscriptionID == 0 {
				t.Errorf("%+v has no identifier", in)
			}
			conn.Send(mqtttest.Answer(conn, in)...)
		}
		if fmt.Sprint(filters) != "[{a 1 false false 0} {b 1 false false 0} {c 2 false false 0}]" {
			t.Errorf("%v", filters)
		}
		conn.Send(mqtttest.Answer(conn, mqtttest.Expect[packet.Publish](conn))...)
		if r := <-over; r.err != nil {
			t.Error(r.err)
		}
		conn.Send(message("c", "1", 0, 0))
		got.want(t, "B:1")
		// A session that is there needs nothing.
		conn.Cut()
		conn, _ = p.Connect(&packet.Connack{SessionPresent: true})
		conn.ExpectSilence(time.Second)
		// What was closed is not restored.
		closing := async(func() error { return b.Close(t.Context()) })
		conn.Send(mqtttest.Answer(conn, mqtttest.Expect[packet.Unsubscribe](conn))...)
		if err := <-closing; err != nil {
			t.Error(err)
		}
		conn.Cut()
		conn, _ = p.Connect(&packet.Connack{})
		if in := mqtttest.Expect[packet.Subscribe](conn); len(in.Filters) != 1 || in.Filters[0].Filter != "a" {
			t.Errorf("%+v", in)
		}
	})
}

// A subscription that cannot be restored is told, and its loop ends with the reason.
func TestRefusedRestoration(t *testing.T) {
	both(t, func(t *testing.T, version packet.Version) {
		p := newPeer(t)
		lost := make(chan error, 10)
		c, conn := connect(t, p, v(version), func(c *mqtt.Config) {
			c.Trace = &mqtt.Trace{SubscriptionLost: func(filter string, err error) { lost <- fmt.Errorf("%s: %w", filter, err) }}
		})
		s := subscribe(t, c, conn, mqtt.SubscribeOptions{}, mqtt.Filter{Filter: "a"}, mqtt.Filter{Filter: "b"})
		over := async(func() error {
			for _, err := range s.Messages(t.Context()) {
				return err
			}
			return nil
		})
		conn.Cut()
		refusal := packet.NotAuthorized
		if version == packet.V311 {
			refusal = packet.UnspecifiedError
		}
		conn, _ = p.Connect(&packet.Connack{})
		in := mqtttest.Expect[packet.Subscribe](conn)
		conn.Send(&packet.Suback{ID: in.ID, Codes: []packet.ReasonCode{refusal, 0}})
		err := recv(t, lost)
		if wantErr(t, err, &mqtt.ReasonError{Packet: packet.SUBACK, Code: refusal}); err.Error()[:2] != "a:" {
			t.Error(err)
		}
		synctest.Wait()
		if got := s.Filters(); len(got) != 1 || got[0] != "b" {
			t.Errorf("left are %q", got)
		}
		if len(over) != 0 {
			t.Fatal("the loop ended although a filter is left")
		}
		conn.Cut()
		conn, _ = p.Connect(&packet.Connack{})
		in = mqtttest.Expect[packet.Subscribe](conn)
		conn.Send(&packet.Suback{ID: in.ID, Codes: []packet.ReasonCode{refusal}})
		wantErr(t, recv(t, over), &mqtt.ReasonError{Packet: packet.SUBACK, Code: refusal})
		recv(t, lost)
		if n := c.Stats().Subscriptions; n != 0 {
			t.Errorf("%d subscriptions", n)
		}
	})
}

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
