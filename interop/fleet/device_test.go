package fleet

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"sync/atomic"

	awsiot "github.com/gneiss-mqtt/gneiss-go/builders/aws"
	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/reqres"
	"github.com/gneiss-mqtt/gneiss-go/services/jobs"
	"github.com/gneiss-mqtt/gneiss-go/services/provisioning"
	"github.com/gneiss-mqtt/gneiss-go/services/shadow"
)

// settings are what a device and its shadow have in common. Each member has one writer but the device, which reports all.
type settings struct {
	Target  int    `json:"target"`  // of the cloud, which asks for nothing in return
	Mode    string `json:"mode"`    // of an application, which names the version that it has read
	Presses int    `json:"presses"` // of the device
}

// device is one of the fleet.
type device struct {
	f       *fleet
	n       int
	name    string
	network *network

	mu  sync.Mutex
	rng *rand.Rand

	identity *provisioning.Identity
	client   *mqtt.Client
	requests *reqres.Client
	settings *shadow.Sync[settings]

	wishing sync.Mutex // one wish at a time, in order
	wishes  int        // of the cloud, so far

	runs  atomic.Int32  // of the job's handler
	stop  func()        // ends the agent
	ended chan struct{} // it has
}

func (f *fleet) newDevice(n int) *device {
	seed := func(stream uint64) *rand.Rand { return rand.New(rand.NewPCG(f.seed, uint64(n)<<8|stream)) }
	return &device{f: f, n: n, name: fmt.Sprintf("pump-%04d", n), rng: seed(0), ended: make(chan struct{}),
		network: &network{rng: seed(1), cuts: 3, done: &f.cuts}}
}

// chance reports whether something happens, in so many of 100 cases.
func (d *device) chance(percent int) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.rng.IntN(100) < percent
}

// provision gets the device's identity with the claim of the whole fleet. It begins again as often as the network fails.
func (d *device) provision(ctx context.Context) error {
	c, err := client(d.f.srv, d.name, awsiot.PEM(d.f.claim.CertPEM, d.f.claim.KeyPEM), d.network, d.n%4 > 1)
	if err != nil {
		return err
	}
	defer func() { _ = c.Close(); <-c.Done() }()
	r := reqres.New(c)
	o := provisioning.Options{Template: template, Parameters: map[string]string{"SerialNumber": d.name},
		Dir: filepath.Join(d.f.dir, d.name), OwnKey: d.n%19 != 0, Format: provisioning.JSON}
	if d.n%3 == 0 {
		o.Format = provisioning.CBOR
	}
	for {
		d.identity, err = provisioning.Provision(ctx, r, o)
		switch {
		case err == nil:
			return nil
		case !errors.Is(err, mqtt.ErrSessionLost):
			return fmt.Errorf("provisioning: %w", hanging(ctx, err))
		}
		d.f.again.Add(1)
	}
}

// live connects with the identity, keeps the shadow in sync and does jobs until the end.
func (d *device) live(ctx context.Context) error {
	c, err := client(d.f.srv, d.name, awsiot.KeyPair(d.identity.TLS()), d.network, d.n%4 > 1)
	if err != nil {
		return err
	}
	d.client, d.requests = c, reqres.New(c)
	shadows, err := shadow.New(d.requests, d.name)
	if err != nil {
		return err
	}
	d.settings, err = shadow.Start(shadows, settings{Mode: "off"}, func(o *shadow.SyncOptions[settings]) {
		o.Apply, o.Report = d.apply, d.f.note
	})
	if err != nil {
		return err
	}
	work, err := jobs.New(d.requests, d.name)
	if err != nil {
		return err
	}
	agent := jobs.NewAgent(work, d.work, func(o *jobs.AgentOptions) { o.Report = d.f.note })
	working, stop := context.WithCancel(context.Background())
	d.stop = stop
	go func() {
		defer close(d.ended)
		_ = agent.Run(working)
	}()
	return hanging(ctx, d.settings.Wait(ctx))
}

// apply makes the device as desired. Now and then the cloud changes its mind just now, between what the device has read
// and what it will write.
func (d *device) apply(_ context.Context, _, want settings) (settings, error) {
	if d.chance(50) {
		if err := d.wish(); err != nil {
			return want, err
		}
	}
	return want, nil
}

// wishes is how often the cloud changes what it wants of a device.
const wishes = 3

// wish changes the shadow as the cloud does, unless it has done so often enough.
func (d *device) wish() error {
	d.wishing.Lock()
	defer d.wishing.Unlock()
	if d.wishes == wishes {
		return nil
	}
	d.wishes++
	_, err := d.f.srv.UpdateShadow(d.name, "", fmt.Appendf(nil, `{"state":{"desired":{"target":%d}}}`, d.wishes))
	return err
}

// work does a job, in the middle of which the connection may end.
func (d *device) work(ctx context.Context, job *jobs.Job) error {
	d.runs.Add(1)
	for _, percent := range []string{"50", "100"} {
		if d.chance(20) {
			d.drop()
		}
		if err := job.Progress(ctx, map[string]string{"percent": percent}); err != nil {
			d.f.note(err) // the last report has the details too
		}
	}
	return nil
}

// press changes the device where it stands.
func (d *device) press(ctx context.Context) error {
	for range 2 {
		if d.chance(20) {
			d.drop()
		}
		if err := d.settings.Change(ctx, func(v *settings) { v.Presses++ }); err != nil {
			return fmt.Errorf("change: %w", hanging(ctx, err))
		}
	}
	return nil
}

// drop ends the connection from the other side.
func (d *device) drop() {
	if d.f.srv.DropClient(d.name) == nil { // it may just have none
		d.f.dropped.Add(1)
	}
}

func (d *device) close() {
	if d.settings != nil {
		d.settings.Close()
	}
	if d.stop != nil {
		d.stop()
		<-d.ended
	}
	if d.client != nil {
		_ = d.client.Close()
		<-d.client.Done()
	}
}
