package broker

import (
	"errors"
	"net"
	"syscall"
	"testing"
	"time"
)

// Kind names a broker implementation.
type Kind string

// The brokers.
const (
	Mosquitto Kind = "mosquitto"
	Mochi     Kind = "mochi"
	Emulator  Kind = "emulator"
)

// Kinds are all of them.
var Kinds = []Kind{Mosquitto, Mochi, Emulator}

// What every broker decides about users and topics. Without a user name everyone may connect; a user name needs its
// password.
const (
	User     = "alice"
	Password = "correct horse"
	// Denied is the first level of the topics to which nobody may publish or subscribe.
	Denied = "denied"
)

// Options say how a broker is started.
type Options struct {
	// ReceiveMaximum is how many messages at QoS 1 and 2 a client may have under way; 0 means no limit. Mosquitto hangs
	// up on a client of MQTT 3.1.1 that has more at QoS 2, though it has no way to tell it the limit.
	ReceiveMaximum uint16
	// Durable makes the broker keep sessions and retained messages through a restart.
	Durable bool
	// ClientCertificates makes the broker refuse TLS clients without a certificate of the authority.
	ClientCertificates bool
}

// A Broker is running, unless it was killed.
type Broker struct {
	Kind Kind
	TCP  string // host:port
	TLS  string // host:port
	WS   string // host:port of WebSockets, the emulator's alone
	WSS  string // and over TLS
	// Files of the authority that has signed the broker's certificate, and of a client certificate it accepts.
	CA, Cert, Key string

	engine engine
}

// engine is what differs from broker to broker. Errors name the step that failed.
type engine interface {
	// start listens on the addresses.
	start() error
	// kill ends the broker abruptly: no DISCONNECT, nothing written that was not written before.
	kill() error
	// stop ends the broker as its operator would.
	stop() error
	// close leaves nothing behind.
	close() error
	// saved reports whether what a restart needs of a message with this payload is stored.
	saved(payload string) (bool, error)
}

// Start starts a broker that lives as long as the test. Where the program of the broker is not installed the test is
// skipped, or fails where that must not be: see [Require].
func Start(t testing.TB, kind Kind, o Options) *Broker {
	t.Helper()
	if kind == Mosquitto {
		Require(t, mosquittoProgram) // before anything is written
	}
	var err error
	for range startTries { // somebody may take a free port before the broker does
		b := &Broker{Kind: kind, TCP: freeAddress(t), TLS: freeAddress(t), CA: pki().file("ca.pem"),
			Cert: pki().file("client.pem"), Key: pki().file("client.key")}
		switch kind {
		case Mosquitto:
			b.engine = newMosquitto(t, b, o)
		case Mochi:
			b.engine = newMochi(b, o)
		case Emulator:
			b.engine = newEmulator(t, b, o)
		}
		if err = b.engine.start(); err == nil {
			t.Cleanup(func() {
				if err := b.engine.close(); err != nil {
					t.Errorf("%s: clean up: %v", kind, err)
				}
			})
			return b
		}
	}
	t.Fatalf("%s: %v", kind, err)
	return nil
}

const startTries = 5

// Kill ends the broker as SIGKILL does.
func (b *Broker) Kill(t testing.TB) {
	t.Helper()
	if err := b.engine.kill(); err != nil {
		t.Fatalf("%s: kill: %v", b.Kind, err)
	}
}

// Stop ends the broker in order.
func (b *Broker) Stop(t testing.TB) {
	t.Helper()
	if err := b.engine.stop(); err != nil {
		t.Fatalf("%s: stop: %v", b.Kind, err)
	}
}

// Restart starts the broker again, on the ports it had.
func (b *Broker) Restart(t testing.TB) {
	t.Helper()
	// A process that another test starts at this moment holds the old listener until it runs a program of its own.
	for deadline := time.Now().Add(startLimit); ; pause() {
		err := b.engine.start()
		if err == nil {
			return
		}
		if !errors.Is(err, syscall.EADDRINUSE) || time.Now().After(deadline) {
			t.Fatalf("%s: restart: %v", b.Kind, err)
		}
	}
}

// AwaitSaved waits until a durable broker has stored a message, so that a kill cannot lose it.
func (b *Broker) AwaitSaved(t testing.TB, payload string) {
	t.Helper()
	deadline := time.Now().Add(saveLimit)
	for {
		ok, err := b.engine.saved(payload)
		switch {
		case err != nil:
			t.Fatalf("%s: %v", b.Kind, err)
		case ok:
			return
		case time.Now().After(deadline):
			t.Fatalf("%s: %q is not stored after %v", b.Kind, payload, saveLimit)
		}
		pause()
	}
}

// Stored returns what Mosquitto has on disk, and will know after a restart. Topics and payloads are in it as they were
// sent.
func (b *Broker) Stored(t testing.TB) []byte {
	t.Helper()
	m, ok := b.engine.(*mosquitto)
	if !ok {
		t.Fatalf("%s: has no file to read", b.Kind)
	}
	text, err := m.stored()
	if err != nil {
		t.Fatalf("%s: %v", b.Kind, err)
	}
	return text
}

const saveLimit = 10 * time.Second

// pause is how long a condition that nobody announces is left alone.
func pause() { <-time.After(5 * time.Millisecond) }

// listening waits until something accepts connections on the address.
func listening(address string) bool {
	conn, err := net.DialTimeout("tcp", address, time.Second)
	if err != nil {
		return false
	}
	_ = conn.Close()
	return true
}
