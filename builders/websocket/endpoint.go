package mqttws

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"sync"

	"github.com/gorilla/websocket"

	"github.com/gneiss-mqtt/gneiss-go/builders/direct"
	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
)

// subprotocol is offered and expected [MQTT-6.0.0-3].
const subprotocol = "mqtt"

// URL returns an endpoint for ws://host[:port][/path] or wss://host[:port][/path]. The default ports are 80 and 443, the
// default path is /mqtt.
func URL(address string, optFns ...func(*Options)) (mqtt.Endpoint, error) {
	u, err := url.Parse(address)
	if err != nil {
		return mqtt.Endpoint{}, errors.New("mqttws: the address is no URL") // the cause would quote its secrets
	}
	if u.Scheme != "ws" && u.Scheme != "wss" || u.Hostname() == "" || u.User != nil || u.Fragment != "" {
		return mqtt.Endpoint{}, fmt.Errorf("mqttws: address %q: want ws://host/path or wss://host/path", u.Redacted())
	}
	if u.Path == "" {
		u.Path = "/mqtt"
	}
	var o Options
	for _, f := range optFns {
		if f != nil {
			f(&o)
		}
	}
	d, err := newDialer(u, o)
	if err != nil {
		return mqtt.Endpoint{}, err
	}
	name := url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path} // a query may hold a signature
	return mqtt.Endpoint{Name: name.String(), Dial: d.dial}, nil
}

type dialer struct {
	url  *url.URL
	opts Options
	ws   websocket.Dialer
}

func newDialer(u *url.URL, o Options) (*dialer, error) {
	below, err := direct.NewDialer(o.Direct)
	if err != nil {
		return nil, err
	}
	return &dialer{url: u, opts: o, ws: websocket.Dialer{
		NetDialContext:    below.DialContext,
		NetDialTLSContext: below.DialTLSContext,
		Subprotocols:      []string{subprotocol},
		ReadBufferSize:    4 << 10,
		WriteBufferSize:   32 << 10,
		WriteBufferPool:   &writeBuffers, // an idle connection has none
	}}, nil
}

var writeBuffers sync.Pool

func (d *dialer) dial(ctx context.Context) (net.Conn, error) {
	r := Request{URL: new(*d.url), Header: d.opts.Header.Clone()}
	if r.Header == nil {
		r.Header = make(http.Header)
	}
	if d.opts.Prepare != nil {
		if err := d.opts.Prepare(ctx, &r); err != nil {
			return nil, fmt.Errorf("mqttws: prepare the request: %w", err)
		}
	}
	ws, response, err := d.ws.DialContext(ctx, r.URL.String(), r.Header)
	if err != nil {
		return nil, refused(err, response)
	}
	if ws.Subprotocol() != subprotocol && !(d.opts.AnySubprotocol && ws.Subprotocol() == "") {
		_ = ws.Close()
		return nil, fmt.Errorf("mqttws: the server selected the subprotocol %q, not %q [MQTT-6.0.0-4]", ws.Subprotocol(), subprotocol)
	}
	return newConn(ws), nil
}

// HandshakeError is an answer to the upgrade request that is not an upgrade.
type HandshakeError struct {
	StatusCode int
	Status     string
	Header     http.Header
	Body       string // its beginning
	Err        error
}

const maxBody = 1024

func refused(err error, response *http.Response) error {
	if response == nil || !errors.Is(err, websocket.ErrBadHandshake) {
		return fmt.Errorf("mqttws: %w", err)
	}
	body, _ := io.ReadAll(io.LimitReader(response.Body, maxBody))
	return &HandshakeError{StatusCode: response.StatusCode, Status: response.Status, Header: response.Header,
		Body: string(body), Err: err}
}

// Error gives the status, the beginning of the answer, and which headers came, without their values.
func (e *HandshakeError) Error() string {
	s := fmt.Sprintf("mqttws: the server answered %q instead of upgrading", e.Status)
	if e.Body != "" {
		s += fmt.Sprintf(": %q", e.Body)
	}
	if names := slices.Sorted(maps.Keys(e.Header)); len(names) > 0 {
		s += fmt.Sprintf(" (headers %v)", names)
	}
	return s
}

// Unwrap returns the library's error.
func (e *HandshakeError) Unwrap() error { return e.Err }
