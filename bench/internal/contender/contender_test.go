package contender

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/bench/internal/sink"
)

const messages = 200

// each runs a test for every library against a sink of its own.
func each(t *testing.T, run func(t *testing.T, lib *Library, server *sink.Server, client Client)) {
	t.Parallel()
	for _, lib := range Libraries() {
		t.Run(lib.Name, func(t *testing.T) {
			t.Parallel()
			server, err := sink.Listen()
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = server.Close() })
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			client := lib.New()
			t.Cleanup(func() { _ = client.Close() })
			if err := client.Connect(ctx, server.Addr(), "test"); err != nil {
				t.Fatal(err)
			}
			run(t, &lib, server, client)
		})
	}
}

func expect(t *testing.T, server *sink.Server, qos byte, count, size int) {
	t.Helper()
	want := sink.Counts{Payload: uint64(count * size)}
	want.Publishes[qos] = uint64(count)
	if qos == 2 {
		want.Pubrels = uint64(count)
	}
	counts, err := server.Await("test", uint64(count), 0, 10*time.Second)
	if err != nil || counts != want {
		t.Fatalf("the sink counted %+v, %v; want %+v", counts, err, want)
	}
}

var payload = bytes.Repeat([]byte{'x'}, 33)

func testPublish(t *testing.T, qos byte) {
	each(t, func(t *testing.T, _ *Library, server *sink.Server, client Client) {
		for range messages {
			if err := client.Publish(Message{"a/b", payload, qos}); err != nil {
				t.Fatal(err)
			}
		}
		expect(t, server, qos, messages, len(payload))
	})
}

func TestPublishQoS0(t *testing.T) { testPublish(t, 0) }
func TestPublishQoS1(t *testing.T) { testPublish(t, 1) }
func TestPublishQoS2(t *testing.T) { testPublish(t, 2) }

func TestConcurrentPublish(t *testing.T) {
	each(t, func(t *testing.T, lib *Library, server *sink.Server, client Client) {
		if _, bulk := client.(BulkClient); bulk {
			if err := client.(BulkClient).PublishMany(Message{"a/b", payload, 1}, messages, 10); err != nil {
				t.Fatal(err)
			}
		} else {
			var callers sync.WaitGroup
			for range 10 {
				callers.Go(func() {
					for range messages / 10 {
						if err := client.Publish(Message{"a/b", payload, 1}); err != nil {
							t.Error(err)
							return
						}
					}
				})
			}
			callers.Wait()
		}
		expect(t, server, 1, messages, len(payload))
	})
}

func TestAsyncPublish(t *testing.T) {
	each(t, func(t *testing.T, _ *Library, server *sink.Server, client Client) {
		async, ok := client.(AsyncClient)
		if !ok {
			return // publishes in flight are goroutines: TestConcurrentPublish
		}
		total := 0
		for qos := range byte(3) {
			var completed, failed atomic.Int64
			done := make(chan struct{})
			publish := async.Publisher(func(err error) {
				if err != nil {
					failed.Add(1)
				}
				if completed.Add(1) == messages {
					close(done)
				}
			})
			for range messages {
				if err := publish(Message{"a/b", payload, qos}); err != nil {
					t.Fatal(err)
				}
			}
			select {
			case <-done:
			case <-time.After(10 * time.Second):
				t.Fatalf("QoS %d: %d completions of %d", qos, completed.Load(), messages)
			}
			total += messages
			counts, err := server.Await("test", uint64(total), 0, 10*time.Second)
			if err != nil || counts.Publishes[qos] != messages || failed.Load() != 0 {
				t.Errorf("QoS %d: %+v, %v, %d failed", qos, counts, err, failed.Load())
			}
		}
	})
}

func testReceive(t *testing.T, qos byte) {
	each(t, func(t *testing.T, _ *Library, server *sink.Server, client Client) {
		var total atomic.Int64
		for run := range 2 { // a second subscription on the same connection
			done := make(chan struct{})
			target := int64((run + 1) * messages)
			err := client.Subscribe(sink.SourceFilter(messages, 40+run), qos, func(p []byte) {
				if len(p) != 40+run {
					t.Errorf("payload of %d bytes", len(p))
				}
				if total.Add(1) == target {
					close(done)
				}
			})
			if err != nil {
				t.Fatal(err)
			}
			select {
			case <-done:
			case <-time.After(10 * time.Second):
				t.Fatalf("received %d of %d", total.Load(), target)
			}
			acks := uint64(target) * uint64(qos)
			counts, err := server.Await("test", 0, acks, 10*time.Second)
			if err != nil || counts.Pubacks != acks || counts.OutOfOrder != 0 || counts.Failure != "" {
				t.Errorf("%+v, %v; want %d acknowledgements", counts, err, acks)
			}
		}
	})
}

func TestReceiveQoS0(t *testing.T) { testReceive(t, 0) }
func TestReceiveQoS1(t *testing.T) { testReceive(t, 1) }

func TestCloseFailsAPublishUnderWay(t *testing.T) {
	t.Parallel()
	for _, lib := range Libraries() {
		t.Run(lib.Name, func(t *testing.T) {
			t.Parallel()
			client, read := connectToMute(t, &lib)
			result := make(chan error, 1)
			go func() { result <- client.Publish(Message{"a/b", payload, 1}) }()
			<-read // the PUBLISH is on the wire, and nobody will answer
			if err := client.Close(); err != nil {
				t.Error(err)
			}
			select {
			case err := <-result:
				if err == nil {
					t.Error("a publish that nobody acknowledged succeeded")
				}
			case <-time.After(10 * time.Second):
				t.Error("the publish hangs")
			}
		})
	}
}

func TestBrokerThatHangsUpIsAnError(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			_ = conn.Close()
		}
	}()
	for _, lib := range Libraries() {
		t.Run(lib.Name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			defer cancel()
			client := lib.New()
			if err := client.Connect(ctx, listener.Addr().String(), "test"); err == nil {
				t.Error("connected to nobody")
			}
			_ = client.Close()
		})
	}
}

// connectToMute connects a client to a broker that accepts it and then only
// reads. The channel is closed when something came after the CONNECT.
func connectToMute(t *testing.T, lib *Library) (Client, <-chan struct{}) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	connack := "\x20\x02\x00\x00"
	if lib.Protocol == "5" {
		connack = "\x20\x03\x00\x00\x00"
	}
	read := make(chan struct{})
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		buf := make([]byte, 4096)
		for i := 0; ; i++ {
			if _, err := conn.Read(buf); err != nil {
				return
			}
			switch i {
			case 0:
				if _, err := fmt.Fprint(conn, connack); err != nil {
					return
				}
			case 1:
				close(read)
			}
		}
	}()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	client := lib.New()
	if p, ok := client.(*paho); ok {
		p.packetTimeout = time.Second
	}
	if err := client.Connect(ctx, listener.Addr().String(), "test"); err != nil {
		t.Fatal(err)
	}
	return client, read
}
