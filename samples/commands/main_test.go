package main

import (
	"testing"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/emulator/iotcore"
	"github.com/gneiss-mqtt/gneiss-go/samples/internal/lab"
)

func TestCommands(t *testing.T) {
	t.Parallel()
	srv := lab.Start(t)
	p := lab.Run(t, run, append(lab.Device(t, srv, "lamp-7"), "-thing", "lamp-7")...)
	p.Prints("lamp-7 obeys")
	for _, c := range []struct {
		id, payload, kind string
		want              iotcore.CommandStatus
	}{
		{"on", `{"light":"on"}`, "application/json", "SUCCEEDED"},
		{"blue", `{"light":"blue"}`, "application/json", "FAILED"},
		{"cbor", "\xa0", "application/cbor", "REJECTED"},
		{"text", "on!", "text/plain", "REJECTED"},
	} {
		if err := srv.CreateCommand(iotcore.Command{ID: c.id, Payload: []byte(c.payload), ContentType: c.kind}); err != nil {
			t.Fatal(err)
		}
		execution, err := srv.StartCommand(c.id, iotcore.CommandTarget{Kind: iotcore.TargetThings, ID: "lamp-7"}, time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		var x iotcore.CommandExecution
		lab.Until(t, func() bool {
			x, err = srv.CommandExecution(execution)
			return err == nil && x.Final
		}, func() string { return p.Output() })
		if x.Status != c.want {
			t.Errorf("%s is %+v, want %s", c.id, x, c.want)
		}
	}
	p.Prints("the light is on")
}
