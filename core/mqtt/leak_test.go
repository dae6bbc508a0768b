package mqtt_test

import (
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/mqtttest"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// eventually waits for a condition, in real time.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("still not: %s", what)
		}
	}
}

// footprint is what a process holds on to.
type footprint struct {
	goroutines, descriptors int
	heap                    uint64
}

func measure() footprint {
	for range 3 { // pools and finalizers take more than one
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return footprint{runtime.NumGoroutine(), descriptors(), m.HeapAlloc}
}

// descriptors counts the open files, where the system tells.
func descriptors() int {
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return 0
	}
	return len(list)
}

// wantNoGrowth wants everything to be given back, but for some memory.
func wantNoGrowth(t *testing.T, before footprint) {
	t.Helper()
	eventually(t, "all goroutines have ended", func() bool { return runtime.NumGoroutine() <= before.goroutines })
	eventually(t, "all files are closed", func() bool { return descriptors() <= before.descriptors })
	if after := measure(); after.heap > before.heap+1<<20 {
		t.Errorf("the heap grew from %d to %d bytes", before.heap, after.heap)
	}
}

// fast reconnects without a pause.
func fast(c *mqtt.Config) { c.Reconnect = mqtt.Backoff{Min: 1, Max: 1} }

// run lets a client connect n times, each connection ending after a message in each direction. It returns what the client
// holds when it is connected for the first and for the last time.
func run(t *testing.T, p *mqtttest.Peer, n int) (first, last footprint) {
	got := make(chan struct{}, 10)
	c, err := mqtt.New(configure(p, fast, func(c *mqtt.Config) { c.Handler = func(mqtt.Message) { got <- struct{}{} } }))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	for i := range n {
		conn, _ := p.Connect(&packet.Connack{SessionPresent: i > 0})
		conn.Send(message("t", "payload", 1, 1))
		mqtttest.Expect[packet.Puback](conn)
		<-got
		over := publish(t.Context(), c, mqtt.Publish{Topic: "t", QoS: 2})
		conn.Send(mqtttest.Answer(conn, mqtttest.Expect[packet.Publish](conn))...)
		conn.Send(mqtttest.Answer(conn, mqtttest.Expect[packet.Pubrel](conn))...)
		if r := <-over; r.err != nil {
			t.Fatal(r.err)
		}
		switch {
		case i == 10:
			first = measure()
		case i == n-1:
			last = measure()
		}
		if i%2 == 0 {
			conn.Cut()
		} else {
			conn.Close()
		}
	}
	c.Close()
	<-c.Done()
	return first, last
}

// F52, F53: connections come and go, and leave nothing behind. These tests are not parallel: they measure the process.
func TestThousandConnectionsLeaveNothing(t *testing.T) {
	before := measure()
	p := mqtttest.NewPeer(t)
	first, last := run(t, p, 1000)
	if last.goroutines > first.goroutines+2 || last.heap > first.heap+1<<20 {
		t.Errorf("after 10 connections %+v, after 1,000 %+v", first, last)
	}
	p.Close()
	wantNoGrowth(t, before)
}

func TestConnectionsOverTCPLeaveNothing(t *testing.T) {
	before := measure()
	p := mqtttest.NewLoopbackPeer(t)
	first, last := run(t, p, 200)
	if last.goroutines > first.goroutines+2 || last.descriptors > first.descriptors+2 {
		t.Errorf("after 10 connections %+v, after 200 %+v", first, last)
	}
	p.Close()
	wantNoGrowth(t, before)
}

// A thousand clients, each of which lives for a moment.
func TestThousandClientsLeaveNothing(t *testing.T) {
	before := measure()
	p := mqtttest.NewPeer(t)
	p.Serve(nil)
	for range 1000 {
		c, err := mqtt.New(configure(p))
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Publish(t.Context(), mqtt.Publish{Topic: "t", QoS: 1}); err != nil {
			t.Fatal(err)
		}
		if err := c.Shutdown(t.Context()); err != nil {
			t.Fatal(err)
		}
		<-c.Done()
	}
	p.Close()
	wantNoGrowth(t, before)
}

// F50: a thousand clients lose their broker in the same moment, and come back.
func TestThousandClientsLoseTheirBroker(t *testing.T) {
	storm(t, 1000) // the runtime keeps what describes a goroutine
	before := measure()
	storm(t, 300)
	wantNoGrowth(t, before)
}

func storm(t *testing.T, n int) {
	p := mqtttest.NewPeer(t)
	var clients []*mqtt.Client
	for range n {
		c, err := mqtt.New(configure(p, func(c *mqtt.Config) { c.Reconnect = mqtt.Backoff{Min: 100 * time.Millisecond} }))
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		clients = append(clients, c)
	}
	var conns []*mqtttest.Conn
	for range clients {
		conn, _ := p.Connect(&packet.Connack{})
		conns = append(conns, conn)
	}
	for _, c := range clients {
		connected(t, c)
	}
	for _, conn := range conns {
		conn.Cut()
	}
	p.Serve(nil)
	for _, c := range clients {
		eventually(t, "connected again", func() bool { return c.Stats().Connects == 2 })
	}
	for _, c := range clients {
		c.Close()
		<-c.Done()
	}
	p.Close()
}

// An idle connection costs one goroutine.
func TestIdleConnectionCostsOneGoroutine(t *testing.T) {
	p := mqtttest.NewPeer(t)
	before := runtime.NumGoroutine()
	c, err := mqtt.New(configure(p))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	p.Connect(&packet.Connack{})
	connected(t, c)
	eventually(t, "one goroutine", func() bool { return runtime.NumGoroutine() <= before+1 }) // one of another test may end meanwhile
	c.Close()
	<-c.Done()
	eventually(t, "none", func() bool { return runtime.NumGoroutine() <= before })
}
