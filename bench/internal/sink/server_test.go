package sink

import (
	"errors"
	"io"
	"net"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/bench/internal/wire"
)

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == ChildArg {
		if err := Child(os.Stdin, os.Stdout); err != nil {
			panic(err)
		}
		return
	}
	os.Exit(m.Run())
}

// controls runs a test against the sink in this process and in another.
func controls(t *testing.T, run func(t *testing.T, c Control)) {
	t.Parallel()
	for name, start := range map[string]func() (Control, error){
		"in process": func() (Control, error) { return Listen() },
		"child":      func() (Control, error) { return Start() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, err := start()
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := c.Close(); err != nil {
					t.Error(err)
				}
			})
			run(t, c)
		})
	}
}

func dial(t *testing.T, c Control) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", c.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return conn
}

func send(t *testing.T, conn net.Conn, data []byte) {
	t.Helper()
	if _, err := conn.Write(data); err != nil {
		t.Fatal(err)
	}
}

func expect(t *testing.T, conn net.Conn, want []byte) {
	t.Helper()
	got := make([]byte, len(want))
	if _, err := io.ReadFull(conn, got); err != nil || string(got) != string(want) {
		t.Fatalf("read % x, %v; want % x", got, err, want)
	}
}

func TestTranscriptOverTCP(t *testing.T) {
	controls(t, func(t *testing.T, c Control) {
		in, out := transcript(wire.V5)
		conn := dial(t, c)
		send(t, conn, in)
		expect(t, conn, out)
		counts, err := c.Await("c", 3, 0, 5*time.Second)
		if want := (Counts{Publishes: [3]uint64{1, 1, 1}, Payload: 307, Pubrels: 1}); counts != want || err != nil {
			t.Errorf("%+v, %v; want %+v", counts, err, want)
		}
	})
}

func TestLargePacketsGrowTheBuffer(t *testing.T) {
	controls(t, func(t *testing.T, c Control) {
		conn := dial(t, c)
		send(t, conn, wire.AppendConnect(nil, wire.V311, "big", 0))
		expect(t, conn, wire.AppendConnack(nil, wire.V311))
		for _, size := range []int{10_000, 200_000, 250_000, 1} {
			send(t, conn, wire.AppendPublish(nil, wire.V311, "t", make([]byte, size), 1, 9))
			expect(t, conn, wire.AppendAck(nil, wire.Puback, 9))
		}
		counts, err := c.Await("big", 4, 0, 5*time.Second)
		if err != nil || counts.Payload != 460_001 {
			t.Errorf("%+v, %v", counts, err)
		}
	})
}

func TestViolationIsReported(t *testing.T) {
	controls(t, func(t *testing.T, c Control) {
		conn := dial(t, c)
		send(t, conn, append(wire.AppendConnect(nil, wire.V5, "bad", 0), "\x40\x02\x00\x01"...))
		if _, err := io.ReadAll(conn); err != nil {
			t.Errorf("the sink did not close: %v", err)
		}
		counts, err := c.Await("bad", 1, 0, 5*time.Second) // returns early: the client failed
		if err != nil || !strings.Contains(counts.Failure, "PUBACK 1 without") {
			t.Errorf("%+v, %v", counts, err)
		}
	})
}

func TestAwaitGivesUp(t *testing.T) {
	controls(t, func(t *testing.T, c Control) {
		conn := dial(t, c)
		send(t, conn, wire.AppendConnect(nil, wire.V5, "slow", 0))
		expect(t, conn, wire.AppendConnack(nil, wire.V5))
		if counts, err := c.Await("slow", 1, 0, 10*time.Millisecond); err != nil || counts.Published() != 0 {
			t.Errorf("%+v, %v", counts, err)
		}
		if _, err := c.Await("nobody", 1, 0, time.Minute); err == nil || !strings.Contains(err.Error(), `no client "nobody"`) {
			t.Errorf("unknown client: %v", err)
		}
	})
}

func TestSourceOverTCP(t *testing.T) {
	controls(t, func(t *testing.T, c Control) {
		const count, size = 2500, 20
		for qos := range byte(2) {
			conn := dial(t, c)
			send(t, conn, wire.AppendConnect(nil, wire.V5, "recv", 7))
			expect(t, conn, wire.AppendConnack(nil, wire.V5))
			send(t, conn, wire.AppendSubscribe(nil, wire.V5, 1, SourceFilter(count, size), qos))
			expect(t, conn, wire.AppendSuback(nil, wire.V5, 1, qos))
			packet := make([]byte, len(wire.AppendPublish(nil, wire.V5, SourceFilter(count, size), make([]byte, size), qos, 1)))
			for i := range count {
				if _, err := io.ReadFull(conn, packet); err != nil {
					t.Fatalf("QoS %d message %d: %v", qos, i, err)
				}
				_, _, id, err := wire.ParsePublish(wire.V5, packet[0], packet[2:])
				if err != nil || qos == 0 && id != 0 || qos == 1 && int(id) != i%7+1 {
					t.Fatalf("message %d: identifier %d, %v", i, id, err)
				}
				if qos == 1 {
					send(t, conn, wire.AppendAck(nil, wire.Puback, id))
				}
			}
			counts, err := c.Await("recv", 0, uint64(qos)*count, 5*time.Second)
			if err != nil || qos == 1 && (counts.Sent != count || counts.Pubacks != count || counts.OutOfOrder != 0) {
				t.Errorf("QoS %d: %+v, %v", qos, counts, err)
			}
		}
		if cpu, err := c.CPU(); err != nil || cpu < 0 || runtime.GOOS == "linux" && cpu == 0 {
			t.Errorf("processor time %v, %v", cpu, err)
		}
	})
}

func TestCountsOutliveTheClientWithinBounds(t *testing.T) {
	t.Parallel()
	var r registry
	for i := range keptRecords + 10 {
		rec := r.join(string(rune('a' + i)))
		rec.set(&Counts{Pubacks: uint64(i)})
		r.leave(rec)
	}
	if len(r.records) != keptRecords || len(r.left) != keptRecords {
		t.Errorf("%d records kept", len(r.records))
	}
	if _, err := r.await("a", 0, 0, 0); err == nil {
		t.Error("the oldest record is kept")
	}
	last := string(rune('a' + keptRecords + 9))
	if counts, err := r.await(last, 0, 0, 0); err != nil || counts.Pubacks != keptRecords+9 {
		t.Errorf("%+v, %v", counts, err)
	}
}

func TestCloseEndsOpenConnections(t *testing.T) {
	t.Parallel()
	s, err := Listen()
	if err != nil {
		t.Fatal(err)
	}
	conn := dial(t, s)
	send(t, conn, wire.AppendConnect(nil, wire.V5, "c", 0))
	expect(t, conn, wire.AppendConnack(nil, wire.V5))
	// A flood that nobody reads blocks the connection's goroutine in a write.
	send(t, conn, wire.AppendSubscribe(nil, wire.V5, 1, SourceFilter(1<<20, 1<<10), 0))
	expect(t, conn, wire.AppendSuback(nil, wire.V5, 1, 0))
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if _, err := io.Copy(io.Discard, conn); errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error("the connection is still open")
	}
}
