package awsiot_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	awsiot "github.com/gneiss-mqtt/gneiss-go/builders/aws"
	"github.com/gneiss-mqtt/gneiss-go/builders/direct"
	mqttws "github.com/gneiss-mqtt/gneiss-go/builders/websocket"
	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

func TestDefaults(t *testing.T) {
	t.Parallel()
	got := awsiot.Defaults(mqtt.Config{ClientID: "pump-7"})
	if got.ClientID != "pump-7" || got.KeepAlive != time.Minute || got.SessionExpiry != time.Hour || !got.ResumeUnknown || got.SlowStart || got.MaxInterrupted != 0 {
		t.Errorf("MQTT 5: %+v", got)
	}
	got = awsiot.Defaults(mqtt.Config{})
	if !strings.HasPrefix(got.ClientID, "gneiss-") || len(got.ClientID) > 128 || got.SessionExpiry != 5*time.Minute {
		t.Errorf("without a client identifier: %v, %v", got.ClientID, got.SessionExpiry)
	}
	if again := awsiot.Defaults(mqtt.Config{}); again.ClientID == got.ClientID {
		t.Error("two clients have the same identifier")
	}
	got = awsiot.Defaults(mqtt.Config{Version: packet.V311})
	if !got.SlowStart || got.MaxInterrupted != 2 || !got.ResumeUnknown || got.SessionExpiry != 0 || got.ClientID == "" {
		t.Errorf("MQTT 3.1.1: %v %v %v %v", got.SlowStart, got.MaxInterrupted, got.ResumeUnknown, got.SessionExpiry)
	}
}

// What is set stays.
func TestDefaultsCanBeOverridden(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		set  mqtt.Config
		want func(mqtt.Config) bool
	}{
		"keep alive":     {mqtt.Config{KeepAlive: 20 * time.Minute}, func(c mqtt.Config) bool { return c.KeepAlive == 20*time.Minute }},
		"no keep alive":  {mqtt.Config{KeepAlive: -1}, func(c mqtt.Config) bool { return c.KeepAlive == -1 }},
		"expiry":         {mqtt.Config{SessionExpiry: time.Minute}, func(c mqtt.Config) bool { return c.SessionExpiry == time.Minute && !c.ResumeUnknown }},
		"clean start":    {mqtt.Config{CleanStart: true}, func(c mqtt.Config) bool { return c.SessionExpiry == 0 && !c.ResumeUnknown }},
		"clean in 3.1.1": {mqtt.Config{CleanStart: true, Version: packet.V311}, func(c mqtt.Config) bool { return !c.ResumeUnknown && c.SlowStart }},
		"slow start":     {mqtt.Config{SlowStart: true, Version: packet.V311}, func(c mqtt.Config) bool { return c.MaxInterrupted == 0 }},
		"interrupted":    {mqtt.Config{MaxInterrupted: 9, Version: packet.V311}, func(c mqtt.Config) bool { return c.MaxInterrupted == 9 && !c.SlowStart }},
	} {
		if got := awsiot.Defaults(c.set); !c.want(got) {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// A client whose configuration was never given to Defaults has a client identifier all the same, and keeps it.
func TestEndpointMakesAClientIDUp(t *testing.T) {
	t.Parallel()
	s := newService(t)
	endpoint, err := awsiot.CustomAuth(dataName, awsiot.Authorizer{Username: "alice"}, s.options)
	if err != nil {
		t.Fatal(err)
	}
	client, err := mqtt.New(mqtt.Config{Endpoint: endpoint, SessionExpiry: time.Hour, Reconnect: mqtt.Backoff{Min: time.Millisecond}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = client.Close()
		<-client.Done()
	})
	if err := client.Start(); err != nil {
		t.Fatal(err)
	}
	conn, first := s.peer.Connect(new(packet.Connack))
	conn.Close()
	_, second := s.peer.Connect(&packet.Connack{SessionPresent: true})
	if !strings.HasPrefix(first.ClientID, "gneiss-") || first.ClientID != second.ClientID {
		t.Errorf("client identifiers %q and %q", first.ClientID, second.ClientID)
	}
}

// Eight filters fit in a SUBSCRIBE, and none has an identifier.
func TestLimits(t *testing.T) {
	t.Parallel()
	s := newService(t)
	endpoint, err := awsiot.CustomAuth(dataName, awsiot.Authorizer{Username: "alice"}, s.options)
	if err != nil {
		t.Fatal(err)
	}
	client := s.client(endpoint)
	subscribes := make(chan *packet.Subscribe, 10)
	s.serveAll(func(in packet.Packet) {
		if p, ok := in.(*packet.Subscribe); ok {
			subscribes <- p
		}
	})
	var filters []mqtt.Filter
	for i := range 20 {
		filters = append(filters, mqtt.Filter{Filter: fmt.Sprint("f/", i)})
	}
	if _, err := client.Subscribe(short(t), filters...); err != nil {
		t.Fatal(err)
	}
	for _, want := range []int{8, 8, 4} {
		if p := <-subscribes; len(p.Filters) != want || p.SubscriptionID != 0 {
			t.Errorf("SUBSCRIBE with %d filters and identifier %d", len(p.Filters), p.SubscriptionID)
		}
	}
	if want := (mqtt.Limits{FiltersPerSubscribe: 8, NoSubscriptionIDs: true, NoQoS2: true, MaxPayload: 128 << 10, PublishRate: 100, PublishBytes: 512 << 10}); endpoint.Limits != want {
		t.Errorf("limits are %+v, want %+v", endpoint.Limits, want)
	}
}

// QoS 2 is refused before anything is sent, and the explanation says what to do instead.
func TestQoS2IsRefused(t *testing.T) {
	t.Parallel()
	for _, version := range []packet.Version{packet.V5, packet.V311} {
		s := newService(t)
		endpoint, err := awsiot.CustomAuth(dataName, awsiot.Authorizer{Username: "alice"}, s.options)
		if err != nil {
			t.Fatal(err)
		}
		client := s.client(endpoint, func(c *mqtt.Config) { c.Version = version })
		s.serveAll(func(in packet.Packet) {
			if in.Type() != packet.CONNECT && in.Type() != packet.DISCONNECT {
				t.Errorf("the service got %v", in)
			}
		})
		_, published := client.Publish(short(t), mqtt.Publish{Topic: "t", QoS: packet.QoS2})
		_, subscribed := client.Subscribe(short(t), mqtt.Filter{Filter: "t", QoS: packet.QoS2})
		for _, err := range []error{published, subscribed} {
			r, ok := errors.AsType[*awsiot.Refusal](awsiot.Explain(err))
			if !ok || r.Cause != awsiot.CauseQoS || !mqtt.NotSent(err) || !strings.Contains(r.Check[0], "QoS: 1") {
				t.Errorf("%v: %v", version, awsiot.Explain(err))
			}
		}
	}
}

// Whatever way a struct with secrets is printed or logged, they are not.
func TestNothingPrintsSecrets(t *testing.T) {
	t.Parallel()
	const secret = "do-not-print-me"
	d := newAuthority(t).issue(t)
	keyText := strings.Split(string(d.keyPEM), "\n")[1]
	scalar := fmt.Sprint(d.PrivateKey)
	id := awsiot.PEM(d.certPEM, append([]byte(secret+"\n"), d.keyPEM...))
	options := awsiot.Options{
		Port: 8443, Region: "eu-west-1", Metrics: true, Now: time.Now, RootCAs: []direct.PEM{direct.Bytes([]byte(secret))},
		Direct: func(*direct.Options) {}, WebSocket: func(*mqttws.Options) {},
	}
	authorizer := awsiot.Authorizer{
		Name: "MyAuth", Username: secret, Password: []byte(secret), TokenKeyName: secret, TokenValue: secret, TokenSignature: secret,
		Refresh: func(context.Context, *awsiot.Authorizer) error { return nil }, Identity: id,
	}
	credentials := awsiot.CredentialsOptions{ThingName: "pump-7", RootCAs: []direct.PEM{direct.Bytes([]byte(secret))}}
	overWebSocket, err := awsiot.WebSocket(aws.Config{Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{SecretAccessKey: secret}, nil
	})}, dataName)
	if err != nil {
		t.Fatal(err)
	}
	custom, err := awsiot.CustomAuth(dataName, awsiot.Authorizer{Username: secret, Password: []byte(secret)})
	if err != nil {
		t.Fatal(err)
	}
	for name, v := range map[string]any{
		"identity": id, "key pair": awsiot.KeyPair(d.Certificate), "PKCS #12": awsiot.PKCS12("device.p12", secret),
		"PKCS #12 data": awsiot.PKCS12Bytes([]byte(secret), secret), "no identity": awsiot.Identity{}, "pointer": &id,
		"options": options, "options pointer": &options, "authorizer": authorizer, "authorizer pointer": &authorizer,
		"credentials options": credentials, "credentials pointer": &credentials, "endpoint": overWebSocket, "custom": custom,
		"in a struct": struct{ A awsiot.Authorizer }{authorizer},
	} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			text := fmt.Sprintf(verb, v)
			for _, forbidden := range []string{secret, fmt.Sprintf("%x", secret), fmt.Sprintf("%d", []byte(secret)), keyText, scalar} {
				if strings.Contains(text, strings.Trim(forbidden, "[]")) {
					t.Errorf("%s with %s: %s", name, verb, text)
				}
			}
		}
		var log bytes.Buffer
		slog.New(slog.NewTextHandler(&log, nil)).Info("made", "value", v)
		if strings.Contains(log.String(), secret) || strings.Contains(log.String(), keyText) {
			t.Errorf("%s in a log: %s", name, log.String())
		}
	}
	for v, want := range map[fmt.Stringer]string{
		&options:     "awsiot.Options{Port: 8443, RootCAs, Direct, WebSocket, Region: eu-west-1, Metrics, Now}",
		&authorizer:  "awsiot.Authorizer{Name: MyAuth, Username, Password, TokenKeyName, TokenValue, TokenSignature, Refresh, Identity}",
		&id:          "awsiot.Identity{PEM text}",
		&credentials: `awsiot.CredentialsOptions{ThingName: "pump-7", Port: 0, ExpiryWindow: 0s, Timeout: 0s}`,
	} {
		if got := fmt.Sprintf("%+v", v); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestVersionInMetrics(t *testing.T) {
	t.Parallel()
	const path = "github.com/gneiss-mqtt/gneiss-go/builders/aws"
	for version, want := range map[string]string{"v0.1.0": "0.1.0", "(devel)": "devel", "": "devel"} {
		info := &debug.BuildInfo{Deps: []*debug.Module{{Path: "other", Version: "v9"}, {Path: path, Version: version}}}
		if got := awsiot.VersionIn(info); got != want {
			t.Errorf("%q: got %q, want %q", version, got, want)
		}
	}
}
