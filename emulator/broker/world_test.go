package broker_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/packet"
	"github.com/gneiss-mqtt/gneiss-go/emulator/broker"
)

// world is a broker, devices and links that cut, split and delay, all from one seed.
type world struct {
	t       *testing.T
	random  *rand.Rand
	b       *broker.Broker
	now     broker.Instant
	devices []*device
	byConn  map[broker.ConnID]*device
	sent    []*note // every message ever
}

// TestRandomWorlds plays random worlds and checks after each what the qualities of service promise: QoS 2 exactly once,
// QoS 1 at least once, order by topic, publisher and QoS; and at every step packet identifiers, receive maximum,
// topic aliases and wake times.
func TestRandomWorlds(t *testing.T) {
	seeds := 40
	if testing.Short() {
		seeds = 10
	}
	for seed := range uint64(seeds) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			playWorld(t, seed)
		})
	}
}

func playWorld(t *testing.T, seed uint64) {
	w := &world{t: t, random: rand.New(rand.NewPCG(seed, 7)), byConn: map[broker.ConnID]*device{}}
	o := broker.Options{Random: rand.NewPCG(seed, 8)}
	o.Limits.ReceiveMaximum = uint16(1 + w.random.IntN(20))
	o.Limits.OutBuffer = 200 + w.random.IntN(2000)
	o.Limits.ConnectTimeout, o.Limits.WriteTimeout = time.Hour, time.Hour // devices may be slow without being gone
	b, err := broker.New(o)
	if err != nil {
		t.Fatal(err)
	}
	w.b = b
	versions := []packet.Version{packet.V5, packet.V311}
	for i := range 2 + w.random.IntN(3) {
		w.newDevice(fmt.Sprintf("pub%d", i), versions[w.random.IntN(2)])
	}
	for i := range 2 + w.random.IntN(4) {
		filters := []packet.Filter{{Filter: "t/#", QoS: packet.QoS2}}
		if w.random.IntN(2) == 0 {
			filters = append(filters, packet.Filter{Filter: "t/1", QoS: packet.QoS(w.random.IntN(3))})
		}
		w.newDevice(fmt.Sprintf("sub%d", i), versions[w.random.IntN(2)], filters...)
	}
	w.settle(func(d *device) bool { return d.subscribe || len(d.filters) == 0 })
	for range 3000 {
		w.step()
	}
	w.settle(func(d *device) bool {
		return d.up && len(d.outbox)+len(d.sent)+len(d.toBroker)+len(d.toDevice)+len(d.acks) == 0
	})
	w.check()
}

// step does one random thing.
func (w *world) step() {
	d := w.devices[w.random.IntN(len(w.devices))]
	switch n := w.random.IntN(100); {
	case n < 30:
		w.compose(d)
	case n < 45:
		d.publishNext()
	case n < 60:
		w.carryUp(d, true)
	case n < 75:
		w.carryDown(d, true)
	case n < 85:
		d.flushAcks(1 + w.random.IntN(3))
	case n < 90:
		w.advance(time.Duration(w.random.IntN(2000)) * time.Millisecond)
	case n < 92:
		d.lose()
	default:
		if d.conn == 0 {
			d.dial()
		}
	}
}

// compose puts a message into a publisher's outbox.
func (w *world) compose(d *device) {
	if len(d.filters) > 0 || len(d.outbox) > 50 {
		return
	}
	topic := fmt.Sprintf("t/%d", w.random.IntN(3))
	n := &note{topic: topic, text: fmt.Sprintf("%s %d %s", d.name, len(w.sent)+1, topic), qos: packet.QoS(w.random.IntN(3))}
	d.outbox = append(d.outbox, n)
	w.sent = append(w.sent, n)
}

// carryUp moves bytes from a device to the broker, all or a part.
func (w *world) carryUp(d *device, part bool) {
	n := len(d.toBroker)
	if d.conn == 0 || n == 0 {
		return
	}
	if part {
		n = 1 + w.random.IntN(n)
	}
	p := d.toBroker[:n]
	d.toBroker = d.toBroker[n:]
	w.b.Receive(w.now, d.conn, p)
	w.collect()
}

// carryDown moves bytes to a device, which tells the broker that they have left.
func (w *world) carryDown(d *device, part bool) {
	n := len(d.toDevice)
	if d.conn == 0 || n == 0 {
		return
	}
	if part {
		n = 1 + w.random.IntN(n)
	}
	d.take(n)
	w.b.Written(w.now, d.conn, n)
	w.collect()
}

// collect takes the broker's output.
func (w *world) collect() {
	for _, id := range w.b.TakeReady(nil) {
		out, closing := w.b.TakeOut(id, nil)
		d := w.byConn[id]
		if d == nil {
			if len(out) > 0 {
				w.t.Fatalf("output for connection %d, which is closed", id)
			}
			continue
		}
		d.toDevice = append(d.toDevice, out...)
		if closing {
			w.t.Fatalf("the broker closes %s: % x", d.name, d.toDevice)
		}
	}
}

// advance lets time pass. Devices keep their connections alive.
func (w *world) advance(by time.Duration) {
	for _, d := range w.devices {
		if d.up {
			d.send(&packet.Pingreq{})
			w.carryUp(d, false)
		}
	}
	to := w.now.Add(by)
	for {
		at, ok := w.b.NextWake()
		if !ok || at > to {
			break
		}
		w.now = max(w.now, at)
		w.b.Wake(w.now)
		if next, ok := w.b.NextWake(); ok && next <= w.now {
			w.t.Fatalf("wake time %d is not after %d", next, w.now)
		}
		w.collect()
	}
	w.now = to
}

// settle lets everything arrive until every device satisfies done.
func (w *world) settle(done func(*device) bool) {
	for range 10_000 {
		if !slices.ContainsFunc(w.devices, func(d *device) bool { return !done(d) }) {
			return
		}
		for _, d := range w.devices {
			if d.conn == 0 {
				d.dial()
			}
			d.publishNext()
			w.carryUp(d, false)
			w.carryDown(d, false)
			d.flushAcks(len(d.acks))
		}
		w.collect()
	}
	w.t.Fatal("the world does not come to rest")
}

// check compares what was sent with what has arrived.
func (w *world) check() {
	delivered := 0
	for _, n := range w.sent {
		if n.qos > 0 && !n.acked {
			w.t.Errorf("%q at QoS %d was never acknowledged", n.text, n.qos)
		}
		for _, d := range w.devices {
			if len(d.filters) == 0 {
				continue
			}
			got := d.got[n.text]
			delivered += got
			switch { // t/# is subscribed at QoS 2, so the publisher's QoS decides
			case n.qos == packet.QoS2 && got != 1:
				w.t.Errorf("%s got %q %d times, want exactly once", d.name, n.text, got)
			case n.qos == packet.QoS1 && got < 1:
				w.t.Errorf("%s never got %q", d.name, n.text)
			case n.qos == packet.QoS0 && got > 1:
				w.t.Errorf("%s got %q at QoS 0 %d times", d.name, n.text, got)
			}
		}
	}
	if delivered < 100 {
		w.t.Errorf("only %d messages were delivered: the test shows nothing", delivered)
	}
	for _, c := range w.b.Clients() {
		if c.Waiting+c.Inflight > 0 {
			w.t.Errorf("%s still has %d waiting and %d in flight", c.ID, c.Waiting, c.Inflight)
		}
	}
}
