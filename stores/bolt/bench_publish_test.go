package boltstore_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/mqtttest"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// BenchmarkPublish measures what a durable session costs a program: callers publish messages of 100 bytes at QoS 1, each
// waiting for its acknowledgement, to a broker in memory that acknowledges at once. Every message is stored before it is
// sent and deleted when it is acknowledged. "memory" keeps nothing; "append" writes what it is given to the end of a
// file, syncs, and could not read it again. All that comes while the disk is busy shares the next sync, so that more
// callers cost no more syncs: "msgs/sync" says how many shared one.
//
// Run it in a folder on the disk in question, with TMPDIR:
//
//	TMPDIR=. go test ./stores/bolt -run '^$' -bench Publish
func BenchmarkPublish(b *testing.B) {
	for _, callers := range []int{1, 10, 100, 1000} {
		b.Run(fmt.Sprintf("callers=%d/store=memory", callers), func(b *testing.B) { publish(b, callers, nil) })
		b.Run(fmt.Sprintf("callers=%d/store=append", callers), func(b *testing.B) {
			f, err := os.Create(filepath.Join(b.TempDir(), "append"))
			if err != nil {
				b.Fatal(err)
			}
			publish(b, callers, appender{f})
		})
		for _, st := range stores {
			b.Run(fmt.Sprintf("callers=%d/store=%s", callers, st.name), func(b *testing.B) {
				s, err := st.open(b.TempDir(), false)
				if err != nil {
					b.Fatal(err)
				}
				publish(b, callers, s)
			})
		}
	}
}

// appender is what a disk does without a format.
type appender struct{ f *os.File }

func (s appender) Load(func(uint64, []byte) error) error { return nil }

func (s appender) Apply(changes []mqtt.Change) error {
	var p []byte
	for _, c := range changes {
		p = append(binary.AppendUvarint(p, c.Key), c.Value...)
	}
	if _, err := s.f.Write(p); err != nil {
		return err
	}
	return s.f.Sync()
}

func (s appender) Close() error { return s.f.Close() }

// counted counts the calls that end with a sync.
type counted struct {
	mqtt.SessionStore
	applies atomic.Int64
}

func (s *counted) Apply(changes []mqtt.Change) error {
	s.applies.Add(1)
	return s.SessionStore.Apply(changes)
}

func publish(b *testing.B, callers int, store mqtt.SessionStore) {
	cfg := mqtt.Config{ClientID: "bench", SessionExpiry: time.Hour, Endpoint: mqtt.Endpoint{
		Dial: func(context.Context) (net.Conn, error) {
			client, broker := mqtttest.Pipe(0)
			go acknowledge(broker)
			return client, nil
		}}}
	counts := new(counted)
	if store != nil {
		counts.SessionStore = store
		cfg.Session = counts
	}
	c, err := mqtt.New(cfg)
	if err != nil {
		b.Fatal(err)
	}
	defer func() {
		c.Close()
		<-c.Done()
	}()
	if err := c.Start(); err != nil {
		b.Fatal(err)
	}
	if _, err := c.Connected(b.Context()); err != nil {
		b.Fatal(err)
	}
	var left atomic.Int64
	left.Store(int64(b.N))
	payload := make([]byte, 100)
	before := counts.applies.Load()
	b.ResetTimer()
	var wg sync.WaitGroup
	for range callers {
		wg.Go(func() {
			for left.Add(-1) >= 0 {
				if _, err := c.Publish(b.Context(), mqtt.Publish{Topic: "bench", Payload: payload, QoS: packet.QoS1}); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "msgs/s")
	if n := counts.applies.Load() - before; n > 0 {
		b.ReportMetric(float64(b.N)/float64(n), "msgs/sync")
	}
}

// acknowledge is a broker that accepts everything.
func acknowledge(conn net.Conn) {
	defer conn.Close()
	var framer packet.Framer
	buf, out := make([]byte, 64<<10), []byte(nil)
	d := packet.Decoder{Version: packet.V5}
	var pub packet.Publish
	for {
		n, err := conn.Read(buf)
		if err != nil {
			return
		}
		out = out[:0]
		for in := buf[:n]; ; {
			f, rest, ok, err := framer.Next(in)
			if err != nil || !ok {
				break
			}
			in = rest
			switch f.Type() {
			case packet.CONNECT:
				out, _ = new(packet.Connack).Append(out, packet.V5)
			case packet.PUBLISH:
				if pub.Decode(f, &d) == nil {
					out = append(out, byte(packet.PUBACK)<<4, 2, byte(pub.ID>>8), byte(pub.ID))
				}
			}
		}
		if _, err := conn.Write(out); err != nil {
			return
		}
	}
}
