package iothub

import (
	"crypto/rand"
	"fmt"
	"sync"

	azureiot "github.com/gneiss-mqtt/gneiss-go/builders/azure"
	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
)

// Device is a device or module on its connection. Make one with [New]; all methods may be called from any goroutine.
type Device struct {
	client *mqtt.Client
	name   azureiot.Device
	events string // the topic of telemetry, without its properties
	run    string // tells the requests of this process from those of earlier ones

	mu      sync.Mutex
	next    int
	pending map[string]chan response
	answers *mqtt.Subscription // of twins; nil until one is asked for
	asking  chan struct{}      // closed when somebody has subscribed; nil while nobody does
}

// New returns a device on a client, which the caller starts and closes.
func New(c *mqtt.Client, d azureiot.Device) *Device {
	events := "devices/" + d.ID + "/messages/events/"
	if d.Module != "" {
		events = "devices/" + d.ID + "/modules/" + d.Module + "/messages/events/"
	}
	return &Device{client: c, name: d, events: events, run: rand.Text()[:8], pending: make(map[string]chan response)}
}

// Client returns the client.
func (d *Device) Client() *mqtt.Client { return d.client }

// StatusError is a failing answer of IoT Hub.
type StatusError struct {
	Op     string // such as "twin get"
	Status int    // as in HTTP: 400, 429, 500
	Body   string // what the hub says about it, cut to 256 bytes
}

// Error gives the status.
func (e *StatusError) Error() string {
	return fmt.Sprintf("iothub: %s: status %d: %.256q", e.Op, e.Status, e.Body)
}

// Retryable reports whether the same request may succeed later: the hub throttles (429), or is at fault (5xx).
func (e *StatusError) Retryable() bool { return e.Status == 429 || e.Status >= 500 }
