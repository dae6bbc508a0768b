//go:build !race

// Under the race detector a sync.Pool drops things at random.

package mqtt_test

import (
	"context"
	"net"
	"testing"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/mqtttest"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// sink is a broker's end that acknowledges everything and allocates nothing.
func sink(conn net.Conn) {
	in, out := make([]byte, 0, 256<<10), make([]byte, 0, 64<<10)
	for {
		n, err := conn.Read(in[len(in):cap(in)])
		if err != nil {
			return
		}
		in = in[:len(in)+n]
		rest := in
		for {
			f, length, err := packet.ScanFrame(rest, 0)
			if err != nil {
				panic(err)
			}
			if length == 0 {
				break
			}
			rest = rest[length:]
			out = reply(out, f)
		}
		in = in[:copy(in[:cap(in)], rest)]
		if len(out) > 0 {
			if _, err := conn.Write(out); err != nil {
				return
			}
			out = out[:0]
		}
	}
}

func reply(out []byte, f packet.Frame) []byte {
	switch f.Type() {
	case packet.CONNECT:
		return append(out, 0x20, 3, 0, 0, 0)
	case packet.SUBSCRIBE:
		return append(out, 0x90, 4, f.Body[0], f.Body[1], 0, 1)
	case packet.PUBLISH:
		topic := int(f.Body[0])<<8 | int(f.Body[1])
		switch f.First >> 1 & 3 {
		case 1:
			return append(out, 0x40, 2, f.Body[2+topic], f.Body[3+topic])
		case 2:
			return append(out, 0x50, 2, f.Body[2+topic], f.Body[3+topic])
		}
	case packet.PUBREL:
		return append(out, 0x70, 2, f.Body[0], f.Body[1])
	}
	return out
}

// sinkClient returns a client that is connected to a sink, in memory or over TCP, and the broker's end.
func sinkClient(t *testing.T, tcp bool) (*mqtt.Client, net.Conn) {
	t.Helper()
	brokers := make(chan net.Conn, 1)
	dial := func(context.Context) (net.Conn, error) {
		client, broker := mqtttest.Pipe(0)
		brokers <- broker
		return client, nil
	}
	if tcp {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close() })
		dial = func(ctx context.Context) (net.Conn, error) {
			var d net.Dialer
			client, err := d.DialContext(ctx, "tcp", l.Addr().String())
			if err != nil {
				return nil, err
			}
			broker, err := l.Accept()
			brokers <- broker
			return client, err
		}
	}
	c, err := mqtt.New(mqtt.Config{Endpoint: mqtt.Endpoint{Dial: dial}, ClientID: "client"})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	broker := <-brokers
	go sink(broker)
	t.Cleanup(func() {
		broker.Close()
		c.Close()
		<-c.Done()
	})
	connected(t, c)
	return c, broker
}

// wantAllocs runs f until pools and buffers have their size, and then counts.
func wantAllocs(t *testing.T, what string, most float64, messages int, f func()) {
	t.Helper()
	for range 200 {
		f()
	}
	n := testing.AllocsPerRun(500, f) / float64(messages)
	t.Logf("%s: %.2f", what, n)
	if n > most {
		t.Errorf("%s: %.2f allocations, want %.0f", what, n, most)
	}
}

// A publish allocates nothing, at any QoS, however it is made. These tests are not parallel: the runtime counts the
// allocations of all goroutines.
func TestPublishAllocatesNothing(t *testing.T) {
	for name, tcp := range map[string]bool{"pipe ": false, "TCP ": true} {
		c, _ := sinkClient(t, tcp)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		over := make(chan error, 1)
		done := func(_ mqtt.PublishResult, err error) { over <- err }
		for qos := range packet.QoS2 + 1 {
			p := mqtt.Publish{Topic: "rooms/7/temperature", Payload: make([]byte, 100), QoS: qos}
			must := func(err error) {
				if err != nil {
					t.Fatal(err)
				}
			}
			wantAllocs(t, name+"Publish at QoS "+string('0'+rune(qos)), 0, 1, func() {
				_, err := c.Publish(context.Background(), p)
				must(err)
			})
			wantAllocs(t, name+"Publish with a context at QoS "+string('0'+rune(qos)), 0, 1, func() {
				_, err := c.Publish(ctx, p)
				must(err)
			})
			wantAllocs(t, name+"PublishAsync at QoS "+string('0'+rune(qos)), 0, 1, func() {
				must(c.PublishAsync(p, done))
				must(<-over)
			})
			wantAllocs(t, name+"PublishAsync, 100 at a time, at QoS "+string('0'+rune(qos)), 0, 100, func() {
				for range 99 {
					must(c.PublishAsync(p, nil))
				}
				must(c.PublishAsync(p, done))
				must(<-over)
			})
		}
	}
}

// A delivered message costs one allocation, its payload, and none where that is borrowed.
func TestDeliveryAllocations(t *testing.T) {
	for name, borrow := range map[string]bool{"copied": false, "borrowed": true} {
		for _, n := range []int{1, 50} { // messages at a time
			for qos := range packet.QoS1 + 1 {
				c, broker := sinkClient(t, false)
				handled, last := make(chan struct{}, 1), make([]byte, 300)
				count := 0
				handler := func(m mqtt.Message) {
					copy(last, m.Payload)
					if count++; count%n == 0 {
						handled <- struct{}{}
					}
				}
				if _, err := c.SubscribeWith(t.Context(), mqtt.SubscribeOptions{Handler: handler, Borrow: borrow},
					mqtt.Filter{Filter: "t", QoS: qos}); err != nil {
					t.Fatal(err)
				}
				var batch []byte
				for id := range n {
					batch, _ = message("t", string(make([]byte, 200)), qos, uint16(id+1), 1).Append(batch, packet.V5)
				}
				most := 1.0
				if borrow {
					most = 0
				}
				wantAllocs(t, name, most, n, func() {
					if _, err := broker.Write(batch); err != nil {
						t.Fatal(err)
					}
					<-handled
				})
			}
		}
	}
}
