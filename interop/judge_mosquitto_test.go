package interop

import (
	"bufio"
	"bytes"
	"net"
	"os/exec"
	"strings"
	"testing"

	"github.com/gneiss-mqtt/gneiss-go/core/packet"
	"github.com/gneiss-mqtt/gneiss-go/interop/internal/broker"
)

// program runs a command and reads what it says, line by line.
type program struct {
	command *exec.Cmd
	lines   *bufio.Scanner
	said    bytes.Buffer // on standard error
	ended   bool
}

// run starts a command, which must end with success before the test does.
func run(t *testing.T, path string, args ...string) *program {
	t.Helper()
	p := &program{command: exec.CommandContext(within(t), path, args...)}
	out, err := p.command.StdoutPipe()
	must(t, err)
	p.lines = bufio.NewScanner(out)
	p.command.Stderr = &p.said
	must(t, p.command.Start())
	t.Cleanup(func() { p.end(t) })
	return p
}

// end waits for the command.
func (p *program) end(t *testing.T) {
	t.Helper()
	if p.ended {
		return
	}
	p.ended = true
	for p.lines.Scan() { // what nobody has asked for
	}
	if err := p.command.Wait(); err != nil {
		t.Errorf("%s: %v\n%s", p.command.Path, err, &p.said)
	}
}

// line returns the next line of output.
func (p *program) line(t *testing.T) string {
	t.Helper()
	if !p.lines.Scan() {
		p.end(t)
		t.Fatalf("%s says nothing more: %v", p.command.Path, p.lines.Err())
	}
	return p.lines.Text()
}

// mosquittoClients is the package of mosquitto_pub and mosquitto_sub.
const mosquittoClients = "mosquitto-clients"

// mosquittoArgs are the arguments that mosquitto_pub and mosquitto_sub share.
func mosquittoArgs(t *testing.T, w *world) []string {
	t.Helper()
	address, args := w.broker.TCP, []string(nil)
	if w.tls {
		address, args = w.broker.TLS, []string{"--cafile", w.broker.CA}
	}
	_, port, err := net.SplitHostPort(address)
	must(t, err)
	version := "5"
	if !w.v5() {
		version = "311"
	}
	return append(args, "-h", "localhost", "-p", port, "-V", version)
}

// TestMosquittoClients has mosquitto_pub and mosquitto_sub talk to the emulator, and through it to our client.
func TestMosquittoClients(t *testing.T) {
	t.Parallel()
	pub := broker.Require(t, broker.Program{Name: "mosquitto_pub", Package: mosquittoClients})
	sub := broker.Require(t, broker.Program{Name: "mosquitto_sub", Package: mosquittoClients})
	b := broker.Start(t, broker.Emulator, broker.Options{})
	for _, v := range []packet.Version{packet.V5, packet.V311} {
		t.Run(strings.TrimPrefix(v.String(), "MQTT "), func(t *testing.T) {
			t.Parallel()
			transports(t, func(t *testing.T, tls bool) {
				w := newWorld(t, b, tls, v)
				args := mosquittoArgs(t, w)
				mosquittoListens(t, w, sub, args)
				mosquittoSpeaks(t, w, pub, args)
				mosquittoWill(t, w, sub, args)
			})
		})
	}
}

// mosquittoListens: mosquitto_sub gets what our client publishes, a retained message first.
func mosquittoListens(t *testing.T, w *world, sub string, args []string) {
	t.Helper()
	ours := w.start(t, "ours")
	ours.send(t, retained(w.topic("kept"), "kept"))
	listener := run(t, sub, append(args, "-t", w.topic("#"), "-q", "2", "-F", "%t %q %r %p", "-C", "4")...)
	if got, want := listener.line(t), w.topic("kept")+" 1 1 kept"; got != want {
		t.Errorf("mosquitto_sub got %q, want %q", got, want)
	}
	for _, qos := range allQoS {
		ours.publish(t, qos, w.topic("x"), "hello")
		if got, want := listener.line(t), w.topic("x")+" "+itoa(int(qos))+" 0 hello"; got != want {
			t.Errorf("mosquitto_sub got %q, want %q", got, want)
		}
	}
	listener.end(t)
}

// mosquittoSpeaks: our client gets what mosquitto_pub publishes.
func mosquittoSpeaks(t *testing.T, w *world, pub string, args []string) {
	t.Helper()
	inbox := w.start(t, "listener").subscribe(t, packet.QoS2, w.topic("y"))
	for _, qos := range allQoS {
		run(t, pub, append(args, "-t", w.topic("y"), "-q", itoa(int(qos)), "-m", "hello")...).end(t)
		if m := inbox.next(t); string(m.Payload) != "hello" || m.QoS != qos {
			t.Errorf("our client got %q at QoS %d", m.Payload, m.QoS)
		}
	}
	if !w.v5() {
		return
	}
	run(t, pub, append(args, "-t", w.topic("y"), "-q", "1", "-m", "hello", "-D", "publish", "user-property", "a", "b",
		"-D", "publish", "content-type", "text/plain")...).end(t)
	if m := inbox.next(t); m.ContentType != "text/plain" || len(m.User) != 1 || m.User[0] != (packet.UserProperty{Key: "a", Value: "b"}) {
		t.Errorf("our client got %q and %v", m.ContentType, m.User)
	}
}

// mosquittoWill: the emulator publishes the will of a mosquitto_sub that is killed.
func mosquittoWill(t *testing.T, w *world, sub string, args []string) {
	t.Helper()
	ours := w.start(t, "watcher")
	inbox := ours.subscribe(t, packet.QoS1, w.topic("will"))
	ours.send(t, retained(w.topic("ready"), "ready"))
	mortal := run(t, sub, append(args, "-t", w.topic("ready"), "--will-topic", w.topic("will"), "--will-payload", "gone", "--will-qos", "1")...)
	mortal.line(t) // it is connected
	must(t, mortal.command.Process.Kill())
	inbox.want(t, "gone")
	mortal.ended = true
	_ = mortal.command.Wait() // it was killed
}
