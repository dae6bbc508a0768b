package interop

import (
	"sync"
	"testing"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// inbox keeps what a subscription brings, in order.
type inbox struct {
	*mqtt.Subscription

	mu      sync.Mutex
	list    []mqtt.Message
	arrived chan struct{}
}

func newInbox() *inbox { return &inbox{arrived: make(chan struct{}, 1)} }

func (i *inbox) handle(m mqtt.Message) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.list = append(i.list, m)
	select {
	case i.arrived <- struct{}{}:
	default:
	}
}

// first takes the first message, where there is one.
func (i *inbox) first() (m mqtt.Message, ok bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if len(i.list) == 0 {
		return m, false
	}
	m, i.list = i.list[0], i.list[1:]
	return m, true
}

// subscribe subscribes at one QoS.
func (d *device) subscribe(t testing.TB, qos packet.QoS, filters ...string) *inbox {
	t.Helper()
	list := make([]mqtt.Filter, len(filters))
	for i, f := range filters {
		list[i] = mqtt.Filter{Filter: f, QoS: qos}
	}
	return d.subscribeWith(t, list...)
}

func (d *device) subscribeWith(t testing.TB, filters ...mqtt.Filter) *inbox {
	t.Helper()
	i := newInbox()
	var err error
	i.Subscription, err = d.SubscribeFunc(within(t), i.handle, filters...)
	must(t, err)
	return i
}

// next waits for a message.
func (i *inbox) next(t testing.TB) mqtt.Message {
	t.Helper()
	if m, ok := i.first(); ok {
		return m
	}
	late := time.NewTimer(limit)
	defer late.Stop()
	for {
		select {
		case <-i.arrived:
			if m, ok := i.first(); ok {
				return m
			}
		case <-late.C:
			t.Fatalf("no message after %v", limit)
		}
	}
}

// want waits for exactly these payloads, in this order.
func (i *inbox) want(t testing.TB, payloads ...string) {
	t.Helper()
	for n, want := range payloads {
		if got := i.next(t); string(got.Payload) != want {
			t.Fatalf("message %d of %d is %.60q at QoS %d (duplicate: %t), want %.60q", n+1, len(payloads), got.Payload, got.QoS, got.Duplicate, want)
		}
	}
}

// wantIn is want, or, where the order is not kept, waits for each of these payloads once.
func (i *inbox) wantIn(t testing.TB, order bool, payloads ...string) {
	t.Helper()
	if order {
		i.want(t, payloads...)
		return
	}
	got := i.take(t, len(payloads))
	for _, payload := range payloads {
		if n := got[payload]; n != 1 {
			t.Errorf("%s came %d times", payload, n)
		}
	}
}

// take waits for n messages and returns how often each payload came.
func (i *inbox) take(t testing.TB, n int) map[string]int {
	t.Helper()
	got := make(map[string]int)
	for range n {
		got[string(i.next(t).Payload)]++
	}
	return got
}

// end sends one more message and fails the test where something else comes before it. The order of messages of one
// topic and QoS is kept, so that nothing else can be under way.
func (i *inbox) end(t testing.TB, from *device, qos packet.QoS, topic string) {
	t.Helper()
	from.publish(t, qos, topic, "the end")
	if m := i.next(t); string(m.Payload) != "the end" {
		t.Errorf("one message too many: %.60q on %s at QoS %d (duplicate: %t)", m.Payload, m.Topic, m.QoS, m.Duplicate)
	}
}

// holds waits until so many messages wait here.
func (i *inbox) holds(t testing.TB, n int) {
	t.Helper()
	eventually(t, itoa(n)+" messages have come", func() bool {
		i.mu.Lock()
		defer i.mu.Unlock()
		return len(i.list) >= n
	})
}

// empty fails the test where something has come.
func (i *inbox) empty(t testing.TB) {
	t.Helper()
	if m, ok := i.first(); ok {
		t.Errorf("one message too many: %.60q on %s at QoS %d (duplicate: %t)", m.Payload, m.Topic, m.QoS, m.Duplicate)
	}
}
