package interop

import (
	"errors"
	"testing"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/reqres"
	"github.com/gneiss-mqtt/gneiss-go/emulator"
	"github.com/gneiss-mqtt/gneiss-go/emulator/iotcore"
	"github.com/gneiss-mqtt/gneiss-go/services/defender"
	"github.com/gneiss-mqtt/gneiss-go/services/tunnels"
)

// The small services, against the emulator.
func TestDefenderAndTunnels(t *testing.T) {
	t.Parallel()
	srv, err := emulator.Start(emulator.Options{Addr: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = srv.Close() })
	m, err := mqtt.New(mqtt.Config{Endpoint: mqtt.Endpoint{Dial: srv.Dial}, ClientID: "lamp", CleanStart: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Close(); <-m.Done() })
	if err := m.Start(); err != nil {
		t.Fatal(err)
	}
	requests := reqres.New(m)
	lamp := ok(defender.New(requests, "lamp"))(t)
	report := defender.Report{Network: &defender.Network{BytesIn: 1}, ListeningTCP: []defender.Port{}}
	if err := lamp.Send(t.Context(), report); err != nil {
		t.Error(err)
	}
	if _, err := srv.InjectFault(iotcore.Fault{Topic: "$aws/things/lamp/defender/#", Times: 1, Reject: "InvalidPayload", Message: "because"}); err != nil {
		t.Fatal(err)
	}
	err = lamp.Send(t.Context(), report)
	if e, _ := errors.AsType[*defender.Error](err); !errors.Is(err, defender.ErrInvalid) || e.Message != "because" || e.Timestamp.IsZero() {
		t.Errorf("got %v", err)
	}
	got := make(chan *tunnels.Notification, 1)
	ok(tunnels.Listen(t.Context(), requests, "lamp", func(n *tunnels.Notification) { got <- n }))(t)
	if err := srv.NotifyTunnel("lamp", "secret", "SSH", "WEB"); err != nil {
		t.Fatal(err)
	}
	if n := <-got; n.Token != "secret" || n.Mode != tunnels.Destination || n.Region == "" || len(n.Services) != 2 {
		t.Errorf("got %v", n)
	}
}
