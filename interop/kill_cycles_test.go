package interop

import (
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/builders/direct"
	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
	"github.com/gneiss-mqtt/gneiss-go/emulator"
)

// usage is what a process holds on to.
type usage struct {
	goroutines, descriptors int
	heap                    uint64
}

func used() usage {
	for range 3 { // pools and finalizers take more than one
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return usage{runtime.NumGoroutine(), openFiles(), m.HeapAlloc}
}

// openFiles counts descriptors where the system tells, as Linux does.
func openFiles() int {
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return 0
	}
	return len(list)
}

// TestConnectCycles connects, subscribes, publishes and disconnects a thousand times, in order and not. Nothing is left
// of it. It is not parallel: what other tests use would count.
func TestConnectCycles(t *testing.T) {
	srv, err := emulator.Start(emulator.Options{Profile: emulator.Generic})
	must(t, err)
	defer srv.Close()
	const warmUp, cycles = 50, 1000
	for n := range warmUp {
		cycle(t, srv, n)
	}
	settled := func() bool { return srv.Stats().Connections == 0 }
	eventually(t, "the broker has noticed all ends", settled)
	before := used()
	opened := srv.Stats().Opened
	for n := range cycles {
		cycle(t, srv, n)
	}
	eventually(t, "the broker has noticed all ends", settled)
	eventually(t, "all goroutines have ended", func() bool { return runtime.NumGoroutine() <= before.goroutines })
	eventually(t, "all files are closed", func() bool { return openFiles() <= before.descriptors })
	after := used()
	t.Logf("before %+v, after %+v", before, after)
	if after.heap > before.heap+256<<10 {
		t.Errorf("the heap grew from %d to %d bytes", before.heap, after.heap)
	}
	if n := srv.Stats().Opened - opened; n != cycles {
		t.Errorf("%d connections were opened in %d cycles", n, cycles)
	}
}

func cycle(t *testing.T, srv *emulator.Server, n int) {
	endpoint, err := direct.URL(srv.URL())
	must(t, err)
	arrived := make(chan struct{}, 1)
	client, err := mqtt.New(mqtt.Config{Endpoint: endpoint, ClientID: "cycle", CleanStart: true})
	must(t, err)
	must(t, client.Start())
	ctx := t.Context()
	_, err = client.SubscribeFunc(ctx, func(mqtt.Message) { arrived <- struct{}{} }, mqtt.Filter{Filter: "cycle", QoS: 2})
	must(t, err)
	_, err = client.Publish(ctx, mqtt.Publish{Topic: "cycle", QoS: packet.QoS(1 + n%2)})
	must(t, err)
	select {
	case <-arrived:
	case <-time.After(limit):
		t.Fatal("the message did not come")
	}
	if n%2 == 0 {
		must(t, client.Shutdown(ctx))
	} else {
		must(t, client.Close())
	}
	<-client.Done()
}
