//go:build !race

package mqttws_test

import (
	"io"
	"net"
	"runtime"
	"testing"

	mqttws "github.com/gneiss-mqtt/gneiss-go/builders/websocket"
)

// An idle connection, its server's end included, has one goroutine and no buffer but that of the library's reader. Tests that run in parallel have
// not begun when this one runs.
func TestMemoryOfAnIdleConnection(t *testing.T) {
	const n, most = 200, 16 << 10
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	endpoint, err := mqttws.URL("ws://" + l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	open := func() (client, server net.Conn) {
		dialed := make(chan net.Conn, 1)
		go func() {
			conn, err := endpoint.Dial(short(t))
			if err != nil {
				t.Error(err)
			}
			dialed <- conn
		}()
		server, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := accept(server); err != nil {
			t.Fatal(err)
		}
		if client = <-dialed; client == nil {
			t.FailNow()
		}
		used := make([]byte, 100_000)
		if _, err := server.Write(frame(fin|opBinary, used)); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(client, used); err != nil {
			t.Fatal(err)
		}
		if _, err := client.Write(used[:20_000]); err != nil {
			t.Fatal(err)
		}
		return client, server
	}
	measure := func() (bytes uint64, goroutines int) {
		var m runtime.MemStats
		for range 3 { // pools are emptied by the second collection
			runtime.GC()
		}
		runtime.ReadMemStats(&m)
		return m.HeapAlloc + m.StackInuse, runtime.NumGoroutine()
	}
	var all []net.Conn
	defer func() {
		for _, conn := range all {
			_ = conn.Close()
		}
	}()
	client, server := open() // what the first one makes for all
	all = append(all, client, server)
	before, goroutines := measure()
	for range n {
		client, server := open()
		all = append(all, client, server)
	}
	after, more := measure()
	each := int(after-before) / n
	t.Logf("%d bytes and %.2f goroutines each", each, float64(more-goroutines)/n)
	if each > most || more-goroutines > n {
		t.Errorf("an idle connection takes %d bytes and %.2f goroutines; at most %d and 1 are wanted", each, float64(more-goroutines)/n, most)
	}
}
