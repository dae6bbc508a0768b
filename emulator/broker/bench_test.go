package broker_test

import (
	"fmt"
	"testing"

	"github.com/gneiss-mqtt/gneiss-go/core/packet"
	"github.com/gneiss-mqtt/gneiss-go/emulator/broker"
)

// rig is a broker with clients that take everything at once.
type rig struct {
	tb    testing.TB
	b     *broker.Broker
	spare []byte
	ready []broker.ConnID
	bytes int
}

func newRig(tb testing.TB, o broker.Options) *rig {
	tb.Helper()
	b, err := broker.New(o)
	if err != nil {
		tb.Fatal(err)
	}
	return &rig{tb: tb, b: b}
}

// client connects and, where filter is not empty, subscribes.
func (r *rig) client(id, filter string, qos packet.QoS, v packet.Version) broker.ConnID {
	conn := r.b.Open(0, broker.ConnInfo{})
	data, err := (&packet.Connect{ClientID: id, CleanStart: true}).Append(nil, v)
	if err != nil {
		r.tb.Fatal(err)
	}
	if filter != "" {
		s := packet.Subscribe{ID: 1, Filters: []packet.Filter{{Filter: filter, QoS: qos}}}
		if data, err = s.Append(data, v); err != nil {
			r.tb.Fatal(err)
		}
	}
	r.b.Receive(0, conn, data)
	r.flush()
	return conn
}

// flush takes all output, as a network that is never full.
func (r *rig) flush() {
	r.ready = r.b.TakeReady(r.ready[:0])
	for _, id := range r.ready {
		out, closing := r.b.TakeOut(id, r.spare)
		if closing {
			r.tb.Fatal("a connection was closed")
		}
		r.bytes += len(out)
		r.b.Written(0, id, len(out))
		r.spare = out
	}
}

// batch encodes n publishes with packet identifiers from 1.
func (r *rig) batch(n int, qos packet.QoS, v packet.Version) []byte {
	var data []byte
	for i := range n {
		p := packet.Publish{Topic: "bench/topic/1", QoS: qos, Payload: make([]byte, 64)}
		if qos > 0 {
			p.ID = uint16(i + 1)
		}
		var err error
		if data, err = p.Append(data, v); err != nil {
			r.tb.Fatal(err)
		}
	}
	return data
}

const batchSize = 500

// BenchmarkFanThrough sends QoS 0 messages of 64 bytes through to a number of subscribers; one operation is one message
// received by the broker.
func BenchmarkFanThrough(b *testing.B) {
	for _, subscribers := range []int{1, 10, 100} {
		b.Run(fmt.Sprintf("subscribers=%d", subscribers), func(b *testing.B) {
			r := newRig(b, broker.Options{})
			pub := r.client("p", "", 0, packet.V5)
			for i := range subscribers {
				r.client(fmt.Sprint(i), "bench/+/1", 0, packet.V5)
			}
			data := r.batch(batchSize, 0, packet.V5)
			b.ReportAllocs()
			for n := 0; n < b.N; n += batchSize {
				r.b.Receive(0, pub, data)
				r.flush()
			}
			b.ReportMetric(float64(b.N*subscribers)/b.Elapsed().Seconds(), "deliveries/s")
		})
	}
}

// BenchmarkAcknowledged sends messages at QoS 1 and 2 to a subscriber at the same QoS that acknowledges them.
func BenchmarkAcknowledged(b *testing.B) {
	for _, qos := range []packet.QoS{packet.QoS1, packet.QoS2} {
		b.Run(fmt.Sprintf("qos=%d", qos), func(b *testing.B) {
			r := newRig(b, broker.Options{})
			pub := r.client("p", "", 0, packet.V5)
			sub := r.client("s", "bench/#", qos, packet.V5)
			data := r.batch(batchSize, qos, packet.V5)
			next := uint16(0)
			b.ReportAllocs()
			var acks []byte
			for n := 0; n < b.N; n += batchSize {
				r.b.Receive(0, pub, data)
				r.flush()
				acks = acks[:0]
				for i := range batchSize {
					if next++; next == 0 {
						next++
					}
					if qos == packet.QoS1 {
						acks = append(acks, 0x40, 2, byte(next>>8), byte(next))
						continue
					}
					acks = append(acks, 0x50, 2, byte(next>>8), byte(next))
					acks = append(acks, 0x70, 2, byte(next>>8), byte(next))
					id := i + 1
					r.b.Receive(0, pub, []byte{0x62, 2, byte(id >> 8), byte(id)})
				}
				r.b.Receive(0, sub, acks)
				r.flush()
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "deliveries/s")
		})
	}
}
