package measure

import (
	"bytes"
	"runtime"
	"testing"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/bench/internal/contender"
	"github.com/gneiss-mqtt/gneiss-go/bench/internal/sink"
)

func TestIdle(t *testing.T) {
	t.Parallel()
	server, err := sink.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	for _, lib := range contender.Libraries() {
		t.Run(lib.Name, func(t *testing.T) {
			t.Parallel()
			const conns = 20
			idle, err := StartIdle(&lib, server.Addr(), conns, 10*time.Millisecond)
			if err != nil {
				t.Fatal(err)
			}
			least, most := 0.9, 10.1
			if lib.Name == contender.FloorName {
				least, most = 0, 0.1
			}
			for _, f := range []Footprint{idle.Fresh, idle.Used} {
				if f.Goroutines < least || f.Goroutines > most {
					t.Errorf("%v goroutines per connection", f.Goroutines)
				}
				if f.Heap <= 0 || runtime.GOOS == "linux" && f.Resident <= 0 {
					t.Errorf("a connection costs nothing: %+v", f)
				}
			}
		})
	}
}

func TestIdleChildRefusesBadArguments(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{
		nil, {"at-wat"}, {"nobody", "127.0.0.1:1", "1", "1s"}, {"at-wat", "127.0.0.1:1", "x", "1s"},
		{"at-wat", "127.0.0.1:1", "0", "1s"}, {"at-wat", "127.0.0.1:1", "1", "soon"},
	} {
		var out bytes.Buffer
		if err := IdleChild(args, &out); err == nil || out.Len() > 0 {
			t.Errorf("%q: %v, %q", args, err, out.String())
		}
	}
}
