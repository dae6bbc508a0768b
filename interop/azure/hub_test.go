package azure

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	azureiot "github.com/gneiss-mqtt/gneiss-go/builders/azure"
	"github.com/gneiss-mqtt/gneiss-go/builders/azure/iothub"
	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
	"github.com/gneiss-mqtt/gneiss-go/emulator/azure"
)

func newKey() string {
	key := make([]byte, 32)
	_, _ = rand.Read(key)
	return base64.StdEncoding.EncodeToString(key)
}

// hub starts a hub with one device, and the device.
func hub(t *testing.T, d azureiot.Device, sas azureiot.SAS, o azure.HubOptions, changes ...func(*mqtt.Config)) (*azure.Hub, *iothub.Device) {
	t.Helper()
	sas.Key = newKey()
	o.Server, o.Host, o.Devices = memory(), "hub.azure-devices.net", map[string]string{d.ClientID(): sas.Key}
	h, err := azure.StartHub(o)
	must(t, err)
	closing(t, h)
	e, err := azureiot.IoTHub(o.Host, d, sas)
	must(t, err)
	cfg := d.Defaults(mqtt.Config{Endpoint: e})
	for _, change := range changes {
		change(&cfg)
	}
	c := start(t, h.Server, cfg)
	connected(t, c)
	return h, iothub.New(c, d)
}

// Signatures are replaced again and again while 10,000 messages are sent. Each arrives, and none twice.
func TestHubRotatesSignatures(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var mu sync.Mutex
		seen := make(map[string]int)
		h, device := hub(t, azureiot.Device{ID: "pump-7"}, azureiot.SAS{TTL: 2 * time.Minute}, azure.HubOptions{Grace: time.Second,
			OnTelemetry: func(m azure.Telemetry) {
				mu.Lock()
				defer mu.Unlock()
				seen[string(m.Payload)]++
			}})
		const messages = 10_000
		var failed, done int
		for i := range messages {
			p := device.Publish(iothub.Telemetry{Payload: fmt.Append(nil, i)})
			must(t, device.Client().PublishAsync(p, func(_ mqtt.PublishResult, err error) {
				mu.Lock()
				defer mu.Unlock()
				if done++; err != nil {
					failed++
				}
			}))
			time.Sleep(100 * time.Millisecond)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		mu.Lock()
		defer mu.Unlock()
		lost, twice := 0, 0
		for i := range messages {
			switch n := seen[fmt.Sprint(i)]; {
			case n == 0:
				lost++
			case n > 1:
				twice++
			}
		}
		s, c := h.Seen(), device.Client().Stats()
		t.Logf("%d messages over %d connections: %d lost, %d twice, %d failed, %d marked as duplicates", messages, s.Connects, lost, twice, failed, s.Duplicate)
		if lost != 0 || twice != 0 || failed != 0 || done != messages || s.Expired != 0 || s.Connects < 8 || c.Renewals != uint64(s.Connects-1) {
			t.Errorf("%+v, %d renewals", s, c.Renewals)
		}
	})
}

// The connection is replaced in the middle of as many messages as it can carry, with some waiting for their turn all the
// time: that is where a message could be lost with it, or sent on both.
func TestHubRotatesUnderLoad(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var mu sync.Mutex
		seen := make(map[string]int)
		h, device := hub(t, azureiot.Device{ID: "pump-7"}, azureiot.SAS{}, azure.HubOptions{OnTelemetry: func(m azure.Telemetry) {
			mu.Lock()
			defer mu.Unlock()
			seen[string(m.Payload)]++
		}})
		const messages = 10_000
		failed := make(chan error, messages)
		go func() {
			for i := range messages {
				p := device.Publish(iothub.Telemetry{Payload: fmt.Append(nil, i)})
				if err := device.Client().PublishAsync(p, func(_ mqtt.PublishResult, err error) { failed <- err }); err != nil {
					failed <- err
				}
			}
		}()
		rotations := 0
		for len(failed) < messages {
			time.Sleep(time.Second)
			must(t, device.Client().Reconnect(t.Context()))
			rotations++
		}
		for range messages {
			must(t, <-failed)
		}
		synctest.Wait()
		mu.Lock()
		defer mu.Unlock()
		twice := 0
		for _, n := range seen {
			twice += n - 1
		}
		s := h.Seen()
		t.Logf("%d messages, %d rotations: %d arrived, %d twice, %d marked as duplicates", messages, rotations, len(seen), twice, s.Duplicate)
		if len(seen) != messages || twice != 0 || s.Duplicate != 0 || rotations < 5 || s.Connects != rotations+1 {
			t.Errorf("%+v", s)
		}
	})
}

func TestHubTelemetryAndMessages(t *testing.T) {
	for _, d := range []azureiot.Device{{ID: "pump-7"}, {ID: "pump-7", Module: "valve"}} {
		t.Run(d.ClientID(), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				got := make(chan azure.Telemetry, 1)
				h, device := hub(t, d, azureiot.SAS{}, azure.HubOptions{OnTelemetry: func(m azure.Telemetry) { got <- m }})
				must(t, device.Send(t.Context(), iothub.Telemetry{Payload: []byte("{}"), ContentType: "application/json", ContentEncoding: "utf-8",
					MessageID: "a b", Properties: []iothub.Property{{Key: "k&", Value: "1+1 = ü"}}}))
				m := <-got
				if m.Device != d.ClientID() || m.Bag != "$.mid=a%20b&$.ct=application%2Fjson&$.ce=utf-8&k%26=1%2B1%20%3D%20%C3%BC" {
					t.Errorf("got %+v", m)
				}
				if err := device.Send(t.Context(), iothub.Telemetry{Payload: make([]byte, 300<<10)}); err == nil {
					t.Error("a message of 300 KiB was sent")
				}
				_, err := device.Client().Publish(t.Context(), device.Publish(iothub.Telemetry{Payload: make([]byte, 300<<10)}))
				if limit, ok := errors.AsType[*mqtt.LimitError](err); !ok || !mqtt.NotSent(err) {
					t.Errorf("a message of 300 KiB: %v, %v", limit, err)
				}
				if d.Module != "" {
					return
				}
				in := make(chan iothub.Message, 1)
				_, err = device.Messages(t.Context(), func(m iothub.Message) { in <- m })
				must(t, err)
				synctest.Wait()
				if !h.Send("pump-7", "%24.mid=m1&%24.to=%2Fdevices%2Fpump-7&a%2Bb=c%2Bd&empty", []byte("hello")) {
					t.Fatal("not sent")
				}
				if m := <-in; m.ID() != "m1" || m.System["to"] != "/devices/pump-7" || m.Bad != nil || len(m.Properties) != 2 ||
					m.Properties[0] != (iothub.Property{Key: "a+b", Value: "c+d"}) || string(m.Payload) != "hello" {
					t.Errorf("got %+v", m)
				}
				if s := h.Seen(); s.Closed != 0 || s.Connects != 1 {
					t.Errorf("%+v", s)
				}
			})
		})
	}
}

// Desired properties are told in order, whatever happens to the connection meanwhile.
func TestHubTwin(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h, device := hub(t, azureiot.Device{ID: "pump-7"}, azureiot.SAS{}, azure.HubOptions{})
		version, err := device.Report(t.Context(), map[string]any{"speed": 3, "gone": nil})
		must(t, err)
		if version != 2 || h.Reported("pump-7") != `{"speed":3}` {
			t.Errorf("version %d, %s", version, h.Reported("pump-7"))
		}
		_, err = h.Desire("pump-7", `{"speed":4}`)
		must(t, err)
		var mu sync.Mutex
		var told []iothub.Desired
		ctx, cancel := context.WithCancel(t.Context())
		must(t, device.WatchDesired(ctx, func(d iothub.Desired) {
			mu.Lock()
			told = append(told, d)
			mu.Unlock()
			if d.Version == 3 {
				panic("handlers do")
			}
		}))
		want := func(versions []int64, whole []bool) {
			t.Helper()
			time.Sleep(time.Minute)
			synctest.Wait()
			mu.Lock()
			defer mu.Unlock()
			if len(told) != len(versions) {
				t.Fatalf("told %+v, want versions %v", told, versions)
			}
			for i := range told {
				if told[i].Version != versions[i] || told[i].Whole != whole[i] {
					t.Errorf("told %+v, want version %d", told[i], versions[i])
				}
			}
		}
		want([]int64{2}, []bool{true})
		for i := range 3 {
			_, err = h.Desire("pump-7", fmt.Sprintf(`{"speed":%d}`, 5+i))
			must(t, err)
		}
		want([]int64{2, 3, 4, 5}, []bool{true, false, false, false})
		must(t, h.DropClient("pump-7"))
		_, err = h.Desire("pump-7", `{"speed":9}`) // nobody is there to be told
		must(t, err)
		want([]int64{2, 3, 4, 5, 6}, []bool{true, false, false, false, true})
		must(t, h.DropClient("pump-7")) // nothing has changed meanwhile
		want([]int64{2, 3, 4, 5, 6}, []bool{true, false, false, false, true})
		twin, err := device.Twin(t.Context())
		must(t, err)
		var desired struct{ Speed int }
		must(t, twin.Desired.Decode(&desired))
		if desired.Speed != 9 || twin.Desired.Version != 6 || twin.Reported.Version != 2 {
			t.Errorf("%+v", twin)
		}
		cancel()
		time.Sleep(time.Second)
		_, err = h.Desire("pump-7", `{"speed":10}`)
		must(t, err)
		want([]int64{2, 3, 4, 5, 6}, []bool{true, false, false, false, true})
		var status *iothub.StatusError
		if _, err := device.Report(t.Context(), []int{1}); !errors.As(err, &status) || status.Status != 400 || status.Retryable() {
			t.Errorf("got %v", err)
		}
	})
}

func TestHubMethods(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h, device := hub(t, azureiot.Device{ID: "pump-7"}, azureiot.SAS{}, azure.HubOptions{})
		if _, _, err := h.Invoke(t.Context(), "pump-7", "start", nil); !errors.Is(err, azure.ErrNotThere) {
			t.Errorf("got %v", err)
		}
		_, err := device.Methods(t.Context(), func(m iothub.Method) (int, any) {
			switch m.Name {
			case "start":
				return 200, map[string]string{"heard": string(m.Payload)}
			case "panic":
				panic("secret")
			case "strange":
				return 200, func() {}
			}
			return 404, nil
		})
		must(t, err)
		synctest.Wait()
		for name, want := range map[string]struct {
			status int
			body   string
		}{"start": {200, `{"heard":"now"}`}, "panic": {500, `"the method's handler panicked"`}, "strange": {500, `"the result is not JSON"`}, "other": {404, ""}} {
			status, body, err := h.Invoke(t.Context(), "pump-7", name, []byte("now"))
			if err != nil || status != want.status || !bytes.Equal(body, []byte(want.body)) {
				t.Errorf("%s: %d %s, %v", name, status, body, err)
			}
		}
	})
}

// A key that is wrong is refused with an explanation, and tried again: it may be the clock.
func TestHubRefuses(t *testing.T) {
	bubble(t, func(t *testing.T) {
		d := azureiot.Device{ID: "pump-7"}
		h, err := azure.StartHub(azure.HubOptions{Server: memory(), Host: "hub.azure-devices.net", Devices: map[string]string{"pump-7": newKey()}})
		must(t, err)
		closing(t, h)
		e, err := azureiot.IoTHub("hub.azure-devices.net", d, azureiot.SAS{Key: newKey()})
		must(t, err)
		c := start(t, h.Server, d.Defaults(mqtt.Config{Endpoint: e}))
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		_, err = c.Connected(ctx)
		var refusal *azureiot.Refusal
		if !errors.As(err, &refusal) || !errors.Is(err, &mqtt.ReasonError{Packet: packet.CONNACK, Code: packet.NotAuthorized}) || h.Seen().Refused < 3 {
			t.Errorf("%v, %+v", err, h.Seen())
		}
	})
}
