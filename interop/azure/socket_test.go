package azure

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	azureiot "github.com/gneiss-mqtt/gneiss-go/builders/azure"
	"github.com/gneiss-mqtt/gneiss-go/builders/azure/dps"
	"github.com/gneiss-mqtt/gneiss-go/builders/azure/iothub"
	mqttws "github.com/gneiss-mqtt/gneiss-go/builders/websocket"
	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
	"github.com/gneiss-mqtt/gneiss-go/emulator"
	"github.com/gneiss-mqtt/gneiss-go/emulator/azure"
)

// overSocket is where servers listen that speak WebSocket alone.
func overSocket() emulator.Options { return emulator.Options{WSSAddr: "127.0.0.1:0"} }

func socket(o *azureiot.Options) { o.WebSocket = true }

// open connects a client that is closed at the end of the test.
func open(t *testing.T, cfg mqtt.Config) *mqtt.Client {
	t.Helper()
	c, err := mqtt.New(cfg)
	must(t, err)
	t.Cleanup(func() {
		_ = c.Close()
		<-c.Done()
	})
	must(t, c.Start())
	connected(t, c)
	return c
}

// refused dials an endpoint, which has to fail with an HTTP status.
func refused(t *testing.T, e mqtt.Endpoint, err error, status int) {
	t.Helper()
	must(t, err)
	_, err = e.Dial(t.Context())
	var h *mqttws.HandshakeError
	if !errors.As(err, &h) || h.StatusCode != status {
		t.Errorf("%v, want status %d", err, status)
	}
}

// A token of an identity, renewed in place, and a certificate: both over a WebSocket, as on port 443.
func TestEventGridOverWebSocket(t *testing.T) {
	t.Parallel()
	issuer, err := azure.NewIssuer()
	must(t, err)
	g, err := azure.StartEventGrid(azure.EventGridOptions{Server: overSocket(), Issuer: issuer})
	must(t, err)
	closing(t, g)
	e, err := azureiot.EventGrid(g.WSSAddr(), newEntra(issuer), trusting(g.Server), socket)
	must(t, err)
	c := open(t, azureiot.EventGridDefaults(mqtt.Config{Endpoint: e, ClientID: "line-4"}))
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	sub, err := c.Subscribe(ctx, mqtt.Filter{Filter: "factory/#", QoS: 1})
	must(t, err)
	must(t, c.Reauthenticate(ctx))
	for _, v := range []packet.Version{packet.V5, packet.V311} {
		cfg := mqtt.Config{ClientID: "pump-" + v.String()[5:6], Username: "pump-7", Version: v}
		cfg.Endpoint, err = azureiot.EventGridX509(g.WSSAddr(), certified(t, g.Server, "pump-7"), trusting(g.Server), socket)
		must(t, err)
		must(t, run(t, azureiot.EventGridDefaults(cfg), "factory/pump-7"))
	}
	n := 0
	for m, err := range sub.Messages(ctx) {
		must(t, err)
		if m.Topic != "factory/pump-7" {
			t.Errorf("a message on %s", m.Topic)
		}
		if n++; n == 2 {
			break
		}
	}
	if s := g.Seen(); s.Attempts != 3 || s.Accepted != 1 {
		t.Errorf("%+v", s)
	}
	e, err = azureiot.EventGrid(g.WSSAddr(), newEntra(issuer), trusting(g.Server), socket, func(o *azureiot.Options) { o.Path = "/other" })
	refused(t, e, err, http.StatusNotFound)
}

// invoke calls a method once the hub has noted that the device takes any: it does so after its SUBACK.
func invoke(ctx context.Context, t *testing.T, h *azure.Hub, device, method string) (int, []byte) {
	t.Helper()
	for {
		status, body, err := h.Invoke(ctx, device, method, []byte("now"))
		if err == nil {
			return status, body
		}
		select {
		case <-time.After(5 * time.Millisecond):
		case <-ctx.Done():
			t.Fatal(err)
		}
	}
}

// A device with a key and one with a certificate: telemetry, twin and methods, and a signature that is replaced.
func TestHubOverWebSocket(t *testing.T) {
	t.Parallel()
	key, got := newKey(), make(chan azure.Telemetry, 4)
	h, err := azure.StartHub(azure.HubOptions{Server: overSocket(), Host: "127.0.0.1", Devices: map[string]string{"pump-7": key, "pump-8": ""},
		OnTelemetry: func(m azure.Telemetry) { got <- m }})
	must(t, err)
	closing(t, h)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for _, d := range []azureiot.Device{{ID: "pump-7"}, {ID: "pump-8"}} {
		e, err := azureiot.IoTHub(h.WSSAddr(), d, azureiot.SAS{Key: key}, trusting(h.Server), socket)
		if d.ID == "pump-8" {
			e, err = azureiot.IoTHubX509(h.WSSAddr(), d, certified(t, h.Server, d.ID), trusting(h.Server), socket)
		}
		must(t, err)
		device := iothub.New(open(t, d.Defaults(mqtt.Config{Endpoint: e})), d)
		_, err = device.Methods(ctx, func(m iothub.Method) (int, any) { return 200, m.Name })
		must(t, err)
		if status, body := invoke(ctx, t, h, d.ID, "reboot"); status != 200 || string(body) != `"reboot"` {
			t.Errorf("the method answered %d %s", status, body)
		}
		_, err = device.Report(ctx, map[string]any{"firmware": d.ID})
		must(t, err)
		if r := h.Reported(d.ID); r != `{"firmware":"`+d.ID+`"}` {
			t.Errorf("it reported %s", r)
		}
		must(t, device.Client().Reconnect(ctx))
		must(t, device.Send(ctx, iothub.Telemetry{Payload: []byte("7")}))
		if m := <-got; m.Device != d.ID || string(m.Payload) != "7" {
			t.Errorf("got %+v", m)
		}
	}
	if s := h.Seen(); s.Connects != 4 || s.Refused != 0 || s.Closed != 0 {
		t.Errorf("%+v", s)
	}
	e, err := azureiot.IoTHub(h.WSSAddr(), azureiot.Device{ID: "pump-7"}, azureiot.SAS{Key: key}, trusting(h.Server), socket, func(o *azureiot.Options) { o.Path = "/mqtt" })
	refused(t, e, err, http.StatusNotFound)
}

// From the enrollment to the hub, with nothing but WebSockets.
func TestProvisioningOverWebSocket(t *testing.T) {
	t.Parallel()
	key := newKey()
	h, err := azure.StartHub(azure.HubOptions{Server: overSocket(), Host: "127.0.0.1", Devices: map[string]string{"sn-007": key}})
	must(t, err)
	closing(t, h)
	s, err := azure.StartDPS(azure.DPSOptions{Server: overSocket(), Scope: scope, Keys: map[string]string{"sn-007": key}, Hub: h.WSSAddr()})
	must(t, err)
	closing(t, s)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	a, err := dps.Register(ctx, dps.Options{Scope: scope, RegistrationID: "sn-007", Host: s.WSSAddr(), Key: key, Azure: func(o *azureiot.Options) {
		trusting(s.Server)(o)
		socket(o)
	}})
	must(t, err)
	e, d, err := a.Endpoint(trusting(h.Server), socket)
	must(t, err)
	if e.Name != "wss://"+h.WSSAddr()+"/$iothub/websocket" {
		t.Errorf("assigned to %s", e.Name)
	}
	c := open(t, d.Defaults(mqtt.Config{Endpoint: e}))
	must(t, iothub.New(c, d).Send(ctx, iothub.Telemetry{Payload: []byte("7")}))
	if seen := h.Seen(); seen.Telemetry != 1 || seen.Connects != 1 {
		t.Errorf("%+v", seen)
	}
}
