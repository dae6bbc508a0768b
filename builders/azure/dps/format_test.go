package dps

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

// No verb and no handler of logs prints a key.
func TestSecrets(t *testing.T) {
	t.Parallel()
	const key = "aHVudGVyMmh1bnRlcjI="
	a := Assignment{Hub: "h", DeviceID: "d", key: func() string { return key }}
	for _, v := range []any{Options{Scope: "s", Key: key}, &Options{GroupKey: key}, struct{ O Options }{Options{Key: key}}, a, &a} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d"} {
			if text := fmt.Sprintf(verb, v); strings.Contains(text, key) {
				t.Errorf("%s: %s", verb, text)
			}
		}
		var out bytes.Buffer
		slog.New(slog.NewTextHandler(&out, nil)).Info("x", "v", v)
		if strings.Contains(out.String(), key) {
			t.Errorf("logged: %s", out.String())
		}
	}
	if text := fmt.Sprint(Options{Scope: "0ne00000001", RegistrationID: "sn-007", Key: key}); !strings.Contains(text, "sn-007") || !strings.Contains(text, "0ne00000001") {
		t.Errorf("got %s", text)
	}
	if e, d, err := a.Endpoint(); err != nil || d.ID != "d" || e.Name != "mqtts://h:8883" {
		t.Errorf("%s, %v, %v", e.Name, d, err)
	}
}
