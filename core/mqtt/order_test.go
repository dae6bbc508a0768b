package mqtt_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// F08: the order of one subscription is kept, whatever its handler does.
func TestOrderPerSubscription(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPeer(t)
		c, conn := connect(t, p)
		var got []string
		subscribe(t, c, conn, mqtt.SubscribeOptions{Handler: func(m mqtt.Message) {
			if len(got)%7 == 0 {
				time.Sleep(time.Millisecond)
			}
			got = append(got, string(m.Payload))
		}}, mqtt.Filter{Filter: "t/#", QoS: 2})
		id := uint16(0)
		for i := range 300 {
			qos := packet.QoS(i % 3)
			m := message(fmt.Sprintf("t/%d", i%5), fmt.Sprint(i), qos, 0)
			if qos > 0 {
				id++
				m.ID = id
			}
			conn.Send(m)
			if i%10 == 9 {
				time.Sleep(time.Duration(i%4) * time.Millisecond)
			}
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		for i, payload := range got {
			if payload != fmt.Sprint(i) {
				t.Fatalf("message %d is %s", i, payload)
			}
		}
		if len(got) != 300 {
			t.Errorf("%d messages", len(got))
		}
	})
}

// A handler may keep its message: nothing of it is used again.
func TestMessageIsTheHandlersOwn(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPeer(t)
		c, conn := connect(t, p)
		var kept []mqtt.Message
		subscribe(t, c, conn, mqtt.SubscribeOptions{Handler: func(m mqtt.Message) { kept = append(kept, m) }}, mqtt.Filter{Filter: "#"})
		for i := range 500 {
			m := message(fmt.Sprintf("t/%d", i), fmt.Sprintf("payload %d", i), 0, 0)
			if i%3 == 0 {
				m.CorrelationData, m.ContentType, m.ResponseTopic = []byte(fmt.Sprintf("token %d", i)), fmt.Sprint(i), "r"
				m.UserProperties = []packet.UserProperty{{Key: "k", Value: fmt.Sprint(i)}}
				m.MessageExpiry = packet.Some(uint32(i))
			}
			conn.Send(m)
			if i%50 == 0 {
				synctest.Wait()
			}
		}
		synctest.Wait()
		for i, m := range kept {
			rich := i%3 == 0
			if m.Topic != fmt.Sprintf("t/%d", i) || string(m.Payload) != fmt.Sprintf("payload %d", i) ||
				rich != (string(m.Correlation) == fmt.Sprintf("token %d", i)) || rich != (m.ContentType == fmt.Sprint(i)) ||
				rich != (len(m.User) == 1 && m.User[0].Value == fmt.Sprint(i)) || rich != (m.ResponseTopic == "r") ||
				!rich && m.Expiry != 0 || rich && m.Expiry != time.Duration(i)*time.Second {
				t.Fatalf("message %d: %+v", i, m)
			}
		}
		if len(kept) != 500 {
			t.Errorf("%d messages", len(kept))
		}
	})
}

// Borrowed payloads are right even after a handler has ended its goroutine, with others waiting.
func TestBorrowAfterGoexit(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPeer(t)
		c, conn := connect(t, p)
		n := 0
		subscribe(t, c, conn, mqtt.SubscribeOptions{Borrow: true, Handler: func(m mqtt.Message) {
			want := fmt.Sprintf("payload %d", n)
			if n++; string(m.Payload) != want {
				t.Errorf("%q, want %q", m.Payload, want)
			}
			time.Sleep(time.Millisecond) // meanwhile others arrive
			if n%3 == 0 {
				runtime.Goexit()
			}
		}}, mqtt.Filter{Filter: "t"})
		for i := range 200 {
			conn.Send(message("t", fmt.Sprintf("payload %d", i), 0, 0))
			if i%10 == 9 {
				time.Sleep(5 * time.Millisecond)
			}
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if n != 200 {
			t.Errorf("%d messages", n)
		}
	})
}

// Borrowed payloads are right while the handler runs.
func TestBorrow(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPeer(t)
		c, conn := connect(t, p)
		n := 0
		subscribe(t, c, conn, mqtt.SubscribeOptions{Borrow: true, Handler: func(m mqtt.Message) {
			want := strings.Repeat(fmt.Sprint(n), n%50)
			if n%20 == 0 {
				time.Sleep(time.Millisecond) // meanwhile others arrive
			}
			if string(m.Payload) != want {
				t.Errorf("message %d: %q", n, m.Payload)
			}
			n++
		}}, mqtt.Filter{Filter: "t"})
		for i := range 1000 {
			conn.Send(message("t", strings.Repeat(fmt.Sprint(i), i%50), 0, 0))
			if i%100 == 0 {
				time.Sleep(500 * time.Microsecond)
			}
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if n != 1000 {
			t.Errorf("%d messages", n)
		}
	})
}
