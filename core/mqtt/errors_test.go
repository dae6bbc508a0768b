package mqtt_test

import (
	"errors"
	"fmt"
	"io"
	"testing"
	"testing/synctest"

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
