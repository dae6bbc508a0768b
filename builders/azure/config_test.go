package azureiot

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/fake"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

func fixed(token string) TokenSource {
	return func(context.Context) (azcore.AccessToken, error) { return azcore.AccessToken{Token: token}, nil }
}

// What is wrong is said when the endpoint is made.
func TestBadArguments(t *testing.T) {
	t.Parallel()
	credential := &fake.TokenCredential{}
	key := SAS{Key: vectorKey}
	for want, err := range map[string]error{
		"is a URL":            second(EventGrid("mqtts://user:hunter2@x", credential)),
		"no name has":         second(IoTHub("HostName=h;DeviceId=d;SharedAccessKey=hunter2=", Device{ID: "d"}, key)),
		"host is empty":       second(EventGrid("", credential)),
		"host for HTTP":       second(EventGrid("factory.westeurope-1.eventgrid.azure.net", credential)),
		"needs a credential":  second(EventGrid(eventGridName, nil)),
		"source of tokens":    second(EventGridToken(eventGridName, nil)),
		"needs an identity":   second(EventGridX509(eventGridName, Identity{})),
		"belong together":     second(EventGridWebhook(eventGridName, Webhook{Method: "M"})),
		"port is a number":    second(EventGrid("h:0", credential)),
		"Options.Port":        second(EventGrid("h", credential, func(o *Options) { o.Port = -1 })),
		"Options.MaxToken":    second(EventGrid("h", credential, func(o *Options) { o.MaxToken = 70000 })),
		"Options.WebSocket":   second(EventGrid("h", credential, func(o *Options) { o.Path = "/x" })),
		"no ID":               second(IoTHub("h", Device{}, key)),
		"does not take":       second(IoTHub("h", Device{ID: "a/b"}, key)),
		"not take":            second(IoTHub("h", Device{ID: "a+b"}, key)),
		"IoT Hub does":        second(IoTHub("h", Device{ID: "ü"}, key)),
		"longer than 128":     second(IoTHub("h", Device{ID: strings.Repeat("a", 129)}, key)),
		"want the name alone": second(IoTHub("h/x", Device{ID: "d"}, key)),
		"service account":     second(Operations("h", "")),
	} {
		if err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "azureiot: ") || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("want an error with %q, got %v", want, err)
		}
	}
}

func second(_ mqtt.Endpoint, err error) error { return err }

// The names say where a connection goes.
func TestWhereTo(t *testing.T) {
	t.Parallel()
	socket := func(o *Options) { o.WebSocket = true }
	first := func(e mqtt.Endpoint, err error) mqtt.Endpoint {
		if err != nil {
			t.Error(err)
		}
		return e
	}
	d, key := Device{ID: "pump-7"}, SAS{Key: vectorKey}
	for want, e := range map[string]mqtt.Endpoint{
		"mqtts://" + eventGridName + ":8883":            first(EventGridToken(eventGridName, fixed("x"))),
		"wss://" + eventGridName + "/mqtt":              first(EventGridToken(eventGridName, fixed("x"), socket)),
		"wss://" + eventGridName + "/other":             first(EventGridToken(eventGridName, fixed("x"), socket, func(o *Options) { o.Path = "other" })),
		"mqtts://hub.azure-devices.net:8883":            first(IoTHub("hub.azure-devices.net", d, key)),
		"wss://hub.azure-devices.net/$iothub/websocket": first(IoTHub("hub.azure-devices.net", d, key, socket)),
		"wss://localhost:4443/$iothub/websocket":        first(IoTHub("localhost:4443", d, key, socket)),
		"mqtts://aio-broker:18883":                      first(Operations("aio-broker", "/token")),
		"mqtts://localhost:1":                           first(EventGridToken("localhost:2", fixed("x"), func(o *Options) { o.Port = 1 })),
	} {
		if e.Name != want {
			t.Errorf("got %s, want %s", e.Name, want)
		}
	}
}

// What a service would end the connection for is refused before.
func TestPrepare(t *testing.T) {
	t.Parallel()
	grid, err := EventGridToken(eventGridName, fixed("x"))
	if err != nil {
		t.Fatal(err)
	}
	d := Device{ID: "pump-7", Module: "valve"}
	hub, err := IoTHub("hub.azure-devices.net", d, SAS{Key: vectorKey})
	if err != nil {
		t.Fatal(err)
	}
	for want, tt := range map[string]struct {
		e mqtt.Endpoint
		c packet.Connect
	}{
		"KeepAlive: want at most 1,160 s": {grid, packet.Connect{KeepAlive: 1161}},
		"Will.Delay":                      {grid, packet.Connect{Will: &packet.Will{DelayInterval: 301}}},
		"Will.QoS":                        {grid, packet.Connect{Will: &packet.Will{QoS: 2}}},
		"Version":                         {hub, packet.Connect{Version: packet.V5, ClientID: "pump-7/valve"}},
		"ClientID":                        {hub, packet.Connect{Version: packet.V311, ClientID: "pump-7"}},
		"Will.Topic":                      {hub, packet.Connect{Version: packet.V311, ClientID: "pump-7/valve", Will: &packet.Will{Topic: "devices/pump-7/messages/events/"}}},
		"KeepAlive: want at most 1,177 s": {hub, packet.Connect{Version: packet.V311, ClientID: "pump-7/valve", KeepAlive: 1178}},
	} {
		err := tt.e.Prepare(t.Context(), &tt.c)
		if err == nil || !strings.Contains(err.Error(), want) || !tt.e.Terminal(&mqtt.ConnectError{Err: err}) {
			t.Errorf("want a terminal error with %q, got %v", want, err)
		}
	}
	c := packet.Connect{Version: packet.V311, ClientID: "pump-7/valve"}
	if err := hub.Prepare(t.Context(), &c); err != nil || c.Username != "hub.azure-devices.net/pump-7/valve/?api-version=2021-04-12" ||
		!strings.HasPrefix(string(c.Password), "SharedAccessSignature sr=hub.azure-devices.net%2Fdevices%2Fpump-7%2Fmodules%2Fvalve&") {
		t.Errorf("user name %q, password %q, %v", c.Username, c.Password, err)
	}
	_, err = mqtt.New(mqtt.Config{Endpoint: grid, ClientID: "x", UserProperties: []packet.UserProperty{{Key: "a", Value: "b"}}})
	if err == nil || !strings.Contains(err.Error(), "user properties") {
		t.Errorf("got %v", err)
	}
}

func TestDefaults(t *testing.T) {
	t.Parallel()
	cfg := Device{ID: "d", Module: "m"}.Defaults(mqtt.Config{Version: packet.V5, ClientID: "x"})
	if cfg.Version != packet.V311 || cfg.ClientID != "d/m" || cfg.KeepAlive != time.Minute || !cfg.SlowStart || !cfg.ResumeUnknown {
		t.Errorf("%v", cfg.Version)
	}
	if cfg = EventGridDefaults(mqtt.Config{ClientID: "x"}); cfg.SessionExpiry != time.Hour || !cfg.ResumeUnknown {
		t.Error(cfg.SessionExpiry)
	}
	if cfg = EventGridDefaults(mqtt.Config{}); cfg.SessionExpiry != 0 || cfg.ResumeUnknown {
		t.Error(cfg.SessionExpiry)
	}
}

func TestExpiryOfJWT(t *testing.T) {
	t.Parallel()
	for token, want := range map[string]int64{
		"x.eyJleHAiOjE4OTM0NTYwMDB9.x":    1893456000,
		"x.eyJleHAiOjE4OTM0NTYwMDAuNX0.x": 1893456000, // with a fraction
		"x.eyJleHAiOjE4OTM0NTYwMDB9":      0,
		"x.!.x":                           0,
		"x.e30.x":                         0,
		"x.eyJleHAiOi0xfQ.x":              0,
		"x.eyJleHAiOjFlMzAwfQ.x":          0,
		"":                                0,
	} {
		if got := expiry(token); want == 0 && !got.IsZero() || want != 0 && got.Unix() != want {
			t.Errorf("%s: got %v", token, got)
		}
	}
}

// No verb prints a secret.
func TestSecrets(t *testing.T) {
	t.Parallel()
	id := PEM([]byte("certificate"), []byte("hunter2"))
	e, err := EventGridToken(eventGridName, fixed("hunter2"))
	if err != nil {
		t.Fatal(err)
	}
	x, err := e.Auth.Begin(t.Context(), false)
	if err != nil {
		t.Fatal(err)
	}
	if err := x.Done(t.Context(), nil); err != nil { // the broker has the token
		t.Fatal(err)
	}
	for _, v := range []any{id, Options{Scope: "s"}, mqtt.Config{Endpoint: e}, e, e.Auth, x} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
			if s := fmt.Sprintf(verb, v); strings.Contains(s, "hunter2") {
				t.Errorf("%s: %s", verb, s)
			}
		}
	}
}
