package mqttws

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"

	"github.com/gneiss-mqtt/gneiss-go/builders/direct"
)

// Options says how the WebSocket is opened. The zero value is right for most brokers.
type Options struct {
	// Direct sets the options of the connection below: TLS, client certificates, proxies. nil: their defaults.
	Direct func(*direct.Options)
	// Header is sent with the upgrade request of every attempt; Host replaces the host of the URL there. It may hold
	// secrets: it is never formatted. The headers of the WebSocket handshake itself cannot be set.
	Header http.Header
	// Prepare may change the URL and the headers of an attempt, as for fresh credentials. It must honour its context.
	// An error ends the attempt, and is retryable. nil: nothing to change.
	Prepare func(ctx context.Context, r *Request) error
	// AnySubprotocol accepts a server that selects no subprotocol, against the specification [MQTT-6.0.0-4].
	AnySubprotocol bool
}

// Request is the upgrade request of one attempt. Both fields are copies that may be changed; Header is never nil.
type Request struct {
	URL    *url.URL // its scheme is ws or wss
	Header http.Header
}

// String names the fields in use and no value.
func (o Options) String() string {
	var names []string
	for _, f := range []struct {
		name string
		set  bool
	}{{"Direct", o.Direct != nil}, {"Header", len(o.Header) > 0}, {"Prepare", o.Prepare != nil}, {"AnySubprotocol", o.AnySubprotocol}} {
		if f.set {
			names = append(names, f.name)
		}
	}
	return "mqttws.Options{" + strings.Join(names, ", ") + "}"
}

// Format prints String for every verb: none may print a header.
func (o Options) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, o.String()) }

// LogValue logs String.
func (o Options) LogValue() slog.Value { return slog.StringValue(o.String()) }

// String is the address without its query, and no header.
func (r Request) String() string {
	if r.URL == nil {
		return "mqttws.Request{}"
	}
	return "mqttws.Request{" + nameOf(r.URL) + "}"
}

// Format prints String for every verb: none may print a header or a query.
func (r Request) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, r.String()) }

// LogValue logs String.
func (r Request) LogValue() slog.Value { return slog.StringValue(r.String()) }

// nameOf is what of a URL is no secret: a query may hold a signature, a user a password.
func nameOf(u *url.URL) string {
	name := url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}
	return name.String()
}
