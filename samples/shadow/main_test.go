package main

import (
	"encoding/json"
	"testing"

	"github.com/gneiss-mqtt/gneiss-go/samples/internal/lab"
)

func TestShadow(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"", "room"} {
		t.Run("name "+name, func(t *testing.T) {
			t.Parallel()
			srv := lab.Start(t)
			p := lab.Run(t, run, append(lab.Device(t, srv, "thermostat-7"), "-thing", "thermostat-7", "-name", name)...)
			p.Prints("thermostat-7")
			p.Prints("the shadow has version 2")
			if _, err := srv.UpdateShadow("thermostat-7", name, []byte(`{"state":{"desired":{"target":40}}}`)); err != nil {
				t.Fatal(err)
			}
			p.Prints("the cloud wants {20 eco}: now {28 eco}")
			var doc struct {
				State struct{ Reported settings }
			}
			lab.Until(t, func() bool {
				raw, err := srv.Shadow("thermostat-7", name)
				return err == nil && json.Unmarshal(raw, &doc) == nil && doc.State.Reported == settings{28, "eco"}
			}, func() string { return p.Output() })
			if err := srv.DropAll(); err != nil { // a network that fails
				t.Fatal(err)
			}
			if _, err := srv.UpdateShadow("thermostat-7", name, []byte(`{"state":{"desired":{"target":19}}}`)); err != nil {
				t.Fatal(err)
			}
			p.Prints("now {19 eco}")
		})
	}
}
