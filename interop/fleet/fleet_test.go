package fleet

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/emulator"
	"github.com/gneiss-mqtt/gneiss-go/emulator/broker"
	"github.com/gneiss-mqtt/gneiss-go/emulator/iotcore"
	"github.com/gneiss-mqtt/gneiss-go/services/jobs"
	"github.com/gneiss-mqtt/gneiss-go/services/shadow"
)

// fleet is devices, who wants something of them, and counters of what has happened.
type fleet struct {
	srv     *emulator.Server
	claim   *emulator.Device
	dir     string
	seed    uint64
	devices []*device
	jobs    map[string]string // by thing

	cuts, dropped, again, refused atomic.Int64
	conflicts                     atomic.Int64 // version conflicts, told to whom they concern

	mu    sync.Mutex
	noted map[string]int // what the services have reported, by kind
	wrong []error        // what they must not report
}

// number is an environment variable.
func number(t *testing.T, name string, otherwise uint64) uint64 {
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

// note counts what a service has reported.
func (f *fleet) note(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	kind := ""
	switch {
	case errors.Is(err, mqtt.ErrSessionLost):
		kind = "session lost"
	case errors.Is(err, shadow.ErrVersionConflict), errors.Is(err, jobs.ErrVersionMismatch):
		kind = "version conflict"
	case errors.Is(err, mqtt.ErrClosed), errors.Is(err, context.Canceled): // at the end
		kind = "closed"
	default:
		f.wrong = append(f.wrong, err)
		return
	}
	f.noted[kind]++
}

// TestFleet is the life of many devices at the same time. In the end all have what is desired, have reported it, and have
// done their job once.
func TestFleet(t *testing.T) {
	before := goleak.IgnoreCurrent()
	f := &fleet{dir: t.TempDir(), seed: number(t, "GNEISS_SEED", uint64(time.Now().UnixNano())), jobs: map[string]string{}, noted: map[string]int{}}
	n := devices
	if os.Getenv("GNEISS_LONG") == "1" {
		n = 1000
	}
	n = int(number(t, "GNEISS_FLEET", uint64(n)))
	t.Logf("%d devices, GNEISS_SEED=%d", n, f.seed)
	began := time.Now()
	var err error
	o := emulator.Options{Events: broker.EventDelivered, OnEvent: f.watch}
	// AWS discards what is beyond 100 messages in a second to a connection. Those to an application that follows many
	// things, as ours do, may be answers, and nobody would know.
	o.IoT.Quotas.PublishesOut = iotcore.Unlimited
	// Nor is an account meant for so many devices that come and go within seconds.
	o.IoT.Quotas.AccountConnects, o.IoT.Quotas.AccountSubscribes = iotcore.Unlimited, iotcore.Unlimited
	f.srv, err = emulator.Start(o)
	must(t, err)
	must(t, f.srv.PutProvisioningTemplate(iotcore.ProvisioningTemplate{Name: template, Body: templateBody}))
	f.claim, err = f.srv.ProvisioningClaim(template)
	must(t, err)
	for i := range n {
		f.devices = append(f.devices, f.newDevice(i))
	}
	must(t, f.order())

	// AWS takes 100 messages in a second from a connection: an application for every 50 devices.
	var applications []*application
	for i := range (n + 49) / 50 {
		a, err := f.newApplication(i)
		must(t, err)
		applications = append(applications, a)
	}

	ctx, stop := f.guard(t.Context())
	defer stop()
	var provisioned, online, done atomic.Int64
	var phases sync.Map
	phase := func(name string, count *atomic.Int64) {
		if count.Add(1) == int64(n) {
			phases.Store(name, time.Since(began).Round(100*time.Millisecond))
		}
	}
	line := make(chan struct{}, 64) // how many are provisioned at a time
	var wg sync.WaitGroup
	var reports atomic.Int64
	for _, d := range f.devices {
		wg.Go(func() {
			line <- struct{}{}
			err := d.provision(ctx)
			<-line
			if err != nil {
				t.Errorf("%s: %v", d.name, err)
				return
			}
			phase("provisioned", &provisioned)
			if err := d.live(ctx); err != nil {
				t.Errorf("%s: %v", d.name, err)
				return
			}
			phase("online", &online)
			if online.Load() == int64(n/2) {
				must(t, f.srv.DropAll())
				f.dropped.Add(int64(n / 2))
			}
			a := applications[d.n/50]
			var writers sync.WaitGroup
			fails := make(chan error, 4)
			writers.Go(func() { fails <- d.press(ctx) })
			writers.Go(func() { fails <- errors.Join(d.wish(), d.orderLate()) })
			writers.Go(func() { fails <- errors.Join(a.change(ctx, d, "heat"), a.change(ctx, d, "eco")) })
			writers.Wait()
			close(fails)
			for err := range fails {
				if err != nil {
					t.Errorf("%s: %v", d.name, err)
				}
			}
			for range wishes {
				must(t, d.wish())
			}
			if err := d.equal(ctx, settings{Target: wishes, Mode: "eco", Presses: 2}); err != nil {
				t.Errorf("%s: %v", d.name, err)
			}
			x, err := d.finished(ctx)
			if err != nil {
				t.Errorf("%s: %v", d.name, err)
			}
			reports.Add(x.VersionNumber - 1)
			phase("done", &done)
		})
	}
	wg.Wait()
	var connects, requests, answers, evicted, unmatched uint64
	for _, d := range f.devices {
		if d.client != nil {
			connects += d.client.Stats().Connects
			s := d.requests.Stats()
			requests, answers, unmatched = requests+s.Requests, answers+s.Answers, unmatched+s.Unmatched
		}
	}
	for _, a := range applications {
		s := a.requests.Stats()
		requests, answers, evicted, unmatched = requests+s.Requests, answers+s.Answers, evicted+s.Evicted, unmatched+s.Unmatched
	}
	broker := f.srv.Stats()
	for _, a := range applications {
		wg.Go(a.close)
	}
	for _, d := range f.devices {
		wg.Go(d.close)
	}
	wg.Wait()
	must(t, f.srv.Close())
	stop()

	var when []string
	for _, name := range []string{"provisioned", "online", "done"} {
		at, _ := phases.Load(name)
		when = append(when, fmt.Sprintf("%s after %v", name, at))
	}
	t.Logf("%d devices: %s, closed after %v", n, strings.Join(when, ", "), time.Since(began).Round(100*time.Millisecond))
	t.Logf("%d connections were cut below TLS, %d by the broker; %d CONNECTs with identities of devices; provisioning began again %d times",
		f.cuts.Load(), f.dropped.Load(), connects, f.again.Load())
	t.Logf("%d requests, %d answers, %d answers to nobody, %d filters evicted; version conflicts: %d, of them %d at applications; reported: %v",
		requests, answers, unmatched, evicted, f.conflicts.Load(), f.refused.Load(), f.noted)
	t.Logf("%d executions of jobs, %d reports on them; the broker: %+v", done.Load(), reports.Load(), broker)
	if f.conflicts.Load() == 0 || f.cuts.Load() == 0 || f.dropped.Load() == 0 {
		t.Error("there were no conflicts, or no cuts: the test has shown nothing")
	}
	for i, err := range f.wrong {
		if i == 10 {
			t.Errorf("and %d more", len(f.wrong)-i)
			break
		}
		t.Errorf("a service reported: %v", err)
	}
	if err := goleak.Find(before); err != nil {
		t.Errorf("goroutines are left: %v", err)
	}
}

// watch counts the requests for shadows that are refused; all that are wrong here is the version.
func (f *fleet) watch(e broker.Event) {
	if strings.HasSuffix(e.Message.Topic, "/shadow/update/rejected") {
		f.conflicts.Add(1)
	}
}
