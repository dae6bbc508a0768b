package emulator

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"

	"github.com/gneiss-mqtt/gneiss-go/emulator/broker"
	"github.com/gneiss-mqtt/gneiss-go/emulator/internal/account"
	"github.com/gneiss-mqtt/gneiss-go/emulator/internal/ca"
)

// ErrNotAWS is returned for what only the AWS profile has.
var ErrNotAWS = errors.New("emulator: the server does not have the AWS profile")

// A Device is a thing with a certificate.
type Device struct {
	Thing          string
	CertificateID  string
	CertificateARN string
	// CertPEM and KeyPEM are the certificate and its private key (PKCS #8, ECDSA P-256), CAPEM is the authority that
	// clients trust the server by.
	CertPEM, KeyPEM, CAPEM []byte
	// Endpoint is where the device connects to, "localhost:443" for instance: with the ALPN x-amzn-mqtt-ca. Endpoint8883
	// is where it needs none. On an in-memory network they are names there. Either may be empty.
	Endpoint, Endpoint8883 string

	pair tls.Certificate
	tls  *tls.Config
}

// Device registers a thing, unless it is there, with a new certificate that is active and attached to it.
func (s *Server) Device(thing string) (*Device, error) {
	if s.cloud == nil {
		return nil, ErrNotAWS
	}
	if !account.ValidThingName(thing) {
		return nil, fmt.Errorf("emulator: %q cannot be the name of a thing", thing)
	}
	pair, err := s.ca.Client(thing)
	if err != nil {
		return nil, err
	}
	cert, key, err := ca.EncodePEM(pair)
	if err != nil {
		return nil, err
	}
	d := s.newDevice(thing, pair, cert, key)
	err = s.do(func(now broker.Instant) error {
		a := s.cloud.account
		if _, err := a.CreateThing(thing); err != nil && !errors.Is(err, account.ErrExists) {
			return err
		}
		c, err := a.AddCertificate(pair.Leaf, account.Active, s.wall())
		if err != nil {
			return err
		}
		d.CertificateID, d.CertificateARN = c.ID, c.ARN
		return a.AttachThing(thing, c.ARN)
	})
	if err != nil {
		return nil, err
	}
	return d, nil
}

// newDevice returns a device that has a certificate.
func (s *Server) newDevice(thing string, pair tls.Certificate, cert, key []byte) *Device {
	d := &Device{Thing: thing, CertPEM: cert, KeyPEM: key, CAPEM: s.ca.PEM(), pair: pair, Endpoint: s.Endpoint(), Endpoint8883: s.Endpoint8883()}
	d.tls = &tls.Config{
		MinVersion: tls.VersionTLS12, RootCAs: s.ca.Pool(), ServerName: "localhost", NextProtos: []string{alpnDevice},
		Certificates: []tls.Certificate{pair},
	}
	return d
}

// TLS returns a configuration with the device's certificate that trusts the server, for port 443 and 8883 alike.
func (d *Device) TLS() *tls.Config { return d.tls.Clone() }

// Write writes ca.pem, THING.pem and THING.key to a directory, which is made where it does not exist. Only the owner may
// read the key.
func (d *Device) Write(dir string) (CertFiles, error) {
	return writeCerts(dir, d.Thing, d.CAPEM, d.CertPEM, d.KeyPEM)
}

// CA returns the certificate of the server's authority as PEM; nil without TLS.
func (s *Server) CA() []byte {
	if s.ca == nil {
		return nil
	}
	return s.ca.PEM()
}

// Endpoint returns host and port of what stands for port 443 of the account's endpoint, or an empty string.
func (s *Server) Endpoint() string { return s.endpoint(s.TLSAddr(), ":443") }

// Endpoint8883 returns host and port of what stands for port 8883 of the account's endpoint, or an empty string.
func (s *Server) Endpoint8883() string { return s.endpoint(s.MQTTSAddr(), ":8883") }

// endpoint returns an address by a name that the server's certificate has.
func (s *Server) endpoint(addr, port string) string {
	_, p, err := net.SplitHostPort(addr)
	switch {
	case err == nil && s.loopback(addr):
		return "localhost:" + p
	case err == nil:
		return addr
	case s.cloud != nil && s.opts.Mem != nil:
		return s.opts.MemAddr + port
	}
	return ""
}

// loopback reports whether localhost leads to an address.
func (s *Server) loopback(addr string) bool {
	ip := net.ParseIP(hostOf(addr))
	return ip != nil && (ip.Equal(net.IPv4(127, 0, 0, 1)) || ip.IsUnspecified())
}
