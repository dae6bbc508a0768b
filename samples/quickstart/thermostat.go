package main

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/gneiss-mqtt/gneiss-go/emulator"
	"github.com/gneiss-mqtt/gneiss-go/services/shadow"
)

// settings are what the thermostat and its shadow have in common.
type settings struct {
	Target float64 `json:"target"` // °C
	Mode   string  `json:"mode"`
}

// warmest is what this thermostat can do.
const warmest = 25

// thermostat keeps the settings and the shadow equal, whichever side changes them.
func thermostat(ctx context.Context, s *story, cloud *emulator.Server, d *device) error {
	client, err := shadow.New(d.requests, d.identity.ThingName)
	if err != nil {
		return err
	}
	d.settings, err = shadow.Start(client, settings{Target: 19, Mode: "heat"}, func(o *shadow.SyncOptions[settings]) {
		o.Apply = func(_ context.Context, _, want settings) (settings, error) {
			want.Target = min(want.Target, warmest) // what cannot be done is not claimed
			return want, nil
		}
	})
	if err != nil {
		return err
	}
	if err := d.settings.Wait(ctx); err != nil {
		return err
	}
	s.say("the device reported %+v", d.settings.Value())

	if err := desire(cloud, d, `{"target": 21.5}`); err != nil {
		return err
	}
	err = d.reported(ctx, cloud, settings{21.5, "heat"})
	if err := s.check(err == nil, "the cloud wanted 21.5 °C: the device is at %v °C and has said so", d.settings.Value().Target); err != nil {
		return err
	}
	if err := d.settings.Change(ctx, func(v *settings) { v.Mode = "eco" }); err != nil { // somebody pressed the button
		return err
	}
	err = d.reported(ctx, cloud, settings{21.5, "eco"})
	return s.check(err == nil, "the button was pressed: the shadow has mode %q", d.settings.Value().Mode)
}

// desire changes the shadow as an application in the cloud does.
func desire(cloud *emulator.Server, d *device, state string) error {
	_, err := cloud.UpdateShadow(d.identity.ThingName, "", fmt.Appendf(nil, `{"state": {"desired": %s}}`, state))
	return err
}

// reported waits until device and shadow both have the settings.
func (d *device) reported(ctx context.Context, cloud *emulator.Server, want settings) error {
	return await(ctx, func() (bool, error) {
		text, err := cloud.Shadow(d.identity.ThingName, "")
		if err != nil {
			return false, err
		}
		var document struct {
			State struct {
				Reported settings `json:"reported"`
			} `json:"state"`
		}
		if err := json.Unmarshal(text, &document); err != nil {
			return false, err
		}
		return d.settings.Value() == want && document.State.Reported == want, nil
	})
}
