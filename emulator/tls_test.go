package emulator_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/gneiss-mqtt/gneiss-go/core/packet"
	"github.com/gneiss-mqtt/gneiss-go/emulator"
	"github.com/gneiss-mqtt/gneiss-go/emulator/broker"
)

// byCertificate accepts clients whose client identifier is the common name of their certificate.
func byCertificate(_ broker.Instant, c *broker.Client, _ *packet.Connect) broker.ConnectDecision {
	if len(c.Info.Certificates) == 0 || c.Info.Certificates[0].Subject.CommonName != c.ID {
		return broker.ConnectDecision{Code: packet.NotAuthorized}
	}
	return broker.ConnectDecision{}
}

func TestTLSWithAndWithoutCertificate(t *testing.T) {
	t.Parallel()
	s := start(t, emulator.Options{Profile: emulator.Generic, TLSAddr: "127.0.0.1:0", Hooks: broker.Hooks{Connect: byCertificate}})
	if s.Addr() != "" || s.URL() != "mqtts://"+s.TLSAddr() {
		t.Errorf("address %q, URL %q", s.Addr(), s.URL())
	}
	config, err := s.ClientTLS("device-1")
	if err != nil {
		t.Fatal(err)
	}
	config.ServerName = "127.0.0.1"
	conn, err := tls.Dial("tcp", s.TLSAddr(), config)
	if err != nil {
		t.Fatal(err)
	}
	c := newClient(t, conn, packet.V5)
	c.connect(packet.Connect{ClientID: "device-1", CleanStart: true})
	c.subscribe(1, "t")
	c.publish(packet.Publish{Topic: "t", Payload: []byte("secure")})
	c.message("secure")
	dial(t, s, packet.V5).refusedAs("device-1") // without a certificate
}

// refusedAs connects and expects to be refused.
func (c *client) refusedAs(id string) {
	c.t.Helper()
	c.send(&packet.Connect{ClientID: id, CleanStart: true})
	c.refused()
}

func TestTLSRequiresCertificate(t *testing.T) {
	t.Parallel()
	s := start(t, emulator.Options{Profile: emulator.Generic, TLSAddr: "127.0.0.1:0", RequireClientCert: true})
	other := start(t, emulator.Options{Profile: emulator.Generic, TLSAddr: "127.0.0.1:0"})
	good, err := s.ClientTLS("device")
	if err != nil {
		t.Fatal(err)
	}
	foreign, err := other.ClientTLS("device")
	if err != nil {
		t.Fatal(err)
	}
	foreign.RootCAs = good.RootCAs
	none := good.Clone()
	none.Certificates = nil
	for name, tc := range map[string]struct {
		config *tls.Config
		ok     bool
	}{"own": {good, true}, "foreign": {foreign, false}, "none": {none, false}} {
		conn, err := tls.Dial("tcp", s.TLSAddr(), tc.config)
		if err == nil { // with TLS 1.3 the refusal comes with the first read
			c := newClient(t, conn, packet.V5)
			if b, e := (&packet.Connect{ClientID: name, CleanStart: true}).Append(nil, packet.V5); e != nil {
				t.Fatal(e)
			} else {
				_, _ = conn.Write(b)
			}
			_, err = c.next()
		}
		if tc.ok != (err == nil) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// A client that does not know the authority does not connect.
	var unknown x509.UnknownAuthorityError
	if _, err := tls.Dial("tcp", s.TLSAddr(), &tls.Config{ServerName: "localhost"}); !errors.As(err, &unknown) {
		t.Errorf("unknown authority: %v", err)
	}
}

func TestWriteCerts(t *testing.T) {
	t.Parallel()
	s := start(t, emulator.Options{Profile: emulator.Generic, TLSAddr: "127.0.0.1:0"})
	dir := filepath.Join(t.TempDir(), "certs")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "thing.key"), []byte("old and open"), 0o644); err != nil {
		t.Fatal(err)
	}
	files, err := s.WriteCerts(dir, "thing")
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(files.Key)
	if err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("the key has mode %v", info.Mode())
	}
	pair, err := tls.LoadX509KeyPair(files.Cert, files.Key)
	if err != nil {
		t.Fatal(err)
	}
	pem, err := os.ReadFile(files.CA)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		t.Fatal("no certificate in ca.pem")
	}
	conn, err := tls.Dial("tcp", s.TLSAddr(), &tls.Config{RootCAs: pool, Certificates: []tls.Certificate{pair}, ServerName: "localhost"})
	if err != nil {
		t.Fatal(err)
	}
	newClient(t, conn, packet.V5).connect(packet.Connect{ClientID: "thing", CleanStart: true})
	for _, name := range []string{"", ".", "..", "ca", "a/b", "../up"} {
		if _, err := s.WriteCerts(dir, name); err == nil {
			t.Errorf("%q is taken for a name", name)
		}
	}
	if _, err := s.WriteCerts(filepath.Join(files.CA, "below-a-file"), "thing"); err == nil {
		t.Error("certificates below a file")
	}
	plain := start(t, emulator.Options{Profile: emulator.Generic})
	if _, err := plain.WriteCerts(dir, "thing"); !errors.Is(err, emulator.ErrNoTLS) {
		t.Errorf("without TLS: %v", err)
	}
	if _, err := plain.ClientTLS(""); !errors.Is(err, emulator.ErrNoTLS) {
		t.Errorf("without TLS: %v", err)
	}
}
