package azure

import (
	"context"
	"errors"
	"testing"
	"time"

	azureiot "github.com/gneiss-mqtt/gneiss-go/builders/azure"
	"github.com/gneiss-mqtt/gneiss-go/builders/azure/dps"
	"github.com/gneiss-mqtt/gneiss-go/builders/azure/iothub"
	"github.com/gneiss-mqtt/gneiss-go/builders/direct"
	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
	"github.com/gneiss-mqtt/gneiss-go/emulator"
	"github.com/gneiss-mqtt/gneiss-go/emulator/azure"
)

// overTLS is where servers listen that speak TLS.
func overTLS() emulator.Options { return emulator.Options{TLSAddr: "127.0.0.1:0"} }

// trusting trusts a server, and certified has a certificate of it.
func trusting(s *emulator.Server) func(*azureiot.Options) {
	return func(o *azureiot.Options) { o.RootCAs = []direct.PEM{direct.Bytes(s.CA())} }
}

func certified(t *testing.T, s *emulator.Server, name string) azureiot.Identity {
	t.Helper()
	files, err := s.WriteCerts(t.TempDir(), name)
	must(t, err)
	return azureiot.Files(files.Cert, files.Key)
}

// run connects a client and publishes.
func run(t *testing.T, cfg mqtt.Config, topic string) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	failed := make(chan error, 1)
	cfg.Trace = &mqtt.Trace{ConnectFailed: func(err *mqtt.ConnectError, _ time.Duration) {
		select {
		case failed <- err:
			cancel()
		default:
		}
	}}
	c, err := mqtt.New(cfg)
	must(t, err)
	defer func() {
		_ = c.Close()
		<-c.Done()
	}()
	must(t, c.Start())
	if _, err := c.Publish(ctx, mqtt.Publish{Topic: topic, QoS: 1}); err != nil {
		select {
		case err = <-failed:
		default:
		}
		return err
	}
	return nil
}

func TestEventGridWithCertificate(t *testing.T) {
	t.Parallel()
	g, err := azure.StartEventGrid(azure.EventGridOptions{Server: overTLS()})
	must(t, err)
	closing(t, g)
	for _, v := range []packet.Version{packet.V5, packet.V311} {
		cfg := mqtt.Config{ClientID: "line-" + v.String()[5:6], Username: "line-4", Version: v}
		cfg.Endpoint, err = azureiot.EventGridX509(g.TLSAddr(), certified(t, g.Server, "line-4"), trusting(g.Server))
		must(t, err)
		must(t, run(t, azureiot.EventGridDefaults(cfg), "t"))
	}
	e, err := azureiot.EventGridWebhook(g.TLSAddr(), azureiot.Webhook{}, trusting(g.Server))
	must(t, err)
	err = run(t, mqtt.Config{Endpoint: e, ClientID: "nobody", Username: "line-4", Password: []byte("x")}, "t")
	if !errors.Is(err, &mqtt.ReasonError{Packet: packet.CONNACK, Code: packet.NotAuthorized}) {
		t.Errorf("without a certificate: %v", err)
	}
}

func TestHubWithCertificate(t *testing.T) {
	t.Parallel()
	got := make(chan azure.Telemetry, 1)
	h, err := azure.StartHub(azure.HubOptions{Server: overTLS(), Host: "127.0.0.1", Devices: map[string]string{"pump-7": "", "pump-8": ""},
		OnTelemetry: func(m azure.Telemetry) { got <- m }})
	must(t, err)
	closing(t, h)
	for name, ok := range map[string]bool{"pump-7": true, "pump-8": false} {
		d := azureiot.Device{ID: name}
		e, err := azureiot.IoTHubX509(h.TLSAddr(), d, certified(t, h.Server, "pump-7"), trusting(h.Server))
		must(t, err)
		cfg := d.Defaults(mqtt.Config{Endpoint: e})
		c, err := mqtt.New(cfg)
		must(t, err)
		topic := iothub.New(c, d).Publish(iothub.Telemetry{}).Topic
		must(t, c.Close())
		if err := run(t, cfg, topic); (err == nil) != ok {
			t.Errorf("%s with the certificate of pump-7: %v", name, err)
		}
	}
	if m := <-got; m.Device != "pump-7" {
		t.Errorf("got %+v", m)
	}
}

func TestProvisioningWithCertificate(t *testing.T) {
	t.Parallel()
	s, err := azure.StartDPS(azure.DPSOptions{Server: overTLS(), Scope: scope, Keys: map[string]string{"sn-007": "", "sn-008": ""}, Hub: "hub.azure-devices.net"})
	must(t, err)
	closing(t, s)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	o := dps.Options{Scope: scope, RegistrationID: "sn-007", Host: s.TLSAddr(), Identity: certified(t, s.Server, "sn-007"), Azure: trusting(s.Server)}
	a, err := dps.Register(ctx, o)
	must(t, err)
	if e, d, err := a.Endpoint(); err != nil || d.ID != "sn-007" || e.Name != "mqtts://hub.azure-devices.net:8883" {
		t.Errorf("%s, %v", e.Name, err)
	}
	o.RegistrationID = "sn-008"
	if _, err := dps.Register(ctx, o); !errors.Is(err, &mqtt.ReasonError{Packet: packet.CONNACK, Code: packet.NotAuthorized}) {
		t.Errorf("with another's certificate: %v", err)
	}
}

// A certificate that is replaced is used by the next connection, which a planned reconnect makes.
func TestCertificateIsReplaced(t *testing.T) {
	t.Parallel()
	g, err := azure.StartEventGrid(azure.EventGridOptions{Server: overTLS()})
	must(t, err)
	closing(t, g)
	e, err := azureiot.EventGridX509(g.TLSAddr(), certified(t, g.Server, "line-4"), trusting(g.Server))
	must(t, err)
	c, err := mqtt.New(azureiot.EventGridDefaults(mqtt.Config{Endpoint: e, ClientID: "line-4"}))
	must(t, err)
	defer c.Close()
	must(t, c.Start())
	connected(t, c)
	must(t, c.Reconnect(t.Context()))
	// On a busy machine a CONNECT may have taken so much longer than the next that they arrive within a second.
	if s := g.Seen(); s.Attempts-s.TooSoon != 2 {
		t.Errorf("%+v", s)
	}
}
