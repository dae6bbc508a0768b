package azureiot

import (
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gneiss-mqtt/gneiss-go/builders/direct"
	mqttws "github.com/gneiss-mqtt/gneiss-go/builders/websocket"
	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
)

// What WebSockets ask for.
func TestWebSockets(t *testing.T) {
	t.Parallel()
	asked := make(chan *http.Request, 1)
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- r
		w.WriteHeader(http.StatusForbidden)
	}))
	defer server.Close()
	host := strings.TrimPrefix(server.URL, "https://")
	ca := direct.Bytes(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))
	socket := func(o *Options) {
		o.WebSocket, o.RootCAs = true, []direct.PEM{ca}
		o.OpenWebSocket = func(w *mqttws.Options) { w.Header = http.Header{"X-Test": {"yes"}} }
	}
	for name, tt := range map[string]struct {
		make func() (mqtt.Endpoint, error)
		path string
	}{
		"Event Grid": {func() (mqtt.Endpoint, error) { return EventGridToken(host, fixed("x"), socket) }, "/mqtt"},
		"IoT Hub":    {func() (mqtt.Endpoint, error) { return IoTHub(host, Device{ID: "d"}, SAS{Key: vectorKey}, socket) }, "/$iothub/websocket"},
		"DPS": {func() (mqtt.Endpoint, error) {
			return Provisioning(host, "0ne00000001", "sn-007", SAS{Key: vectorKey}, socket)
		}, "/$iothub/websocket"},
		"another path": {func() (mqtt.Endpoint, error) {
			return EventGridToken(host, fixed("x"), socket, func(o *Options) { o.Path = "/other" })
		}, "/other"},
	} {
		e, err := tt.make()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := e.Dial(t.Context()); err == nil {
			t.Error("403 was taken for a WebSocket")
		}
		r := <-asked
		if r.RequestURI != tt.path || r.Host != host || r.Header.Get("Sec-WebSocket-Protocol") != "mqtt" || r.Header.Get("X-Test") != "yes" {
			t.Errorf("%s: %s %s, %v", name, r.Host, r.RequestURI, r.Header)
		}
	}
}
