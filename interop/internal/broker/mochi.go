package broker

import (
	"cmp"
	"crypto/tls"
	"errors"
	"log/slog"
	"math"
	"net"

	mochi "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/listeners"
)

// mochiBroker runs inside the test. To kill it, all its connections are cut before it learns of anything. A durable one
// goes on without a network until it is started again: the stores that come with mochi-mqtt lose the packet identifiers
// of what is under way, so that a session with such messages never comes back from them.
type mochiBroker struct {
	addresses map[string]string // by the names of the listeners
	options   Options
	config    *tls.Config

	server    *mochi.Server
	listeners map[string]*tracked
}

func newMochi(b *Broker, o Options) *mochiBroker {
	return &mochiBroker{addresses: map[string]string{"tcp": b.TCP, "tls": b.TLS}, options: o, config: serverTLS(o)}
}

func (m *mochiBroker) start() error {
	if m.server == nil {
		if err := m.newServer(); err != nil {
			return err
		}
	}
	m.listeners = make(map[string]*tracked)
	for name, address := range m.addresses {
		if err := m.listen(name, address); err != nil {
			return errors.Join(err, m.kill())
		}
	}
	for name := range m.addresses {
		m.server.Listeners.Serve(name, m.server.EstablishConnection)
	}
	return nil
}

func (m *mochiBroker) newServer() error {
	capabilities := mochi.NewDefaultServerCapabilities()
	capabilities.ReceiveMaximum = cmp.Or(m.options.ReceiveMaximum, math.MaxUint16)
	capabilities.MaximumInflight = math.MaxUint16
	// Acknowledgements would repeat the properties of their PUBLISH, which most of them must not carry.
	capabilities.Compatibilities.NoInheritedPropertiesOnAck = true
	m.server = mochi.New(&mochi.Options{Capabilities: capabilities, Logger: slog.New(slog.DiscardHandler)})
	if err := m.server.AddHook(new(mochiRules), nil); err != nil {
		return err
	}
	return m.server.Serve() // no listener yet
}

func (m *mochiBroker) listen(name, address string) error {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	m.listeners[name] = track(l)
	l = m.listeners[name]
	if name == "tls" {
		l = tls.NewListener(l, m.config)
	}
	return m.server.AddListener(listeners.NewNet(name, l))
}

// serverTLS is the side of TLS that Mosquitto is configured for in a file.
func serverTLS(o Options) *tls.Config {
	config := &tls.Config{
		MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pki().server},
		ClientCAs: pki().pool, ClientAuth: tls.VerifyClientCertIfGiven,
	}
	if o.ClientCertificates {
		config.ClientAuth = tls.RequireAndVerifyClientCert
	}
	return config
}

func (m *mochiBroker) kill() error {
	for name, l := range m.listeners {
		if err := l.cut(); err != nil {
			return err
		}
		m.server.Listeners.Delete(name)
	}
	m.listeners = nil
	if m.options.Durable {
		return nil
	}
	return m.close()
}

// stop is a kill: what mochi-mqtt could write in order it could not read.
func (m *mochiBroker) stop() error { return m.kill() }

func (m *mochiBroker) close() error {
	server := m.server
	if server == nil {
		return nil
	}
	m.server = nil
	for _, l := range m.listeners {
		if err := l.cut(); err != nil {
			return err
		}
	}
	return server.Close()
}

// saved: it knows what it has answered.
func (*mochiBroker) saved(string) (bool, error) { return true, nil }
