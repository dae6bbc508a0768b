package emulator

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"

	"github.com/gneiss-mqtt/gneiss-go/emulator/internal/ca"
)

// ErrNoTLS is returned where a certificate is asked of a server without a TLS listener.
var ErrNoTLS = errors.New("emulator: the server has no TLS listener")

// listenerTLS returns the configurations of the listener that serves everything and of the one for devices alone, which
// only the AWS profile has.
func (s *Server) listenerTLS() (front, device *tls.Config, err error) {
	if s.ca == nil {
		return nil, nil, nil
	}
	hosts := append([]string{"localhost", "127.0.0.1", "::1", s.opts.MemAddr}, s.opts.Hosts...)
	for _, addr := range []string{s.opts.TLSAddr, s.opts.MQTTSAddr, s.opts.WSSAddr} {
		if host, _, err := net.SplitHostPort(addr); err == nil && host != "" {
			hosts = append(hosts, host)
		}
	}
	cert, err := s.ca.Server(hosts...)
	if err != nil {
		return nil, nil, err
	}
	if s.cloud != nil {
		p := newPorts(s, cert)
		return p.front(), p.device(), nil
	}
	config := &tls.Config{
		MinVersion:   tls.VersionTLS12,
		Certificates: []tls.Certificate{cert},
		ClientCAs:    s.ca.Pool(),
		ClientAuth:   tls.VerifyClientCertIfGiven,
		NextProtos:   []string{"mqtt"},
	}
	if s.opts.RequireClientCert {
		config.ClientAuth = tls.RequireAndVerifyClientCert
	}
	return config, nil, nil
}

// forHTTP is a configuration for WebSockets. Their clients name HTTP by ALPN, or nothing.
func forHTTP(c *tls.Config) *tls.Config {
	c = c.Clone()
	c.NextProtos = []string{"http/1.1"}
	return c
}

// ClientTLS returns a configuration that trusts the server. Where name is not empty it has a new client certificate
// with that common name: with the AWS profile that of a device, see [Server.Device].
func (s *Server) ClientTLS(name string) (*tls.Config, error) {
	if s.ca == nil {
		return nil, ErrNoTLS
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: s.ca.Pool(), ServerName: "localhost"}
	if name == "" {
		return config, nil
	}
	if s.cloud != nil {
		d, err := s.Device(name)
		if err != nil {
			return nil, err
		}
		return d.TLS(), nil
	}
	cert, err := s.ca.Client(name)
	if err != nil {
		return nil, err
	}
	config.Certificates = []tls.Certificate{cert}
	return config, nil
}

// CertFiles are the names of the files that [Server.WriteCerts] has written.
type CertFiles struct {
	CA, Cert, Key string
}

// WriteCerts writes the server's authority and a new client certificate with its key to a directory, which is made where
// it does not exist: ca.pem, NAME.pem and NAME.key. Only the owner may read the key.
func (s *Server) WriteCerts(dir, name string) (CertFiles, error) {
	if s.ca == nil {
		return CertFiles{}, ErrNoTLS
	}
	if s.cloud != nil {
		d, err := s.Device(name)
		if err != nil {
			return CertFiles{}, err
		}
		return d.Write(dir)
	}
	client, err := s.ca.Client(name)
	if err != nil {
		return CertFiles{}, err
	}
	cert, key, err := ca.EncodePEM(client)
	if err != nil {
		return CertFiles{}, err
	}
	return writeCerts(dir, name, s.ca.PEM(), cert, key)
}

func writeCerts(dir, name string, authority, cert, key []byte) (CertFiles, error) {
	if name == "" || name != filepath.Base(name) || name == "." || name == ".." || name == "ca" {
		return CertFiles{}, fmt.Errorf("emulator: %q cannot be the name of a client certificate", name)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return CertFiles{}, fmt.Errorf("emulator: certificates: %w", err)
	}
	files := CertFiles{CA: filepath.Join(dir, "ca.pem"), Cert: filepath.Join(dir, name+".pem"), Key: filepath.Join(dir, name+".key")}
	for _, f := range []struct {
		name string
		data []byte
		mode os.FileMode
	}{{files.CA, authority, 0o644}, {files.Cert, cert, 0o644}, {files.Key, key, 0o600}} {
		if err := writeFile(f.name, f.data, f.mode); err != nil {
			return CertFiles{}, fmt.Errorf("emulator: certificates: %w", err)
		}
	}
	return files, nil
}

// writeFile replaces a file; an old one with wider permissions does not lend them to the new content.
func writeFile(name string, data []byte, mode os.FileMode) error {
	if err := os.Remove(name); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return os.WriteFile(name, data, mode)
}
