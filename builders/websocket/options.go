package mqttws

import (
	"context"
	"net/http"
	"net/url"

	"github.com/gneiss-mqtt/gneiss-go/builders/direct"
)

// Options says how the WebSocket is opened. The zero value is right for most brokers.
type Options struct {
	// Direct sets the options of the connection below: TLS, client certificates, proxies. nil: their defaults.
	Direct func(*direct.Options)
	// Header is sent with the upgrade request of every attempt. It may hold secrets: it is never formatted.
	Header http.Header
	// Prepare may change the URL and the headers of an attempt, as for fresh credentials. An error ends the attempt,
	// and is retryable. nil: nothing to change.
	Prepare func(ctx context.Context, r *Request) error
	// AnySubprotocol accepts a server that selects no subprotocol, against the specification [MQTT-6.0.0-4].
	AnySubprotocol bool
}

// Request is the upgrade request of one attempt. Both fields are copies that may be changed.
type Request struct {
	URL    *url.URL
	Header http.Header
}

// String names the fields in use and no value.
func (o Options) String() string {
	s := "mqttws.Options{"
	for _, f := range []struct {
		name string
		set  bool
	}{{"Direct", o.Direct != nil}, {"Header", o.Header != nil}, {"Prepare", o.Prepare != nil}, {"AnySubprotocol", o.AnySubprotocol}} {
		if f.set {
			s += " " + f.name
		}
	}
	return s + " }"
}

// GoString is String: no verb prints a header.
func (o Options) GoString() string { return o.String() }
