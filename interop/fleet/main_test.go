package fleet

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"

	awsiot "github.com/gneiss-mqtt/gneiss-go/builders/aws"
	"github.com/gneiss-mqtt/gneiss-go/builders/direct"
	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/reqres"
	"github.com/gneiss-mqtt/gneiss-go/emulator"
	"github.com/gneiss-mqtt/gneiss-go/emulator/broker"
	"github.com/gneiss-mqtt/gneiss-go/emulator/iotcore"
	"github.com/gneiss-mqtt/gneiss-go/services/provisioning"
)

func TestMain(m *testing.M) {
	code := m.Run()
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, "FAIL: goroutines are left:", err)
		code = 1
	}
	os.Exit(code)
}

// limit is how long anything may take that should happen at once.
const limit = 30 * time.Second

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// within returns a context that ends with the test, or after the limit.
func within(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	t.Cleanup(cancel)
	return ctx
}

// await asks until the answer is yes. The cloud's side of the emulator has nobody to wait for.
func await(ctx context.Context, ok func() (bool, error)) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		yes, err := ok()
		if yes || err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// client returns a client that has been started with a certificate, as a device at AWS IoT Core. n may be nil. A clean
// start forgets the session at every connection; without it the broker keeps it.
func client(srv *emulator.Server, id string, identity awsiot.Identity, n *network, cleanStart bool) (*mqtt.Client, error) {
	endpoint, err := awsiot.MTLS(srv.Endpoint(), identity, func(o *awsiot.Options) {
		o.RootCAs = []direct.PEM{direct.Bytes(srv.CA())}
		if n != nil {
			o.Direct = func(d *direct.Options) { d.DialContext = n.dial }
		}
	})
	if err != nil {
		return nil, err
	}
	c, err := mqtt.New(awsiot.Defaults(mqtt.Config{
		Endpoint: endpoint, ClientID: id, CleanStart: cleanStart, Reconnect: mqtt.Backoff{Min: 20 * time.Millisecond, Max: 500 * time.Millisecond},
	}))
	if err != nil {
		return nil, err
	}
	return c, c.Start()
}

// world is an emulator with one device, for the tests of a service at a time.
type world struct {
	*emulator.Server
	t        testing.TB
	requests *reqres.Client
	reported chan error        // what the requests' client has nobody to tell
	arrived  chan broker.Event // messages that the broker has got
}

const thing = "pump-7"

func newWorld(t testing.TB, edit ...func(*emulator.Options)) *world {
	t.Helper()
	w := &world{t: t, reported: make(chan error, 1000), arrived: make(chan broker.Event, 1000)}
	o := emulator.Options{Events: broker.EventPublished, OnEvent: func(e broker.Event) {
		if e.Client.ID != "" {
			w.arrived <- e
		}
	}}
	o.IoT.Quotas.PublishesOut = iotcore.Unlimited // what is above 100 in a second would be discarded
	for _, f := range edit {
		f(&o)
	}
	srv, err := emulator.Start(o)
	must(t, err)
	t.Cleanup(func() { must(t, srv.Close()) })
	w.Server = srv
	d, err := srv.Device(thing)
	must(t, err)
	c, err := client(srv, thing, awsiot.PEM(d.CertPEM, d.KeyPEM), nil, false)
	must(t, err)
	t.Cleanup(func() { _ = c.Close(); <-c.Done() })
	w.requests = reqres.New(c, func(o *reqres.Options) { o.Report = func(err error) { w.reported <- err } })
	return w
}

// newCSR makes a key and a request for its certificate.
func newCSR(t testing.TB) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	csr, err := provisioning.CSR(key, "device")
	must(t, err)
	return csr
}
