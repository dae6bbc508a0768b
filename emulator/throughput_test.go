package emulator_test

import (
	"testing"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/packet"
	"github.com/gneiss-mqtt/gneiss-go/emulator"
	"github.com/gneiss-mqtt/gneiss-go/emulator/iotcore"
)

// TestThroughput: what is beyond 512 KiB in a second waits, each way, and nothing of it is lost.
func TestThroughput(t *testing.T) {
	t.Parallel()
	inBubble(t, emulator.Options{}, func(t *testing.T, s *emulator.Server) {
		const messages, size, rate = 24, 128 << 10, 512 << 10
		// A second's worth passes at once.
		least := time.Duration(messages*size-rate) * time.Second / rate

		from, to := dial(t, s, packet.V5), dial(t, s, packet.V5)
		from.connect(packet.Connect{ClientID: "from", CleanStart: true})
		to.connect(packet.Connect{ClientID: "to", CleanStart: true})
		to.subscribe(1, "out")
		began := time.Now()
		for i := range messages {
			from.send(&packet.Publish{Topic: "in", QoS: 1, ID: uint16(i + 1), Payload: make([]byte, size)})
			if ack := expect[*packet.Puback](from); ack.Code.Failed() {
				t.Fatalf("message %d: %s", i, ack.Code)
			}
		}
		if took := time.Since(began); took < least || took > least+2*time.Second {
			t.Errorf("sending took %v, want %v", took, least)
		}

		for range messages {
			if err := s.Publish(packet.Publish{Topic: "out", QoS: 1, Payload: make([]byte, size)}); err != nil {
				t.Fatal(err)
			}
		}
		began = time.Now()
		for range messages {
			if p := expect[*packet.Publish](to); len(p.Payload) != size {
				t.Errorf("%d bytes", len(p.Payload))
			}
		}
		if took := time.Since(began); took < least-time.Second || took > least+2*time.Second {
			t.Errorf("receiving took %v, want %v", took, least)
		}
	})
}

// TestThroughputIsLifted: without the quota nothing waits, and a connection that waits ends with its server.
func TestThroughputIsLifted(t *testing.T) {
	t.Parallel()
	inBubble(t, emulator.Options{IoT: iotcore.Options{Quotas: iotcore.NoQuotas()}}, func(t *testing.T, s *emulator.Server) {
		c := dial(t, s, packet.V5)
		c.connect(packet.Connect{ClientID: "c", CleanStart: true})
		began := time.Now()
		for i := range 100 {
			c.send(&packet.Publish{Topic: "t", QoS: 1, ID: uint16(i + 1), Payload: make([]byte, 64<<10)})
			expect[*packet.Puback](c)
		}
		if took := time.Since(began); took != 0 {
			t.Errorf("it took %v", took)
		}
	})
	inBubble(t, emulator.Options{IoT: iotcore.Options{Quotas: iotcore.Quotas{Throughput: 1}}}, func(t *testing.T, s *emulator.Server) {
		c := dial(t, s, packet.V5)
		c.send(&packet.Connect{Version: packet.V5, ClientID: "c", CleanStart: true})
		time.Sleep(3 * time.Second)
		began := time.Now()
		if err := s.Kill(); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took > time.Minute {
			t.Errorf("killing it took %v", took)
		}
	})
}
