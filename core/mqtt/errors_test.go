package mqtt_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/mqtttest"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// A failing reason code is an error that carries the whole acknowledgement.
func TestPublishRefused(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPeer(t)
		c, conn := connect(t, p)
		user := []packet.UserProperty{{Key: "rule", Value: "7"}}
		for qos, answer := range map[packet.QoS]func(id uint16) packet.Packet{
			1: func(id uint16) packet.Packet {
				return &packet.Puback{Ack: packet.Ack{ID: id, Code: packet.QuotaExceeded, ReasonString: "come back tomorrow", UserProperties: user}}
			},
			2: func(id uint16) packet.Packet {
				return &packet.Pubrec{Ack: packet.Ack{ID: id, Code: packet.QuotaExceeded, ReasonString: "come back tomorrow", UserProperties: user}}
			},
		} {
			over := publish(t.Context(), c, mqtt.Publish{Topic: "rooms/7", QoS: qos})
			in := mqtttest.Expect[packet.Publish](conn)
			ack := answer(in.ID)
			conn.Send(ack)
			err := (<-over).err
			refused, ok := errors.AsType[*mqtt.ReasonError](err)
			if !ok || refused.Packet != ack.Type() || refused.Code != packet.QuotaExceeded || refused.Reason != "come back tomorrow" ||
				len(refused.UserProperties) != 1 {
				t.Fatalf("%#v", err)
			}
			want := fmt.Sprintf(`mqtt: publish "rooms/7": the broker refused with %v: quota exceeded 0x97 ("come back tomorrow") (may have been sent)`, ack.Type())
			if err.Error() != want {
				t.Errorf("got  %v\nwant %s", err, want)
			}
			if mqtt.NotSent(err) || !errors.Is(err, &mqtt.ReasonError{Code: packet.QuotaExceeded}) ||
				errors.Is(err, &mqtt.ReasonError{Code: packet.NotAuthorized}) {
				t.Error("NotSent or Is is wrong")
			}
		}
	})
}

// A success that says more than success is at hand.
func TestPublishResult(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPeer(t)
		c, conn := connect(t, p)
		over := publish(t.Context(), c, mqtt.Publish{Topic: "t", QoS: 1})
		in := mqtttest.Expect[packet.Publish](conn)
		conn.Send(&packet.Puback{Ack: packet.Ack{ID: in.ID, Code: packet.NoMatchingSubscribers, ReasonString: "nobody",
			UserProperties: []packet.UserProperty{{Key: "k", Value: "v"}}}})
		r := <-over
		if r.err != nil || r.Code != packet.NoMatchingSubscribers || r.Reason != "nobody" || len(r.User) != 1 {
			t.Errorf("%+v", r)
		}
	})
}

// The filters that are granted stay subscribed where others are refused.
//
// Conformance: MQTT-3.8.4-7, MQTT-3.9.3-1
func TestSubscribePartlyRefused(t *testing.T) {
	both(t, func(t *testing.T, version packet.Version) {
		p := newPeer(t)
		c, conn := connect(t, p, v(version))
		refusal := packet.NotAuthorized
		if version == packet.V311 {
			refusal = packet.UnspecifiedError
		}
		var s *mqtt.Subscription
		over := async(func() (err error) {
			s, err = c.Subscribe(t.Context(), mqtt.Filter{Filter: "a"}, mqtt.Filter{Filter: "b"}, mqtt.Filter{Filter: "c"})
			return err
		})
		in := mqtttest.Expect[packet.Subscribe](conn)
		conn.Send(&packet.Suback{ID: in.ID, Codes: []packet.ReasonCode{0, refusal, 0}})
		err := <-over
		refused, ok := errors.AsType[*mqtt.ReasonError](err)
		if !ok || refused.Code != refusal || len(refused.Codes) != 3 || len(refused.Filters) != 3 || refused.Filters[1] != "b" {
			t.Fatalf("%#v", err)
		}
		if text := err.Error(); !strings.Contains(text, `filter "b": `+refusal.String()) || strings.Contains(text, `filter "a"`) {
			t.Error(text)
		}
		if got := s.Filters(); len(got) != 2 || got[0] != "a" || got[1] != "c" {
			t.Errorf("granted %q", got)
		}
		conn.Send(message("b", "not ours", 0, 0), message("c", "ours", 0, 0))
		for m, err := range s.Messages(t.Context()) {
			if err != nil || m.Topic != "c" {
				t.Errorf("%+v, %v", m, err)
			}
			break
		}

		over = async(func() error {
			s, err := c.Subscribe(t.Context(), mqtt.Filter{Filter: "d"})
			if s != nil {
				t.Error("a subscription of which nothing was granted")
			}
			return err
		})
		in = mqtttest.Expect[packet.Subscribe](conn)
		conn.Send(&packet.Suback{ID: in.ID, Codes: []packet.ReasonCode{refusal}})
		wantErr(t, <-over, &mqtt.ReasonError{Packet: packet.SUBACK, Code: refusal})
	})
}

// Services with a limit get several packets; each filter is reported as if it had been one.
func TestSubscribeInSeveralPackets(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPeer(t)
		c, conn := connect(t, p, func(c *mqtt.Config) { c.Endpoint.Limits.FiltersPerSubscribe = 2 })
		var s *mqtt.Subscription
		over := async(func() (err error) {
			s, err = c.Subscribe(t.Context(), mqtt.Filter{Filter: "1"}, mqtt.Filter{Filter: "2"}, mqtt.Filter{Filter: "3"},
				mqtt.Filter{Filter: "4"}, mqtt.Filter{Filter: "5"})
			return err
		})
		for _, codes := range [][]packet.ReasonCode{{0, packet.NotAuthorized}, {0, 0}, {packet.QuotaExceeded}} {
			in := mqtttest.Expect[packet.Subscribe](conn)
			if len(in.Filters) != len(codes) {
				t.Fatalf("%+v", in)
			}
			conn.Send(&packet.Suback{ID: in.ID, Codes: codes})
		}
		err := <-over
		wantErr(t, err, &mqtt.ReasonError{Code: packet.NotAuthorized})
		wantErr(t, err, &mqtt.ReasonError{Code: packet.QuotaExceeded})
		if got := strings.Join(s.Filters(), " "); got != "1 3 4" {
			t.Errorf("granted %q", got)
		}
	})
}

// Conformance: MQTT-3.10.4-5, MQTT-3.11.3-1
func TestUnsubscribeRefused(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPeer(t)
		c, conn := connect(t, p)
		over := async(func() error { return c.Unsubscribe(t.Context(), "a", "b") })
		in := mqtttest.Expect[packet.Unsubscribe](conn)
		conn.Send(&packet.Unsuback{ID: in.ID, Codes: []packet.ReasonCode{packet.NoSubscriptionExisted, packet.NotAuthorized}})
		err := <-over
		wantErr(t, err, &mqtt.ReasonError{Packet: packet.UNSUBACK, Code: packet.NotAuthorized})
		want := `mqtt: unsubscribe "a, b": the broker refused with UNSUBACK: not authorized 0x87; filter "b": not authorized 0x87 (may have been sent)`
		if err.Error() != want {
			t.Errorf("got  %v\nwant %s", err, want)
		}
		over = async(func() error { return c.Unsubscribe(t.Context(), "a") })
		in = mqtttest.Expect[packet.Unsubscribe](conn)
		conn.Send(&packet.Unsuback{ID: in.ID, Codes: []packet.ReasonCode{packet.NoSubscriptionExisted}})
		if err := <-over; err != nil {
			t.Error(err)
		}
	})
}

// What can never be sent is refused at once, connected or not, and names the rule.
//
// Conformance: MQTT-3.3.2-2, MQTT-3.8.3-1, MQTT-3.8.3-2, MQTT-3.8.3-4, MQTT-3.10.3-1, MQTT-3.10.3-2
func TestInvalidRequests(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPeer(t)
		c := start(t, p)
		check := func(clause string, err error) {
			t.Helper()
			codec, ok := errors.AsType[*packet.Error](err)
			limit, ok2 := errors.AsType[*mqtt.LimitError](err)
			if !mqtt.NotSent(err) || !(ok && codec.Clause == clause || ok2 && limit.Clause == clause) {
				t.Errorf("%v, want %s", err, clause)
			}
		}
		try := func(p mqtt.Publish) error { _, err := c.Publish(t.Context(), p); return err }
		sub := func(f ...mqtt.Filter) error { _, err := c.Subscribe(t.Context(), f...); return err }
		check("MQTT-4.7.3-1", try(mqtt.Publish{}))
		check("MQTT-3.3.2-2", try(mqtt.Publish{Topic: "a/+"}))
		check("MQTT-1.5.4-2", try(mqtt.Publish{Topic: "a\x00b"}))
		check("MQTT-3.3.1-4", try(mqtt.Publish{Topic: "a", QoS: 3}))
		check("MQTT-3.3.2-14", try(mqtt.Publish{Topic: "a", ResponseTopic: "b/#"}))
		check("MQTT-1.5.4-1", try(mqtt.Publish{Topic: "\xff"}))
		check("3.3.2.3.4", try(mqtt.Publish{Topic: "a", TopicAlias: 1}))
		check("MQTT-4.7.1-1", sub(mqtt.Filter{Filter: "a/#/b"}))
		check("MQTT-4.7.1-2", sub(mqtt.Filter{Filter: "a/b+"}))
		check("MQTT-3.8.3-2", sub())
		check("MQTT-3.8.3-4", sub(mqtt.Filter{Filter: "$share/g/a", NoLocal: true}))
		check("MQTT-3.10.3-2", c.Unsubscribe(t.Context()))
		check("MQTT-4.7.1-1", c.Unsubscribe(t.Context(), "#/"))
		if err := c.PublishAsync(mqtt.Publish{Topic: "#"}, nil); !mqtt.NotSent(err) {
			t.Error(err)
		}
		conn, _ := p.Connect(&packet.Connack{})
		conn.ExpectSilence(time.Second)
	})
}

// What the broker's limits forbid costs the operation, not the connection.
//
// Conformance: MQTT-3.2.2-11, MQTT-3.2.2-14, MQTT-3.2.2-15
func TestBrokerLimits(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPeer(t)
		c := start(t, p)
		queued := publish(t.Context(), c, mqtt.Publish{Topic: "t", QoS: 2}) // before the limit is known
		synctest.Wait()
		conn, _ := p.Connect(&packet.Connack{MaximumQoS: packet.Some(packet.QoS1), RetainAvailable: packet.Some(false),
			MaximumPacketSize: 100, SharedAvailable: packet.Some(false), WildcardAvailable: packet.Some(false),
			SubscriptionIDAvailable: packet.Some(false)})
		connected(t, c)
		check := func(clause string, err error) {
			t.Helper()
			limit, ok := errors.AsType[*mqtt.LimitError](err)
			if !ok || limit.Clause != clause || !mqtt.NotSent(err) {
				t.Errorf("%v, want %s", err, clause)
			}
		}
		try := func(p mqtt.Publish) error { _, err := c.Publish(t.Context(), p); return err }
		sub := func(f string) error { _, err := c.Subscribe(t.Context(), mqtt.Filter{Filter: f}); return err }
		check("MQTT-3.2.2-11", (<-queued).err)
		check("MQTT-3.2.2-11", try(mqtt.Publish{Topic: "t", QoS: 2}))
		check("MQTT-3.2.2-14", try(mqtt.Publish{Topic: "t", Retain: true}))
		check("MQTT-3.2.2-15", try(mqtt.Publish{Topic: "t", Payload: make([]byte, 100)}))
		check("3.2.2.3.13", sub("$share/g/a"))
		check("3.2.2.3.11", sub("a/+"))
		check("MQTT-3.2.2-15", sub(strings.Repeat("x", 100)))
		s := subscribe(t, c, conn, mqtt.SubscribeOptions{}, mqtt.Filter{Filter: "plain"}) // without an identifier
		conn.Send(message("plain", "", 0, 0))
		for range s.Messages(t.Context()) {
			break
		}
	})
}

// Messages at QoS 0 are not kept while there is no connection, unless the policy says so.
func TestOffline(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		policy        mqtt.OfflinePolicy
		qos0, qos1, s bool
	}{
		"acknowledged": {mqtt.KeepAcknowledged, false, true, true},
		"all":          {mqtt.KeepAll, true, true, true},
		"publishes":    {mqtt.KeepPublishes, false, true, false},
		"none":         {mqtt.KeepNone, false, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				p := newPeer(t)
				c := start(t, p, func(c *mqtt.Config) { c.Offline = test.policy })
				run := func(kept bool, f func() error) {
					t.Helper()
					over := async(f)
					synctest.Wait()
					select {
					case err := <-over:
						if kept || !errors.Is(err, mqtt.ErrOffline) || !mqtt.NotSent(err) {
							t.Errorf("ended with %v", err)
						}
					default:
						if !kept {
							t.Error("kept")
						}
						t.Cleanup(func() { wantErr(t, <-over, mqtt.ErrClosed) })
					}
				}
				run(test.qos0, func() error { _, err := c.Publish(t.Context(), mqtt.Publish{Topic: "t"}); return err })
				run(test.qos1, func() error { _, err := c.Publish(t.Context(), mqtt.Publish{Topic: "t", QoS: 1}); return err })
				run(test.s, func() error { return c.Unsubscribe(t.Context(), "t") })
				c.Close()
			})
		})
	}
}

// F10: every operation ends exactly once when the client is closed, with words that say so.
func TestCloseEndsEverything(t *testing.T) {
	both(t, func(t *testing.T, version packet.Version) {
		p := newPeer(t)
		c, conn := connect(t, p, v(version))
		s := subscribe(t, c, conn, mqtt.SubscribeOptions{}, mqtt.Filter{Filter: "f"})
		looping := make(chan error, 1)
		go func() {
			for _, err := range s.Messages(t.Context()) {
				looping <- err
			}
		}()
		over := publish(t.Context(), c, mqtt.Publish{Topic: "t", QoS: 1})
		mqtttest.Expect[packet.Publish](conn)
		calls := make(chan error, 10)
		if err := c.PublishAsync(mqtt.Publish{Topic: "t", QoS: 2}, func(_ mqtt.PublishResult, err error) { calls <- err }); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		c.Close()
		gone(t, c)
		for _, err := range []error{<-looping, (<-over).err, <-calls} {
			wantErr(t, err, mqtt.ErrClosed)
		}
		if len(calls) != 0 {
			t.Error("a callback was called twice")
		}
		for range s.Messages(t.Context()) { // another loop hears of it as well
			calls <- nil
		}
		if len(calls) != 1 {
			t.Error("a loop over a closed client says nothing")
		}
		_, err := c.Publish(t.Context(), mqtt.Publish{Topic: "t"})
		wantErr(t, err, mqtt.ErrClosed)
		_, err = c.Subscribe(t.Context(), mqtt.Filter{Filter: "f"})
		wantErr(t, err, mqtt.ErrClosed)
		_, err = c.SubscribeWith(t.Context(), mqtt.SubscribeOptions{Local: true}, mqtt.Filter{Filter: "f"})
		wantErr(t, err, mqtt.ErrClosed)
	})
}

// F47: a loss is told once, with its cause.
func TestConnectionLossIsToldOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		for name, test := range map[string]struct {
			end  func(*mqtttest.Conn)
			want error
		}{
			"close":      {(*mqtttest.Conn).Close, mqtt.ErrConnectionLost},
			"reset":      {(*mqtttest.Conn).Cut, mqtt.ErrConnectionLost},
			"disconnect": {func(c *mqtttest.Conn) { c.Send(&packet.Disconnect{Code: packet.ServerBusy}); c.Close() }, &mqtt.ReasonError{Packet: packet.DISCONNECT, Code: packet.ServerBusy}},
			"nonsense":   {func(c *mqtttest.Conn) { c.SendBytes([]byte{0xff, 0xff, 0xff, 0xff, 0xff}); c.Next(); c.Close() }, &mqtt.ProtocolError{Code: packet.MalformedPacket}},
			"half a packet": {func(c *mqtttest.Conn) { c.SendBytes([]byte{0x30, 10, 0}); c.Close() },
				mqtt.ErrConnectionLost},
		} {
			p := newPeer(t)
			told := make(chan error, 10)
			_, conn := connect(t, p, func(c *mqtt.Config) {
				c.Trace = &mqtt.Trace{Disconnected: func(err error) { told <- err }}
			})
			test.end(conn)
			err := <-told
			if !errors.Is(err, test.want) {
				t.Errorf("%s: %v", name, err)
			}
			if errors.Is(err, io.EOF) {
				t.Errorf("%s: %v is not for users", name, err)
			}
			synctest.Wait()
			if len(told) != 0 {
				t.Errorf("%s: told twice", name)
			}
		}
	})
}
