package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/packet"
	"github.com/gneiss-mqtt/gneiss-go/emulator"
	"github.com/gneiss-mqtt/gneiss-go/emulator/broker"
)

// The sample's own claims are the test.
func TestDemo(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	if err := run(t.Context(), nil, &out, io.Discard); err != nil {
		t.Fatalf("%v\nit said:\n%s", err, out.String())
	}
	if !strings.Contains(out.String(), "✓  all 3000 messages, none lost") {
		t.Error(out.String())
	}
}

func start(t *testing.T, o emulator.Options) *emulator.Server {
	t.Helper()
	srv, err := emulator.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = srv.Close() })
	return srv
}

// left is how many messages a broker still has for the bridge.
func left(srv *emulator.Server) (n int) {
	for _, c := range srv.Clients() {
		n += c.Waiting + c.Inflight
	}
	return n
}

// The bridge itself is killed, several times, and the next one goes on where it was.
func TestBridgeIsKilled(t *testing.T) {
	t.Parallel()
	for _, qos := range []packet.QoS{packet.QoS1, packet.QoS2} {
		t.Run(fmt.Sprint("QoS ", qos), func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			few := emulator.Options{Profile: emulator.Generic, Limits: broker.Limits{ReceiveMaximum: 20}}
			source, destination := start(t, few), start(t, few)
			to, err := receive(ctx, destination.URL())
			if err != nil {
				t.Fatal(err)
			}
			defer to.client.Close()
			o := options{from: source.URL(), to: destination.URL(), filter: "rooms/#", qos: qos, id: "b"}
			b, err := open(ctx, o, io.Discard)
			if err != nil {
				t.Fatal(err)
			}
			producer, err := connect(source.URL(), "producer")
			if err != nil {
				t.Fatal(err)
			}
			defer producer.Close()
			const n = 2000
			acknowledged := make(chan error, 1)
			go func() { acknowledged <- produce(ctx, producer, n) }()
			for life := 1; life < 4; life++ {
				if err := to.await(ctx, b, life*n/4); err != nil {
					t.Fatal(err)
				}
				_ = b.kill() // what it has to say does not matter
				if b, err = open(ctx, o, io.Discard); err != nil {
					t.Fatal(err)
				}
			}
			if err := errors.Join(<-acknowledged, to.await(ctx, b, n), b.idle(ctx), b.close()); err != nil {
				t.Fatal(err)
			}
			if different, repeated := to.counts(); different != n || repeated > 3*1024 {
				t.Errorf("%d different messages, %d repeated", different, repeated)
			}
			if n := left(source); n != 0 {
				t.Errorf("%d messages are left at the source", n)
			}
		})
	}
}

// With flags it is a bridge until it is told to end, and moves properties too.
func TestFlags(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	source, destination := start(t, emulator.Options{Profile: emulator.Generic}), start(t, emulator.Options{Profile: emulator.Generic})
	bridging, end := context.WithCancel(ctx)
	defer end()
	var out bytes.Buffer
	ended := make(chan error, 1)
	go func() {
		ended <- run(bridging, []string{"-from", source.URL(), "-to", destination.URL(), "-filter", "a/#", "-qos", "2"}, &out, io.Discard)
	}()
	for source.Stats().Subscriptions == 0 {
		if ctx.Err() != nil {
			t.Fatal("nobody subscribed")
		}
	}
	for _, topic := range []string{"b", "a/1"} {
		err := source.Publish(packet.Publish{Topic: topic, QoS: packet.QoS2, Payload: []byte("p"), Retain: true, ContentType: "text/plain"})
		if err != nil {
			t.Fatal(err)
		}
	}
	for len(destination.Retained("#")) == 0 {
		if ctx.Err() != nil {
			t.Fatal("nothing arrived")
		}
	}
	end()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	got := destination.Retained("#")
	if len(got) != 1 || got[0].Topic != "a/1" || got[0].ContentType != "text/plain" {
		t.Errorf("at the destination: %+v", got)
	}
	if want := "moving \"a/#\"\nreceived 1, moved 1, of which the source will send 0 again\n"; out.String() != want {
		t.Errorf("it said %q, want %q", out.String(), want)
	}
}

// A message that the destination refuses ends the bridge, and stays at the source.
func TestRefused(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	source := start(t, emulator.Options{Profile: emulator.Generic})
	destination := start(t, emulator.Options{Profile: emulator.Generic, Hooks: broker.Hooks{
		Publish: func(broker.Instant, *broker.Client, *packet.Publish) broker.PublishDecision {
			return broker.PublishDecision{Code: packet.NotAuthorized}
		},
	}})
	b, err := open(ctx, options{from: source.URL(), to: destination.URL(), filter: "#", qos: 1, id: "b"}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if err := source.Publish(packet.Publish{Topic: "secret", QoS: packet.QoS1}); err != nil {
		t.Fatal(err)
	}
	err = b.wait(ctx)
	if err == nil || !strings.Contains(err.Error(), "secret is still at the source") {
		t.Errorf("it ended with %v", err)
	}
	if err := b.close(); err != nil {
		t.Error(err)
	}
	if b.moved.Load() != 0 || left(source) != 1 {
		t.Errorf("%s; the source has %d messages", b.counts(), left(source))
	}
}

func TestWrongUsage(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{
		{"extra"}, {"-from", "mqtt://a"}, {"-to", "mqtt://a"}, {"-qos", "2"}, {"-from", "mqtt://a", "-to", "mqtt://a"},
		{"-from", "mqtt://a", "-to", "mqtt://b", "-qos", "0"}, {"-from", "mqtt://a", "-to", "mqtt://b", "-id", ""}, {"-nonsense"},
	} {
		var log bytes.Buffer
		if err := run(t.Context(), args, io.Discard, &log); err != errUsage || !strings.Contains(log.String(), "-from") {
			t.Errorf("%q: %v\n%s", args, err, log.String())
		}
	}
}
