package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/gneiss-mqtt/gneiss-go/samples/internal/lab"
)

func TestGateway(t *testing.T) {
	t.Parallel()
	srv := lab.Start(t)
	var things []string
	for i := range 20 {
		things = append(things, fmt.Sprint("sensor-", i))
	}
	p := lab.Run(t, run, append(lab.Device(t, srv, "gateway-1"), "-id", "gateway-1", "-things", strings.Join(things, ","))...)
	p.Prints("20 things on one connection, with")
	for i, thing := range things {
		every := fmt.Sprintf("%ds", i+1)
		if _, err := srv.UpdateShadow(thing, "", fmt.Appendf(nil, `{"state":{"desired":{"every":%q}}}`, every)); err != nil {
			t.Fatal(err)
		}
	}
	for i, thing := range things {
		var doc struct {
			State struct{ Reported sensor }
		}
		lab.Until(t, func() bool {
			raw, err := srv.Shadow(thing, "")
			return err == nil && json.Unmarshal(raw, &doc) == nil && doc.State.Reported.Every == fmt.Sprintf("%ds", i+1)
		}, func() string { return p.Output() })
		if doc.State.Reported.Temperature < 15 {
			t.Errorf("%s reports %v", thing, doc.State.Reported)
		}
	}
	if n := srv.Stats().Connections; n != 1 {
		t.Errorf("%d connections", n)
	}
}
