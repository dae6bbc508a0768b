package interop

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/reqres"
	"github.com/gneiss-mqtt/gneiss-go/emulator"
	"github.com/gneiss-mqtt/gneiss-go/emulator/iotcore"
	"github.com/gneiss-mqtt/gneiss-go/emulator/memnet"
	"github.com/gneiss-mqtt/gneiss-go/services/commands"
	"github.com/gneiss-mqtt/gneiss-go/services/jobs"
	"github.com/gneiss-mqtt/gneiss-go/services/provisioning"
	"github.com/gneiss-mqtt/gneiss-go/services/shadow"
)

const fleetTemplate = `{
	"Parameters": {"SerialNumber": {"Type": "String"}, "AWS::IoT::Certificate::Id": {"Type": "String"}},
	"Resources": {
		"thing": {"Type": "AWS::IoT::Thing", "Properties": {"ThingName": {"Fn::Join": ["", ["device-", {"Ref": "SerialNumber"}]]}},
			"OverrideSettings": {"AttributePayload": "MERGE"}},
		"certificate": {"Type": "AWS::IoT::Certificate", "Properties": {"CertificateId": {"Ref": "AWS::IoT::Certificate::Id"}, "Status": "Active"}},
		"policy": {"Type": "AWS::IoT::Policy", "Properties": {"PolicyDocument": "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"iot:*\",\"Resource\":\"*\"}]}"}}
	}
}`

// fleet is devices in one process, and their account.
type fleet struct {
	t    *testing.T
	srv  *emulator.Server
	mem  *memnet.Network
	dir  string
	runs []atomic.Int32 // of the job, by device
	cmds []atomic.Int32 // of the command
	errs atomic.Int32   // what was tried again
}

// level is what the cloud desires of a device, and name what the device tells.
type level struct {
	Level int    `json:"level"`
	Name  string `json:"name"`
}

// fleetDevice is one of the fleet, provisioned and connected.
type fleetDevice struct {
	client *mqtt.Client
	sync   *shadow.Sync[level]
	stop   func()
}

func (f *fleet) client(id string, config *tls.Config) *mqtt.Client {
	endpoint := mqtt.Endpoint{Name: "fleet", Limits: mqtt.Limits{FiltersPerSubscribe: 8, NoSubscriptionIDs: true},
		Dial: func(ctx context.Context) (net.Conn, error) {
			if config == nil {
				return f.mem.DialContext(ctx, "mem", "broker")
			}
			conn, err := f.mem.DialContext(ctx, "mem", "broker:8883")
			if err != nil {
				return nil, err
			}
			secure := tls.Client(conn, config)
			if err := secure.HandshakeContext(ctx); err != nil {
				return nil, errors.Join(err, conn.Close())
			}
			return secure, nil
		}}
	c, err := mqtt.New(mqtt.Config{Endpoint: endpoint, ClientID: id, SessionExpiry: time.Hour, ResumeUnknown: true,
		Reconnect: mqtt.Backoff{Min: 10 * time.Millisecond, Max: time.Second}})
	if err == nil {
		err = c.Start()
	}
	if err != nil {
		f.t.Error(err)
	}
	return c
}

// provision gets an identity by claim, as often as it takes.
func (f *fleet) provision(ctx context.Context, i int) (*provisioning.Identity, error) {
	claim := f.client(fmt.Sprint("claim-", i), nil)
	defer func() { _ = claim.Shutdown(ctx) }()
	requests := reqres.New(claim)
	for {
		id, err := provisioning.Provision(ctx, requests, provisioning.Options{Template: "fleet", OwnKey: true,
			Format: []provisioning.Format{provisioning.JSON, provisioning.CBOR}[i%2], Dir: filepath.Join(f.dir, fmt.Sprint(i)),
			Parameters: map[string]string{"SerialNumber": fmt.Sprint(i)}})
		if err == nil || ctx.Err() != nil {
			return id, err
		}
		f.errs.Add(1)
	}
}

func (f *fleet) start(ctx context.Context, i int) (*fleetDevice, error) {
	id, err := f.provision(ctx, i)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(f.srv.CA())
	client := f.client(id.ThingName, &tls.Config{RootCAs: roots, ServerName: "localhost", Certificates: []tls.Certificate{id.TLS()}})
	requests := reqres.New(client)
	report := func(error) { f.errs.Add(1) }
	d := &fleetDevice{client: client}

	s, err := shadow.New(requests, id.ThingName)
	if err != nil {
		return nil, err
	}
	if d.sync, err = shadow.Start(s, level{}, func(o *shadow.SyncOptions[level]) { o.Report = report }); err != nil {
		return nil, err
	}
	j, err := jobs.New(requests, id.ThingName)
	if err != nil {
		return nil, err
	}
	agent := jobs.NewAgent(j, func(ctx context.Context, job *jobs.Job) error {
		f.runs[i].Add(1)
		_ = job.Progress(ctx, map[string]string{"percent": "50"}) // one that is lost does no harm
		return nil
	}, func(o *jobs.AgentOptions) { o.Report = report })
	c, err := commands.New(requests, commands.Things, id.ThingName)
	if err != nil {
		return nil, err
	}
	server, err := c.Serve(ctx, func(context.Context, *commands.Command) (commands.Result, error) {
		f.cmds[i].Add(1)
		return nil, nil
	}, func(o *commands.ServeOptions) { o.Report, o.Formats = report, []commands.Format{commands.JSON} })
	if err != nil {
		return nil, err
	}
	working, cancel := context.WithCancel(context.WithoutCancel(ctx))
	over := make(chan struct{})
	go func() {
		defer close(over)
		_ = agent.Run(working)
	}()
	d.stop = func() {
		cancel()
		<-over
		server.Close()
		d.sync.Close()
		client.Close()
		<-client.Done()
	}
	return d, nil
}

// A fleet is provisioned, kept in sync, and does a job and a command each, while connections are cut, sessions are lost,
// versions conflict and requests are throttled. In the end every shadow is equal, every job was done once, and nothing
// hangs. GNEISS_LONG=1 takes 1,000 devices instead of 60.
func TestFleet(t *testing.T) {
	n := 60
	if os.Getenv("GNEISS_LONG") == "1" {
		n = 1000
	}
	f := &fleet{t: t, mem: memnet.New(memnet.Link{}, 1), dir: t.TempDir(), runs: make([]atomic.Int32, n), cmds: make([]atomic.Int32, n)}
	var err error
	if f.srv, err = emulator.Start(emulator.Options{Mem: f.mem}); err != nil {
		t.Fatal(err)
	}
	defer f.srv.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(f.srv.PutProvisioningTemplate(iotcore.ProvisioningTemplate{Name: "fleet", Body: fleetTemplate}))
	must(f.srv.CreateCommand(iotcore.Command{ID: "blink", Payload: []byte("{}"), ContentType: "application/json"}))
	things := make([]string, n)
	for i := range things {
		things[i] = fmt.Sprint("device-", i)
	}
	for i := 0; i < n; i += 100 {
		must(f.srv.CreateJob(iotcore.Job{ID: fmt.Sprint("update-", i/100), Document: json.RawMessage(`{}`), Things: slices.Clone(things[i:min(n, i+100)])}))
	}
	for _, topic := range []string{"$aws/things/+/shadow/update", "$aws/things/+/jobs/+/update", "$aws/things/+/jobs/start-next"} {
		code := "429"
		if strings.Contains(topic, "jobs") {
			code = "RequestThrottled"
		}
		_, err := f.srv.InjectFault(iotcore.Fault{Topic: topic, Times: n / 3, Reject: code, Message: "too many"})
		must(err)
	}

	trouble, peace := context.WithCancel(ctx)
	defer peace()
	var calm sync.WaitGroup
	calm.Go(func() { // a network that fails, and a broker that forgets
		for i := 0; trouble.Err() == nil; i++ {
			thing := things[rand.IntN(n)]
			if i%3 == 0 {
				_ = f.srv.EndSession(thing)
			} else {
				_ = f.srv.DropClient(thing)
			}
			pause(trouble, time.Second/time.Duration(n))
		}
	})
	desired := make([]int, n)
	calm.Go(func() { // an application that changes its mind
		for trouble.Err() == nil {
			i := rand.IntN(n)
			desired[i]++
			_, err := f.srv.UpdateShadow(things[i], "", fmt.Appendf(nil, `{"state":{"desired":{"level":%d}}}`, desired[i]))
			if err != nil {
				t.Error(err)
			}
			pause(trouble, time.Second/time.Duration(n))
		}
	})

	devices := make([]*fleetDevice, n)
	var all sync.WaitGroup
	slots := make(chan struct{}, 50) // handshakes at a time
	for i := range n {
		all.Go(func() {
			slots <- struct{}{}
			d, err := f.start(ctx, i)
			<-slots
			if err != nil {
				t.Errorf("device %d: %v", i, err)
				return
			}
			devices[i] = d
			if err := d.sync.Change(ctx, func(l *level) { l.Name = things[i] }); err != nil {
				t.Errorf("device %d: %v", i, err)
			}
		})
	}
	all.Wait()
	peace()
	calm.Wait()
	for i, d := range devices {
		if d != nil {
			all.Go(func() {
				f.settled(ctx, i, d, desired[i])
				d.stop()
			})
		}
	}
	all.Wait()
	t.Logf("%d devices; %d errors were reported and tried again", n, f.errs.Load())
}

// settled waits until a device has done all it has to, and sends it a command then.
func (f *fleet) settled(ctx context.Context, i int, d *fleetDevice, desired int) {
	thing := fmt.Sprint("device-", i)
	want := level{desired, thing}
	f.until(ctx, thing, func() (bool, string) {
		var doc struct{ State struct{ Reported level } }
		raw, err := f.srv.Shadow(thing, "")
		if err == nil {
			err = json.Unmarshal(raw, &doc)
		}
		job, err2 := f.srv.JobExecution(fmt.Sprint("update-", i/100), thing)
		ok := errors.Join(err, err2) == nil && doc.State.Reported == want && d.sync.Value() == want && job.Status == "SUCCEEDED"
		return ok, fmt.Sprintf("shadow %s, value %+v, want %+v, job %s; %v", raw, d.sync.Value(), want, job.Status, errors.Join(err, err2))
	})
	// The network's last failure may have left it without a connection, and a command is not sent twice. Subscriptions are
	// restored before anything is published.
	if _, err := d.client.Publish(ctx, mqtt.Publish{Topic: "here/" + thing, QoS: 1}); err != nil {
		f.t.Errorf("%s: %v", thing, err)
		return
	}
	execution, err := f.srv.StartCommand("blink", iotcore.CommandTarget{Kind: iotcore.TargetThings, ID: thing}, time.Minute)
	if err != nil {
		f.t.Error(err)
	}
	f.until(ctx, thing, func() (bool, string) {
		command, err := f.srv.CommandExecution(execution)
		return err == nil && command.Status == "SUCCEEDED", fmt.Sprintf("command %s; %v", command.Status, err)
	})
	if jobs, commands := f.runs[i].Load(), f.cmds[i].Load(); jobs != 1 || commands != 1 {
		f.t.Errorf("%s did the job %d times, and obeyed %d times", thing, jobs, commands)
	}
}

func (f *fleet) until(ctx context.Context, thing string, ok func() (bool, string)) {
	for {
		done, text := ok()
		if done {
			return
		}
		if ctx.Err() != nil {
			f.t.Errorf("%s is not done: %s", thing, text)
			return
		}
		pause(ctx, 10*time.Millisecond)
	}
}

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
