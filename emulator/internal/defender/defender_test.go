package defender

import (
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"
	"github.com/gneiss-mqtt/gneiss-go/emulator/internal/service"
	"github.com/gneiss-mqtt/gneiss-go/emulator/internal/servicetest"
)

const things = "$aws/things/t/defender/metrics/"

func TestScripts(t *testing.T) {
	t.Parallel()
	servicetest.Run(t, "testdata/*.txt", func(t *testing.T) *servicetest.Player {
		return &servicetest.Player{T: t, Service: new(Service), Prefix: things}
	})
}

func TestCBOR(t *testing.T) {
	t.Parallel()
	for id, want := range map[any]bool{7: true, -7: true, uint64(1) << 63: false, 1.5: false} {
		payload, err := cbor.Marshal(map[string]any{"hed": map[string]any{"rid": id, "v": "1.0"}, "met": map[string]any{}})
		if err != nil {
			t.Fatal(err)
		}
		out, ok := new(Service).Handle(&service.Request{Now: time.Unix(1, 0), ClientID: "c", Topic: things + "cbor", Payload: payload})
		if !ok || len(out) != 1 || (out[0].Packet.Topic == things+"cbor/accepted") != want {
			t.Errorf("%v: %+v", id, out)
		}
		var m map[string]any
		if err := cbor.Unmarshal(out[0].Packet.Payload, &m); err != nil || m["thingName"] != "t" {
			t.Error(m, err)
		}
	}
}

func TestOtherTopics(t *testing.T) {
	t.Parallel()
	for _, topic := range []string{"$aws/things/t/defender/metrics", "$aws/things/t/defender/metrics/json/accepted", "$aws/things/t/shadow/get", "a/json"} {
		if _, ok := new(Service).Handle(&service.Request{Topic: topic}); ok {
			t.Error(topic)
		}
		if _, ok := new(Service).Refuse(&service.Request{Topic: topic}, "Throttled", ""); ok {
			t.Error(topic)
		}
	}
	out, ok := new(Service).Refuse(&service.Request{Now: time.Unix(1, 0), Topic: things + "json"}, "Throttled", "slow down")
	if !ok || string(out[0].Packet.Payload) != `{"thingName":"t","status":"REJECTED","statusDetails":{"ErrorCode":"Throttled","ErrorMessage":"slow down"},"timestamp":1000}` {
		t.Errorf("%+v", out)
	}
}
