package emulator_test

import (
	"io"
	"net"
	"testing"

	"github.com/gneiss-mqtt/gneiss-go/core/packet"
	"github.com/gneiss-mqtt/gneiss-go/emulator"
	"github.com/gneiss-mqtt/gneiss-go/emulator/broker"
	"github.com/gneiss-mqtt/gneiss-go/emulator/memnet"
)

// BenchmarkServer sends QoS 0 messages of 64 bytes from one client through to another, goroutines, locks and network
// included. One operation is one message.
func BenchmarkServer(b *testing.B) {
	for _, name := range []string{"tcp", "mem"} {
		b.Run(name, func(b *testing.B) {
			o := emulator.Options{Profile: emulator.Generic, Limits: broker.Limits{OutBuffer: 64 << 20}} // nothing is dropped
			if name == "mem" {
				o.Mem = memnet.New(memnet.Link{Buffer: 1 << 20}, 1)
			}
			s := start(b, o)
			sub, _ := connect(b, s, packet.Connect{ClientID: "sub", CleanStart: true})
			sub.subscribe(0, "bench/+/1")
			pub, _ := connect(b, s, packet.Connect{ClientID: "pub", CleanStart: true})
			one, err := (&packet.Publish{Topic: "bench/topic/1", Payload: make([]byte, 64)}).Append(nil, packet.V5)
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(len(one)))
			b.ReportAllocs()
			b.ResetTimer()
			go write(pub.conn, one, b.N)
			if _, err := io.CopyN(io.Discard, sub.conn, int64(b.N*len(one))); err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "messages/s")
		})
	}
}

// write sends a message n times, in large pieces.
func write(conn net.Conn, one []byte, n int) {
	const piece = 500
	var batch []byte
	for range piece {
		batch = append(batch, one...)
	}
	for ; n > 0; n -= piece {
		if _, err := conn.Write(batch[:len(one)*min(n, piece)]); err != nil {
			return
		}
	}
}
