package mqttws_test

import (
	"bytes"
	"fmt"
	"testing"
)

// BenchmarkRead measures the way from the socket to the client, for frames of one packet and for full ones.
func BenchmarkRead(b *testing.B) {
	for _, size := range []int{64, 1 << 10, 32 << 10} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			wire := bytes.Repeat(frame(fin|opBinary, make([]byte, size)), max(1, 64<<10/size))
			conn := dial(b, serveWS(b, func(s *side) {
				for {
					if _, err := s.Write(wire); err != nil {
						return
					}
				}
			}))
			b.SetBytes(int64(size))
			b.ReportAllocs()
			buf := make([]byte, 64<<10)
			n := 0
			for b.Loop() {
				for n < size {
					m, err := conn.Read(buf)
					if err != nil {
						b.Fatal(err)
					}
					n += m
				}
				n -= size
			}
		})
	}
}

// BenchmarkWrite measures the other way.
func BenchmarkWrite(b *testing.B) {
	for _, size := range []int{64, 1 << 10, 64 << 10} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			conn := dial(b, serveWS(b, (*side).drain))
			b.SetBytes(int64(size))
			b.ReportAllocs()
			p := make([]byte, size)
			for b.Loop() {
				if _, err := conn.Write(p); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
