package azureiot

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

const vectorKey = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="

func TestSignatures(t *testing.T) {
	t.Parallel()
	until := time.Unix(1893456000, 0)
	for _, tt := range []struct{ resource, policy, want string }{
		{Device{ID: "device1"}.resource("myhub.azure-devices.net"), "",
			"SharedAccessSignature sr=myhub.azure-devices.net%2Fdevices%2Fdevice1&sig=5kvoxXyGGedjxMx3eQnbY9Hhf0%2FOX3OgPQxMasdyDxU%3D&se=1893456000"},
		{"0ne00000001/registrations/sn-007", "registration",
			"SharedAccessSignature sr=0ne00000001%2Fregistrations%2Fsn-007&sig=UCpDHOPJlPBNxvyUee4G6dQAJo5N08u5MbpT9SEmUd0%3D&se=1893456000&skn=registration"},
	} {
		got, err := SAS{Key: vectorKey, Policy: tt.policy}.Token(tt.resource, until)
		if err != nil || got != tt.want {
			t.Errorf("%s:\n got %s, %v\nwant %s", tt.resource, got, err, tt.want)
		}
	}
	if r := (Device{ID: "d", Module: "m"}).resource("h"); r != "h/devices/d/modules/m" {
		t.Errorf("a module is %q", r)
	}
}

// Microsoft's own vector.
func TestDeriveKey(t *testing.T) {
	t.Parallel()
	const group = "8isrFI1sGsIlvvFSSFRiMfCNzv21fjbE/+ah/lSh3lF8e2YG1Te7w1KpZhJFFXJrqYKi9yegxkqIChbqOS9Egw=="
	got, err := DeriveKey(group, "sn-007-888-abc-mac-a1-b2-c3-d4-e5-f6")
	if err != nil || got != "Jsm0lyGpjaVYVP2g3FnmnmG9dI/9qU24wNoykUmermc=" {
		t.Errorf("got %s, %v", got, err)
	}
	if _, err := DeriveKey("not base64", "x"); err == nil || strings.Contains(err.Error(), "not base64!") {
		t.Errorf("got %v", err)
	}
}

func TestBadKeys(t *testing.T) {
	t.Parallel()
	for _, s := range []SAS{{}, {Key: "!secret!"}, {Key: vectorKey, TTL: -1}, {Key: vectorKey, TTL: time.Second}} {
		_, err := IoTHub("h", Device{ID: "d"}, s)
		if err == nil || !strings.HasPrefix(err.Error(), "azureiot: ") || strings.Contains(err.Error(), "!secret!") {
			t.Errorf("%+v: %v", s, err)
		}
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		if text := fmt.Sprintf(verb, SAS{Key: vectorKey}); strings.Contains(text, vectorKey) {
			t.Errorf("%s prints the key: %s", verb, text)
		}
	}
}

func TestConnectionString(t *testing.T) {
	t.Parallel()
	host, d, key, err := ParseConnectionString("HostName=hub.azure-devices.net;DeviceId=d;ModuleId=m;SharedAccessKey=" + vectorKey + "\n")
	if err != nil || host != "hub.azure-devices.net" || d != (Device{"d", "m"}) || key.Key != vectorKey {
		t.Errorf("%s, %v, %v", host, d, err)
	}
	for _, bad := range []string{"", "HostName=h;DeviceId=d", "HostName=h;DeviceId=d;SharedAccessKey=hunter2;GatewayHostName=g", "hunter2=;", vectorKey,
		"HostName=h;DeviceId=d;x509=true", "HostName=h;SharedAccessKeyName=iothubowner;SharedAccessKey=hunter2", "aHVudGVyMmh1bnRlcjI=", "HostName=h;DeviceId=d;hunter2"} {
		if _, _, _, err := ParseConnectionString(bad); err == nil || strings.Contains(err.Error(), vectorKey) ||
			strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "aHVu") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}
