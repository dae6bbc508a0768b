package mqttws

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"github.com/gneiss-mqtt/gneiss-go/builders/direct"
)

const (
	subprotocol = "mqtt" // offered and expected [MQTT-6.0.0-3]

	readBuffer  = 4 << 10
	writeBuffer = 32 << 10
)

// writeBuffers are shared: an idle connection has none.
var writeBuffers sync.Pool

type dialer struct {
	url   *url.URL
	opts  Options
	below *direct.Dialer
}

func newDialer(u *url.URL, o Options) (*dialer, error) {
	below, err := direct.NewDialer(o.Direct)
	if err != nil {
		return nil, err
	}
	if u.Scheme == "ws" { // nobody who asks for TLS gets a plain connection: direct knows which options do
		if _, err := direct.TCP(u.Hostname(), o.Direct); err != nil {
			return nil, err
		}
	}
	o.Header = o.Header.Clone()
	return &dialer{url: u, opts: o, below: below}, nil
}

// dial makes one attempt.
func (d *dialer) dial(ctx context.Context) (net.Conn, error) {
	r := Request{URL: new(*d.url), Header: d.opts.Header.Clone()}
	if r.Header == nil {
		r.Header = make(http.Header)
	}
	if err := d.prepare(ctx, &r); err != nil {
		return nil, fmt.Errorf("mqttws: prepare the request: %w", err)
	}
	a := &attempt{dialer: d}
	defer a.end()
	ws, response, err := a.upgrade(ctx, &r)
	switch {
	case err != nil:
		return nil, explain(err, response, &r)
	case a.canceled():
		err = context.Cause(ctx)
	case response.Header.Get("Sec-Websocket-Extensions") != "": // by RFC 6455 section 4.1
		err = errors.New("the server selected an extension that was not offered")
	case ws.Subprotocol() != subprotocol && !(d.opts.AnySubprotocol && ws.Subprotocol() == ""):
		err = fmt.Errorf("the server selected the subprotocol %q, not %q [MQTT-6.0.0-4]", ws.Subprotocol(), subprotocol)
	}
	if err != nil {
		_ = ws.Close()
		return nil, fmt.Errorf("mqttws: %w", err)
	}
	return newConn(ws, a.transport), nil
}

func (d *dialer) prepare(ctx context.Context, r *Request) error {
	if d.opts.Prepare == nil {
		return nil
	}
	if err := d.opts.Prepare(ctx, r); err != nil {
		return err
	}
	if r.URL == nil {
		return errors.New("there is no URL left")
	}
	u, err := parse(r.URL.String())
	if err != nil {
		return fmt.Errorf("URL: %w", err)
	}
	if u.Scheme != d.url.Scheme {
		return fmt.Errorf("the scheme has become %s", u.Scheme)
	}
	r.URL = u
	return nil
}

// attempt is one connection, from when it is dialled to the answer to the upgrade request.
type attempt struct {
	*dialer
	transport *transport
	stop      func() bool
}

func (a *attempt) upgrade(ctx context.Context, r *Request) (*websocket.Conn, *http.Response, error) {
	ws := websocket.Dialer{
		NetDialContext:    a.watch(a.below.DialContext),
		NetDialTLSContext: a.watch(a.below.DialTLSContext),
		Subprotocols:      []string{subprotocol},
		ReadBufferSize:    readBuffer,
		WriteBufferSize:   writeBuffer,
		WriteBufferPool:   &writeBuffers,
	}
	conn, response, err := ws.DialContext(ctx, r.URL.String(), r.Header)
	if err == nil {
		a.transport.opened()
	} else if a.transport != nil {
		err = a.transport.cause(ctx, err)
	}
	return conn, response, err
}

type dialFunc = func(ctx context.Context, network, address string) (net.Conn, error)

// watch lets the end of the context end the upgrade: the library would wait for the answer as long as a deadline, and
// for ever without one.
func (a *attempt) watch(dial dialFunc) dialFunc {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		a.transport = newTransport(conn)
		a.stop = context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
		return a.transport, nil
	}
}

// canceled stops the watch, and reports whether it has struck: then the connection is of no use.
func (a *attempt) canceled() bool {
	stop := a.stop
	a.stop = nil
	return !stop()
}

func (a *attempt) end() {
	if a.stop != nil {
		a.stop()
	}
}

// cause says why the upgrade failed, where the error of the library does not.
func (t *transport) cause(ctx context.Context, err error) error {
	if t.exceeded {
		return errLongAnswer
	}
	if ended := context.Cause(ctx); ended != nil && errors.Is(err, os.ErrDeadlineExceeded) {
		return fmt.Errorf("%w: no answer to the upgrade request", ended)
	}
	return err
}
