package mqtt_test

import (
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/mqtttest"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// F74: everything that a message may have goes through the store as it was, at either QoS: the next process sends what this
// one would have sent.
func TestStoredMessagesAreTheSame(t *testing.T) {
	both(t, func(t *testing.T, version packet.Version) {
		var list []mqtt.Publish
		user := []packet.UserProperty{{Key: "b", Value: "1"}, {Key: "", Value: ""}, {Key: "b", Value: "3"}}
		for i := range 1 << 8 { // each combination of what there is
			has := func(bit int) bool { return i>>bit&1 == 1 }
			p := mqtt.Publish{Topic: fmt.Sprint("topic/", i), QoS: packet.QoS(1 + i&1), Retain: has(1)}
			if has(2) {
				p.Payload = []byte("täxt")
			}
			if has(3) {
				p.Expiry = time.Hour
			}
			if has(4) {
				p.PayloadFormat = packet.FormatUTF8
			}
			if has(5) {
				p.ContentType, p.ResponseTopic = "type", "response/topic"
			}
			if has(6) {
				p.Correlation = []byte{0, 1, 255}
			}
			if has(7) {
				p.User = user
			}
			list = append(list, p)
		}
		send := func(restart bool) (sent []packet.Publish) {
			d := newDisk(t)
			p := newPeer(t)
			c := start(t, p, v(version), d.lasting)
			for _, m := range list {
				if err := c.Enqueue(t.Context(), m); err != nil {
					t.Fatal(err)
				}
			}
			if restart {
				d = d.after()
				c.Close()
				gone(t, c)
				p = newPeer(t)
				start(t, p, v(version), d.lasting)
			}
			conn, _ := p.Connect(&packet.Connack{})
			for len(sent) < len(list) {
				in := conn.Next()
				conn.Send(mqtttest.Answer(conn, in)...)
				if m, ok := in.(*packet.Publish); ok {
					m.ID = 0
					sent = append(sent, *m)
				}
			}
			return sent
		}
		want, got := send(false), send(true)
		for i := range want {
			if !reflect.DeepEqual(got[i], want[i]) {
				t.Errorf("%+v, want %+v", got[i], want[i])
			}
			if want[i].QoS != list[i].QoS || want[i].Retain != list[i].Retain || want[i].Topic != list[i].Topic {
				t.Errorf("%+v, want %+v", want[i], list[i])
			}
		}
	})
}
