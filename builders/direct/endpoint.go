package direct

import (
	"context"
	"errors"
	"net"
	"strings"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
)

// TCP returns an endpoint without TLS. The address is a host or host:port, the default port 1883. It refuses options
// that only TLS can honour.
func TCP(address string, optFns ...func(*Options)) (mqtt.Endpoint, error) {
	host, port, err := splitAddress(address, PortTCP)
	if err != nil {
		return mqtt.Endpoint{}, err
	}
	o := newOptions(optFns)
	if err := o.refuseTLS("TCP"); err != nil {
		return mqtt.Endpoint{}, err
	}
	d, err := newDialer(o)
	if err != nil {
		return mqtt.Endpoint{}, err
	}
	address = joinAddress(host, port)
	return mqtt.Endpoint{Name: "mqtt://" + address, Dial: func(ctx context.Context) (net.Conn, error) {
		return d.DialContext(ctx, "tcp", address)
	}}, nil
}

// TLS returns an endpoint with TLS, and mutual TLS when the options have a client certificate. The address is a host
// or host:port, the default port 8883.
func TLS(address string, optFns ...func(*Options)) (mqtt.Endpoint, error) {
	host, port, err := splitAddress(address, PortTLS)
	if err != nil {
		return mqtt.Endpoint{}, err
	}
	d, err := newDialer(newOptions(optFns))
	if err != nil {
		return mqtt.Endpoint{}, err
	}
	address = joinAddress(host, port)
	return mqtt.Endpoint{Name: "mqtts://" + address, Dial: func(ctx context.Context) (net.Conn, error) {
		return d.DialTLSContext(ctx, "tcp", address)
	}}, nil
}

// Unix returns an endpoint on a unix stream socket. A path that starts with @ is in Linux' abstract name space. It
// refuses options that only TLS or TCP can honour.
func Unix(path string, optFns ...func(*Options)) (mqtt.Endpoint, error) {
	if path == "" || strings.ContainsRune(path, 0) {
		return mqtt.Endpoint{}, errors.New("direct: a unix socket needs a path, without U+0000")
	}
	o := newOptions(optFns)
	if err := o.refuseTLS("a unix socket"); err != nil {
		return mqtt.Endpoint{}, err
	}
	if o.Proxy != nil || o.KeepAlive != 0 || o.Nagle {
		return mqtt.Endpoint{}, errors.New("direct: Proxy, KeepAlive and Nagle are not for unix sockets")
	}
	d, err := newDialer(o)
	if err != nil {
		return mqtt.Endpoint{}, err
	}
	return mqtt.Endpoint{Name: "unix://" + path, Dial: func(ctx context.Context) (net.Conn, error) {
		return d.dialFirst(ctx, "unix", path)
	}}, nil
}
