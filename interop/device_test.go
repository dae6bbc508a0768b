package interop

import (
	"errors"
	"strconv"
	"testing"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// device is a client that notes its connections.
type device struct {
	*mqtt.Client
	wire *wire // nil unless the device is watched
	// farewell gets the will: only with it does one know that the broker has noticed the end of a connection.
	farewell *inbox
	ups      chan mqtt.Session
	downs    chan error
}

// start returns a client once it is connected. When the test ends it is shut down, unless the test has done so.
func (w *world) start(t testing.TB, name string, changes ...func(*setup)) *device {
	t.Helper()
	d := w.launch(t, name, changes...)
	d.up(t)
	return d
}

// startMortal is start for a device whose absence the broker notices when from knows of it.
func (w *world) startMortal(t testing.TB, name string, from *device, changes ...func(*setup)) *device {
	t.Helper()
	topic := w.name + "-farewell/" + name
	farewell := from.subscribe(t, packet.QoS1, topic)
	d := w.start(t, name, append(changes, watch, withWill(mqtt.Will{Topic: topic, Payload: []byte("gone"), QoS: packet.QoS1}))...)
	d.farewell = farewell
	return d
}

// launch starts a client that may never connect.
func (w *world) launch(t testing.TB, name string, changes ...func(*setup)) *device {
	t.Helper()
	d := &device{ups: make(chan mqtt.Session, 1024), downs: make(chan error, 1024)}
	cfg := setup{Config: w.config(t, name)}
	for _, change := range changes {
		change(&cfg)
	}
	cfg.Trace = &mqtt.Trace{
		Connected:    func(s mqtt.Session) { d.ups <- s },
		Disconnected: func(err error) { d.downs <- err },
		SubscriptionLost: func(filter string, err error) {
			t.Errorf("%s: subscription lost: %s: %v", name, filter, err)
		},
		Forgiven: func(err error) {
			if cfg.Strict {
				t.Errorf("%s: forgiven in strict mode: %v", name, err)
			}
		},
	}
	if cfg.watched {
		d.wire = newWire(&cfg.Config)
	}
	client, err := mqtt.New(cfg.Config)
	must(t, err)
	d.Client = client
	must(t, client.Start())
	t.Cleanup(func() {
		if err := client.Shutdown(t.Context()); err != nil {
			var left *mqtt.ShutdownError
			if !errors.As(err, &left) {
				t.Errorf("%s: shutdown: %v", name, err)
			}
		}
		<-client.Done()
	})
	return d
}

// up waits for the next connection.
func (d *device) up(t testing.TB) mqtt.Session {
	t.Helper()
	select {
	case s := <-d.ups:
		return s
	case <-within(t).Done():
		_, err := d.Connected(t.Context())
		t.Fatalf("not connected after %v: %s, %v", limit, d.State(), err)
	}
	panic("not reached")
}

// session is what was agreed on for the current connection.
func (d *device) session(t testing.TB) *mqtt.Session {
	t.Helper()
	session, err := d.Connected(within(t))
	must(t, err)
	return session
}

// down waits for the end of a connection and returns its reason.
func (d *device) down(t testing.TB) error {
	t.Helper()
	select {
	case err := <-d.downs:
		return err
	case <-within(t).Done():
		t.Fatalf("still connected after %v: %s", limit, d.State())
	}
	panic("not reached")
}

// closed waits until the device has closed itself.
func (d *device) closed(t testing.TB) {
	t.Helper()
	select {
	case <-d.Done():
	case <-within(t).Done():
		t.Fatalf("not closed after %v: %s", limit, d.State())
	}
}

// oneConnection fails the test where the device has lost its connection meanwhile.
func (d *device) oneConnection(t testing.TB) {
	t.Helper()
	select {
	case err := <-d.downs:
		t.Errorf("the connection was lost: %v", err)
	default:
	}
}

// send publishes and waits for the end of the exchange.
func (d *device) send(t testing.TB, p mqtt.Publish) mqtt.PublishResult {
	t.Helper()
	result, err := d.Publish(within(t), p)
	must(t, err)
	return result
}

func (d *device) publish(t testing.TB, qos packet.QoS, topic string, payloads ...string) {
	t.Helper()
	for _, payload := range payloads {
		d.send(t, mqtt.Publish{Topic: topic, QoS: qos, Payload: []byte(payload)})
	}
}

// publishAll sends the payloads without waiting in between, then waits for all.
func (d *device) publishAll(t testing.TB, qos packet.QoS, topic string, payloads ...string) {
	t.Helper()
	done := make(chan error, len(payloads))
	for _, payload := range payloads {
		p := mqtt.Publish{Topic: topic, QoS: qos, Payload: []byte(payload)}
		must(t, d.PublishAsync(p, func(_ mqtt.PublishResult, err error) { done <- err }))
	}
	awaitAll(t, done, len(payloads))
}

// awaitAll waits for the results of n operations, as long as there is progress.
func awaitAll(t testing.TB, done <-chan error, n int) {
	t.Helper()
	late := time.NewTimer(limit)
	defer late.Stop()
	for i := range n {
		select {
		case err := <-done:
			must(t, err)
			late.Reset(limit)
		case <-late.C:
			t.Fatalf("%d of %d operations are over, and no other for %v", i, n, limit)
		}
	}
}

// numbered returns PREFIX-from to PREFIX-to, the end not included.
func numbered(prefix string, from, to int) []string {
	list := make([]string, 0, to-from)
	for i := from; i < to; i++ {
		list = append(list, prefix+"-"+itoa(i))
	}
	return list
}

func itoa(n int) string { return strconv.Itoa(n) }
