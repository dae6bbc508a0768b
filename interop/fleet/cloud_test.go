package fleet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"

	awsiot "github.com/gneiss-mqtt/gneiss-go/builders/aws"
	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/reqres"
	"github.com/gneiss-mqtt/gneiss-go/emulator/iotcore"
	"github.com/gneiss-mqtt/gneiss-go/services/shadow"
)

// template makes a thing, named by the serial number, for whoever has a claim.
const (
	template     = "fleet"
	templateBody = `{
  "Parameters": {"SerialNumber": {"Type": "String"}},
  "Resources": {
    "thing": {"Type": "AWS::IoT::Thing", "Properties": {"ThingName": {"Ref": "SerialNumber"}}},
    "certificate": {"Type": "AWS::IoT::Certificate", "Properties": {"CertificateId": {"Ref": "AWS::IoT::Certificate::Id"}, "Status": "Active"}}
  }
}`
)

// application is a program somewhere else that changes shadows over MQTT: of many things, on one connection.
type application struct {
	f        *fleet
	client   *mqtt.Client
	requests *reqres.Client
}

func (f *fleet) newApplication(n int) (*application, error) {
	id := fmt.Sprintf("application-%d", n)
	identity, err := f.srv.Device(id)
	if err != nil {
		return nil, err
	}
	c, err := client(f.srv, id, awsiot.PEM(identity.CertPEM, identity.KeyPEM), nil, n%2 == 1)
	if err != nil {
		return nil, err
	}
	return &application{f, c, reqres.New(c)}, nil
}

// change sets the mode of a device, based on what it has read. Where somebody was faster it reads again.
func (a *application) change(ctx context.Context, d *device, mode string) error {
	c, err := shadow.New(a.requests, d.name)
	if err != nil {
		return err
	}
	for {
		doc, err := c.Get(ctx)
		if err == nil {
			_, err = c.Update(ctx, shadow.Update{Desired: map[string]string{"mode": mode}, Version: doc.Version})
		}
		switch {
		case err == nil:
			return nil
		case errors.Is(err, shadow.ErrVersionConflict):
			a.f.refused.Add(1)
		case errors.Is(err, mqtt.ErrSessionLost):
		default:
			return fmt.Errorf("application: %w", hanging(ctx, err))
		}
	}
}

func (a *application) close() {
	_ = a.client.Close()
	<-a.client.Done()
}

// order creates jobs that wait for devices which are still to be made, so that every other device finds one.
func (f *fleet) order() error {
	var things []string
	for i, d := range f.devices {
		if d.n%2 == 0 {
			things = append(things, d.name)
		}
		if len(things) == 100 || i == len(f.devices)-1 && len(things) > 0 {
			err := f.srv.CreateJob(iotcore.Job{ID: fmt.Sprintf("early-%d", i), Things: things, Document: json.RawMessage(`{}`)})
			if err != nil {
				return err
			}
			for _, name := range things {
				f.jobs[name] = fmt.Sprintf("early-%d", i)
			}
			things = nil
		}
	}
	for _, d := range f.devices {
		if f.jobs[d.name] == "" {
			f.jobs[d.name] = "late-" + d.name
		}
	}
	return nil
}

// orderLate creates the job of a device that is connected, where it has none yet.
func (d *device) orderLate() error {
	if d.n%2 == 0 {
		return nil
	}
	return d.f.srv.CreateJob(iotcore.Job{ID: d.f.jobs[d.name], Things: []string{d.name}, Document: json.RawMessage(`{}`)})
}

// equal waits until the shadow has all that the device and the cloud want, and the device the same.
func (d *device) equal(ctx context.Context, want settings) error {
	var text []byte
	var is settings
	err := await(ctx, func() (bool, error) {
		var err error
		if text, err = d.f.srv.Shadow(d.name, ""); err != nil {
			return false, err
		}
		var document struct {
			State struct {
				Reported, Delta map[string]any
			}
		}
		if err := json.Unmarshal(text, &document); err != nil {
			return false, err
		}
		is = d.settings.Value()
		reported := map[string]any{"target": float64(want.Target), "mode": want.Mode, "presses": float64(want.Presses)}
		return is == want && document.State.Delta == nil && reflect.DeepEqual(document.State.Reported, reported), nil
	})
	if err != nil {
		return fmt.Errorf("the device is %+v at version %d, want %+v, the shadow %s: %w", is, d.settings.Version(), want, text, hanging(ctx, err))
	}
	return nil
}

// finished waits until the job has succeeded, and checks that it was done once.
func (d *device) finished(ctx context.Context) (iotcore.JobExecution, error) {
	var x iotcore.JobExecution
	err := await(ctx, func() (ok bool, err error) {
		x, err = d.f.srv.JobExecution(d.f.jobs[d.name], d.name)
		return x.Status != iotcore.ExecutionQueued && x.Status != iotcore.ExecutionInProgress, err
	})
	switch {
	case err != nil:
		return x, fmt.Errorf("the job is %s: %w", x.Status, hanging(ctx, err))
	case x.Status != iotcore.ExecutionSucceeded || x.ExecutionNumber != 1 || x.StatusDetails["percent"] != "100" || d.runs.Load() != 1:
		return x, fmt.Errorf("the job was done %d times: %+v", d.runs.Load(), x)
	}
	return x, nil
}
