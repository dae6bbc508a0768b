package emulator

import (
	"crypto/tls"
	"errors"
	"net"
	"slices"

	"github.com/gneiss-mqtt/gneiss-go/emulator/broker"
	"github.com/gneiss-mqtt/gneiss-go/emulator/internal/account"
	"github.com/gneiss-mqtt/gneiss-go/emulator/internal/gate"
)

// The protocols that clients of AWS IoT Core name by ALPN on port 443.
const (
	alpnDevice     = "x-amzn-mqtt-ca" // MQTT, with a device certificate
	alpnAuthorizer = "mqtt"           // MQTT, with a custom authorizer
	alpnDeviceHTTP = "x-amzn-http-ca" // HTTPS, with a device certificate
	alpnHTTP       = "http/1.1"
)

// ports is the TLS of the AWS profile: what a client names by ALPN decides what it has to show.
type ports struct {
	s    *Server
	base tls.Config
}

func newPorts(s *Server, cert tls.Certificate) *ports {
	return &ports{s: s, base: tls.Config{
		MinVersion:   tls.VersionTLS12,
		Certificates: []tls.Certificate{cert},
		// Neither does the service resume sessions: a certificate is judged at every connection.
		SessionTicketsDisabled: true,
	}}
}

// config returns a configuration that names protocols, and asks for a device certificate.
func (p *ports) config(ask, insist bool, protocols ...string) *tls.Config {
	c := p.base.Clone()
	c.NextProtos = protocols
	if ask {
		// A certificate is looked up, not verified by a chain: the service registers certificates of any authority.
		c.ClientAuth = tls.RequestClientCert
	}
	if insist {
		c.VerifyConnection = func(state tls.ConnectionState) error {
			_, err := p.s.deviceOf(&state, "")
			return err
		}
	}
	return c
}

// front returns the configuration of the port that stands for 443.
func (p *ports) front() *tls.Config {
	device, authorizer := p.config(true, true, alpnDevice), p.config(false, false, alpnAuthorizer)
	deviceHTTP := p.config(true, true, alpnDeviceHTTP)
	web, unknown := p.config(true, false, alpnHTTP), p.config(true, false)
	c := p.base.Clone()
	c.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		switch offers := hello.SupportedProtos; {
		case slices.Contains(offers, alpnDevice):
			return device, nil
		case slices.Contains(offers, alpnAuthorizer):
			return authorizer, nil
		case slices.Contains(offers, alpnDeviceHTTP):
			return deviceHTTP, nil
		case slices.Contains(offers, alpnHTTP):
			return web, nil
		}
		return unknown, nil // none, or one that is not known here, which must not end the handshake
	}
	return c
}

// device returns the configuration of the port that stands for 8883, which asks for a device certificate in any case.
func (p *ports) device() *tls.Config {
	named, plain := p.config(true, true, alpnDevice), p.config(true, true)
	c := p.base.Clone()
	c.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		if slices.Contains(hello.SupportedProtos, alpnDevice) {
			return named, nil
		}
		return plain, nil
	}
	return c
}

// The reasons to refuse a device certificate, for the log: the client sees a failed handshake.
var (
	errNoCertificate = errors.New("the client has no certificate")
	errUnregistered  = errors.New("the certificate is not registered")
	errNotActive     = errors.New("the certificate is not active")
	errExpired       = errors.New("the certificate has expired")
)

// deviceOf returns who a device certificate stands for.
func (s *Server) deviceOf(state *tls.ConnectionState, remote string) (*account.Principal, error) {
	if len(state.PeerCertificates) == 0 {
		return nil, errNoCertificate
	}
	leaf := state.PeerCertificates[0]
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.cloud.account.Certificate(account.CertificateID(leaf))
	switch {
	case c == nil:
		return nil, errUnregistered
	case c.Status != account.Active:
		return nil, errNotActive
	case s.wall().After(leaf.NotAfter):
		return nil, errExpired
	}
	return &account.Principal{Kind: account.ByDevice, ID: c.ID, ARN: c.ARN, Leaf: leaf, SourceIP: hostOf(remote)}, nil
}

// enter passes a connection on to what its client has asked for.
func (s *Server) enter(l *listener, conn *tls.Conn, state *tls.ConnectionState, info broker.ConnInfo) {
	door := new(gate.Door)
	info.Context = door
	info.Certificates = state.PeerCertificates
	switch {
	case l.device() || state.NegotiatedProtocol == alpnDevice:
		who, err := s.deviceOf(state, info.Remote)
		if err != nil { // since the handshake
			_ = conn.Close()
			return
		}
		door.Principal = who
	case state.NegotiatedProtocol == alpnAuthorizer:
		door.ServerName = state.ServerName
	default:
		s.web.push(visitor{conn, info, state})
		return
	}
	_ = s.serve(conn, info)
}

// device reports whether the listener is for devices alone.
func (l *listener) device() bool { return l.name == "mqtts" || l.name == "mem-mqtts" }

// anonymous is the door of a listener that asks nobody.
func anonymous(remote string) *gate.Door {
	return &gate.Door{Principal: &account.Principal{Kind: account.Anonymous, ID: "anonymous", ARN: "anonymous", SourceIP: hostOf(remote)}}
}

func hostOf(addr string) string {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return ""
	}
	return host
}
