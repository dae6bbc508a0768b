package azure

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	azureiot "github.com/gneiss-mqtt/gneiss-go/builders/azure"
	"github.com/gneiss-mqtt/gneiss-go/builders/azure/dps"
	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/emulator/azure"
)

const scope = "0ne00000001"

func service(t *testing.T, o azure.DPSOptions) (*azure.DPS, dps.Options) {
	t.Helper()
	o.Server, o.Scope, o.Hub = memory(), scope, "hub.azure-devices.net"
	s, err := azure.StartDPS(o)
	must(t, err)
	closing(t, s)
	return s, dps.Options{Scope: scope, RegistrationID: "sn-007", Config: func(cfg *mqtt.Config) { cfg.Endpoint.Dial = s.Dial }}
}

// Individual and group enrollments, from the first question to the hub; the service is asked when it says.
func TestProvisioning(t *testing.T) {
	group, single := newKey(), newKey()
	derived, err := azureiot.DeriveKey(group, "sn-007")
	must(t, err)
	for name, tt := range map[string]struct {
		o        azure.DPSOptions
		key      string
		groupKey string
		atLeast  time.Duration
	}{
		"individual":        {azure.DPSOptions{Keys: map[string]string{"sn-007": single}, Polls: 3, RetryAfter: 7}, single, "", 7 * time.Second},
		"group, by its key": {azure.DPSOptions{GroupKey: group, Polls: 1, RetryAfter: 1}, "", group, 2 * time.Second},
		"group, derived":    {azure.DPSOptions{GroupKey: group, Polls: 2}, derived, "", 2 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				var payload string
				tt.o.Device = func(id string) string { return "device-of-" + id }
				tt.o.OnAssigned = func(_, _ string, p []byte) { payload = string(p) }
				s, o := service(t, tt.o)
				o.Key, o.GroupKey, o.Payload = tt.key, tt.groupKey, map[string]int{"model": 7}
				a, err := dps.Register(t.Context(), o)
				must(t, err)
				if a.Hub != "hub.azure-devices.net" || a.DeviceID != "device-of-sn-007" || payload != `{"model":7}` || string(a.Payload) != `{"hello":"device"}` {
					t.Errorf("%+v, %s", a, payload)
				}
				e, d, err := a.Endpoint()
				if err != nil || e.Name != "mqtts://hub.azure-devices.net:8883" || d.ID != "device-of-sn-007" {
					t.Errorf("%s, %v, %v", e.Name, d, err)
				}
				times := s.Requests()
				if len(times) != tt.o.Polls+1 {
					t.Fatalf("%d requests", len(times))
				}
				for i := 1; i < len(times); i++ {
					if gap := times[i].Sub(times[i-1]); gap < tt.atLeast || gap > tt.atLeast+2*time.Second {
						t.Errorf("request %d came after %v", i, gap)
					}
				}
			})
		})
	}
}

// What the service says wrong, and what it says about it.
func TestProvisioningFails(t *testing.T) {
	key := newKey()
	answers := func(list ...any) func(int) (int, string) {
		return func(n int) (int, string) {
			if 2*n < len(list) {
				return list[2*n].(int), list[2*n+1].(string)
			}
			return 0, ""
		}
	}
	for name, tt := range map[string]struct {
		answer func(int) (int, string)
		key    string
		want   string // of the error; empty: none
	}{
		"throttled first": {answers(429, `{"errorCode":429001,"message":"slow"}`, 503, ""), key, ""},
		"wrong key":       {nil, newKey(), "key or certificate"},
		"refused":         {answers(401, `{"errorCode":401002,"trackingId":"abc","message":"Unauthorized"}`), key, "tracking ID abc"},
		"not JSON":        {answers(202, `{`), key, "dps: the service's answer"},
		"disabled":        {answers(200, `{"operationId":"x","status":"disabled","registrationState":{"errorCode":1,"errorMessage":"no"}}`), key, "the registration is disabled"},
		"throttled":       {func(int) (int, string) { return 429, `{"errorCode":429001,"message":"slow"}` }, key, "the last answer was: dps: status 429"},
		"no hub":          {answers(200, `{"operationId":"x","status":"assigned","registrationState":{"deviceId":"d"}}`), key, "dps: the service's answer is invalid"},
		"no state":        {answers(200, `{"operationId":"x","status":"assigned"}`), key, "dps: the service's answer is invalid"},
		"nothing":         {answers(200, ``), key, "dps: the service's answer is invalid"},
		"unknown status":  {answers(200, `{"status":"lost"}`), key, "the registration is lost"},
		"failed":          {answers(202, `{"operationId":"x","status":"failed"}`), key, "the registration is failed"},
		"for ever":        {func(int) (int, string) { return 202, `{"operationId":"x","status":"assigning"}` }, key, "not assigned yet"},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				_, o := service(t, azure.DPSOptions{Keys: map[string]string{"sn-007": key}, RetryAfter: 3, Answer: tt.answer})
				o.Key = tt.key
				ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
				defer cancel()
				a, err := dps.Register(ctx, o)
				switch {
				case tt.want == "" && (err != nil || a.DeviceID != "sn-007"):
					t.Errorf("%+v, %v", a, err)
				case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
					t.Errorf("got %v", err)
				}
				if name == "for ever" && !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("got %v", err)
				}
			})
		})
	}
}

// Connections that end in the middle, before or after an answer, are made up for.
func TestProvisioningThroughLosses(t *testing.T) {
	bubble(t, func(t *testing.T) {
		key := newKey()
		var s *azure.DPS
		s, o := service(t, azure.DPSOptions{Keys: map[string]string{"sn-007": key}, Polls: 5, Answer: func(n int) (int, string) {
			if n%2 == 0 && n < 8 {
				go func() { _ = s.DropClient("sn-007") }()
			}
			return 0, ""
		}})
		o.Key = key
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		a, err := dps.Register(ctx, o)
		must(t, err)
		if a.DeviceID != "sn-007" {
			t.Errorf("%+v", a)
		}
	})
}
