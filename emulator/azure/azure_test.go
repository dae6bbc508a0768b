package azure

import (
	"strings"
	"testing"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
	"github.com/gneiss-mqtt/gneiss-go/emulator"
	"github.com/gneiss-mqtt/gneiss-go/emulator/broker"
)

// A token is taken from its issuer, for its audience and in its time, and from nobody else.
func TestTokens(t *testing.T) {
	t.Parallel()
	issuer, err := NewIssuer()
	if err != nil {
		t.Fatal(err)
	}
	other, err := NewIssuer()
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	token, err := issuer.Token("line-4", now.Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	subject, expires, err := issuer.verify(token, now)
	if err != nil || subject != "line-4" || expires.Unix() != now.Add(time.Hour).Unix() {
		t.Errorf("%s, %v, %v", subject, expires, err)
	}
	parts := strings.Split(token, ".")
	for name, bad := range map[string]string{"empty": "", "no JWT": "a.b", "without its signature": parts[0] + "." + parts[1] + ".",
		"with another body": parts[0] + "." + encode([]byte(`{"sub":"admin"}`)) + "." + parts[2], "not base64": token + "!"} {
		if _, _, err := issuer.verify(bad, now); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	if _, _, err := other.verify(token, now); err == nil {
		t.Error("taken by another issuer")
	}
	for _, at := range []time.Time{now.Add(time.Hour), now.Add(-time.Hour)} {
		if _, _, err := issuer.verify(token, at); err == nil {
			t.Errorf("taken at %v", at)
		}
	}
}

// The vectors were computed with other programs.
func TestSignatures(t *testing.T) {
	t.Parallel()
	const key = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
	const good = "SharedAccessSignature sr=myhub.azure-devices.net%2Fdevices%2Fdevice1&sig=5kvoxXyGGedjxMx3eQnbY9Hhf0%2FOX3OgPQxMasdyDxU%3D&se=1893456000"
	const resource = "myhub.azure-devices.net/devices/device1"
	until := time.Unix(1893456000, 0)
	for name, tt := range map[string]struct {
		text, resource, key string
		at                  time.Time
		ok                  bool
	}{
		"good":             {good, resource, key, until.Add(-time.Second), true},
		"in another order": {"SharedAccessSignature se=1893456000&" + strings.TrimSuffix(strings.TrimPrefix(good, "SharedAccessSignature "), "&se=1893456000"), resource, key, until.Add(-1), true},
		"expired":          {good, resource, key, until, false},
		"other device":     {good, "myhub.azure-devices.net/devices/device2", key, until.Add(-1), false},
		"other key":        {good, resource, "AAAA", until.Add(-1), false},
		"longer":           {strings.Replace(good, "1893456000", "1893456001", 1), resource, key, until.Add(-1), false},
		"no signature":     {"Bearer x", resource, key, until.Add(-1), false},
		"wrong encoding":   {"SharedAccessSignature sr=%zz", resource, key, until.Add(-1), false},
	} {
		sig, err := parseSignature(tt.text)
		if err == nil {
			err = sig.check(tt.resource, tt.key, tt.at)
		}
		if (err == nil) != tt.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func clientNamed(id string) *broker.Client { return &broker.Client{ID: id} }

// The hub is no broker: it closes the connection for what it does not document.
func TestHubIsNoBroker(t *testing.T) {
	t.Parallel()
	h, err := StartHub(HubOptions{Server: emulator.Options{Addr: "127.0.0.1:0"}, Devices: map[string]string{"d": newKey()}})
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	for _, topic := range []string{"hello", "devices/other/messages/events/", "devices/d/messages/events", "$iothub/twin/other"} {
		if d := h.publish(0, clientNamed("d"), &packet.Publish{Topic: topic}); !d.Disconnect {
			t.Errorf("%s is taken", topic)
		}
	}
	for _, filter := range []string{"#", "devices/d/#", "devices/other/messages/devicebound/#", "$iothub/#"} {
		if d := h.subscribe(0, clientNamed("d"), packet.Filter{Filter: filter}); !d.Disconnect {
			t.Errorf("%s is granted", filter)
		}
	}
	if d := h.publish(0, clientNamed("d"), &packet.Publish{Topic: "devices/d/messages/events/", QoS: 2}); !d.Disconnect {
		t.Error("QoS 2 is taken")
	}
	c, err := mqtt.New(mqtt.Config{Endpoint: mqtt.Endpoint{Dial: h.Dial}, ClientID: "d", Version: packet.V5})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Connected(t.Context()); err == nil || !strings.Contains(err.Error(), "unsupported protocol version") {
		t.Errorf("MQTT 5: %v", err)
	}
}
