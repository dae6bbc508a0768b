package interop

import (
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
	"github.com/gneiss-mqtt/gneiss-go/interop/internal/broker"
)

func retained(topic, payload string) mqtt.Publish {
	return mqtt.Publish{Topic: topic, Payload: []byte(payload), QoS: packet.QoS1, Retain: true}
}

// TestPubSub builds the sample and runs it as its user does, with every broker.
func TestPubSub(t *testing.T) {
	t.Parallel()
	binary := filepath.Join(t.TempDir(), "pubsub")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", binary, ".")
	build.Dir = filepath.Join("..", "samples", "pubsub")
	if text, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, text)
	}
	each(t, func(t *testing.T, kind broker.Kind, v packet.Version) {
		b := broker.Start(t, kind, broker.Options{})
		transports(t, func(t *testing.T, tls bool) { pubsub(t, newWorld(t, b, tls, v), binary) })
	})
}

func pubsub(t *testing.T, w *world, binary string) {
	t.Helper()
	args := func(more ...string) []string {
		list := []string{"-url", "mqtt://" + w.broker.TCP}
		if w.tls {
			list = []string{"-url", "mqtts://" + w.broker.TLS, "-ca", w.broker.CA, "-cert", w.broker.Cert, "-key", w.broker.Key}
		}
		return append(append(list, "-version", strings.TrimPrefix(w.version.String(), "MQTT "), "-qos", "2"), more...)
	}
	ours := w.start(t, "ours")
	ours.send(t, retained(w.topic("kept"), "kept"))

	listener := run(t, binary, args("-sub", "-topic", w.topic("#"), "-id", w.name+"-sub")...)
	if got, want := listener.line(t), w.topic("kept")+" kept"; got != want { // it has subscribed
		t.Errorf("the first line is %q, want %q", got, want)
	}
	run(t, binary, args("-topic", w.topic("a"), "-message", "hello", "-count", "3", "-id", w.name+"-pub")...).end(t)
	for range 3 {
		if got, want := listener.line(t), w.topic("a")+" hello"; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	speaker := exec.CommandContext(within(t), binary, args("-topic", w.topic("b"), "-id", w.name+"-lines")...)
	speaker.Stdin = strings.NewReader("one\ntwo\n")
	if text, err := speaker.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	for _, line := range []string{"one", "two"} {
		if got, want := listener.line(t), w.topic("b")+" "+line; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	must(t, listener.command.Process.Signal(syscall.SIGINT))
	listener.end(t) // with success

	wrong := exec.CommandContext(within(t), binary, args("-topic", w.topic("c"), "-message", "x", "-user", broker.User, "-timeout", "1s")...)
	wrong.Env = append(wrong.Environ(), "MQTT_PASSWORD=12345")
	text, err := wrong.CombinedOutput()
	if wrong.ProcessState.ExitCode() != 1 || !strings.Contains(string(text), "the broker refused with CONNACK") || strings.Contains(string(text), "12345") {
		t.Errorf("with a wrong password: %v\n%s", err, text)
	}
}
