package awsiot_test

import (
	"context"
	"crypto"
	"crypto/x509"
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"software.sslmate.com/src/go-pkcs12"

	awsiot "github.com/gneiss-mqtt/gneiss-go/builders/aws"
	"github.com/gneiss-mqtt/gneiss-go/builders/direct"
	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/mqtttest"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// onlySigner hides everything of a key but what a crypto.Signer has.
type onlySigner struct{ crypto.Signer }

func TestMTLSWithEveryIdentity(t *testing.T) {
	t.Parallel()
	s := newService(t)
	d := s.ca.issue(t)
	s.register(d)
	bundle, err := pkcs12.Modern.Encode(d.PrivateKey, d.Leaf, []*x509.Certificate{s.ca.cert}, "secret")
	if err != nil {
		t.Fatal(err)
	}
	for name, id := range map[string]awsiot.Identity{
		"files":         awsiot.Files(save(t, "cert.pem", d.certPEM), save(t, "key.pem", d.keyPEM)),
		"PEM":           awsiot.PEM(d.certPEM, d.keyPEM),
		"signer":        awsiot.Signer(d.certPEM, onlySigner{d.PrivateKey.(crypto.Signer)}),
		"key pair":      awsiot.KeyPair(d.Certificate),
		"PKCS #12 file": awsiot.PKCS12(save(t, "device.p12", bundle), "secret"),
		"PKCS #12":      awsiot.PKCS12Bytes(bundle, "secret"),
	} {
		for port, want := range map[int]struct {
			address   string
			protocols []string
		}{
			0:    {dataName + ":443", []string{"x-amzn-mqtt-ca"}},
			8883: {dataName + ":8883", nil},
		} {
			endpoint, err := awsiot.MTLS(dataName, id, s.options, func(o *awsiot.Options) { o.Port = port })
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if endpoint.Name != "mqtts://"+want.address {
				t.Errorf("the endpoint is %s", endpoint.Name)
			}
			client := s.client(endpoint)
			conn, connect := s.peer.Connect(new(packet.Connack))
			if connect.ClientID != "pump-7" || connect.HasUsername || connect.HasPassword {
				t.Errorf("%s: CONNECT %+v", name, connect)
			}
			go func() { _, _ = client.Publish(t.Context(), mqtt.Publish{Topic: "a", QoS: 1}) }()
			mqtttest.Expect[packet.Publish](conn)
			_ = client.Close()
			<-client.Done()
			seen := s.hellos()
			h := seen[len(seen)-1]
			if h.name != dataName || !slices.Equal(h.protocols, want.protocols) || !h.cert.Equal(d.Leaf) {
				t.Errorf("%s: the service saw name %q and ALPN %q", name, h.name, h.protocols)
			}
			if dialled := s.dialled(); dialled[len(dialled)-1] != want.address {
				t.Errorf("%s: dialled %s, want %s", name, dialled[len(dialled)-1], want.address)
			}
		}
	}
}

// A certificate that is replaced on disk is the one of the next attempt.
func TestRotatedCertificate(t *testing.T) {
	t.Parallel()
	s := newService(t)
	first, second := s.ca.issue(t), s.ca.issue(t)
	bundle := func(d device) []byte {
		data, err := pkcs12.Modern.Encode(d.PrivateKey, d.Leaf, nil, "secret")
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	s.register(first)
	s.register(second)
	cert, key, p12 := save(t, "cert.pem", first.certPEM), save(t, "key.pem", first.keyPEM), save(t, "device.p12", bundle(first))
	var endpoints []mqtt.Endpoint
	for _, id := range []awsiot.Identity{awsiot.Files(cert, key), awsiot.PKCS12(p12, "secret")} {
		endpoint, err := awsiot.MTLS(dataName, id, s.options)
		if err != nil {
			t.Fatal(err)
		}
		endpoints = append(endpoints, endpoint)
	}
	for n, want := range []device{first, second} {
		if n == 1 {
			for name, text := range map[string][]byte{cert: second.certPEM, key: second.keyPEM, p12: bundle(second)} {
				if err := os.WriteFile(name, text, 0o600); err != nil {
					t.Fatal(err)
				}
			}
		}
		for _, endpoint := range endpoints {
			conn, err := endpoint.Dial(short(t))
			if err != nil {
				t.Fatal(err)
			}
			s.peer.Accept()
			_ = conn.Close()
			if seen := s.hellos(); !seen[len(seen)-1].cert.Equal(want.Leaf) {
				t.Error("the service saw another certificate")
			}
		}
	}
}

func TestMTLSIsJudged(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	d, other := ca.issue(t), ca.issue(t)
	good := awsiot.PEM(d.certPEM, d.keyPEM)
	large := save(t, "large.p12", make([]byte, 1<<20+1))
	bundle, err := pkcs12.Modern.Encode(other.PrivateKey, d.Leaf, nil, "secret")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		endpoint string
		id       awsiot.Identity
		opts     func(*awsiot.Options)
		want     string
	}{
		{"", good, nil, "the endpoint is empty"},
		{"https://" + dataName, good, nil, "is a URL: want the name alone"},
		{dataName + "/mqtt", good, nil, "want the name alone"},
		{dataName + ":0", good, nil, "from 1 to 65535"},
		{dataName + ":x:y", good, nil, "want host, host:port or [IPv6]:port"},
		{credentialsName, good, nil, "the endpoint of the credentials provider"},
		{"a1b2.jobs.iot.eu-west-1.amazonaws.com", good, nil, "the endpoint of Jobs"},
		{dataName, awsiot.Identity{}, nil, "MTLS needs an identity"},
		{dataName, awsiot.Files("/does/not/exist.pem", "/does/not/exist.key"), nil, "no such file"},
		{dataName, awsiot.PEM(d.certPEM, other.keyPEM), nil, "does not belong"},
		{dataName, awsiot.Signer(d.certPEM, other.PrivateKey.(crypto.Signer)), nil, "does not belong"},
		{dataName, awsiot.PKCS12("/does/not/exist.p12", ""), nil, "no such file"},
		{dataName, awsiot.PKCS12(large, ""), nil, "is more than 1048576 bytes"},
		{dataName, awsiot.PKCS12Bytes([]byte("nonsense"), ""), nil, "awsiot: PKCS #12 data: "},
		{dataName, awsiot.PKCS12Bytes(bundle, "secret"), nil, "its key belongs to none of its certificates"},
		{dataName, good, func(o *awsiot.Options) { o.Port = 70000 }, "Options.Port is 70000"},
		{dataName, good, func(o *awsiot.Options) { o.RootCAs = []direct.PEM{direct.File("/does/not/exist.pem")} }, "root CAs"},
	} {
		_, err := awsiot.MTLS(c.endpoint, c.id, c.opts)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s, %v: got %v, want an error with %q", c.endpoint, c.id, err, c.want)
		}
	}
	wrong := awsiot.PKCS12Bytes(bundle, "do-not-print-me")
	if _, err := awsiot.MTLS(dataName, wrong); !errors.Is(err, awsiot.ErrPKCS12Password) || strings.Contains(err.Error(), "print-me") {
		t.Errorf("got %v", err)
	}
}

// Files that other programs have made.
func TestPKCS12OfOthers(t *testing.T) {
	t.Parallel()
	files, err := os.ReadDir("testdata/pkcs12")
	if err != nil || len(files) < 3 {
		t.Fatal(files, err)
	}
	for _, f := range files {
		id := awsiot.PKCS12("testdata/pkcs12/"+f.Name(), "correct horse")
		endpoint, err := awsiot.MTLS(dataName, id)
		if err != nil || endpoint.Dial == nil {
			t.Errorf("%s: %v", f.Name(), err)
		}
		if _, err := awsiot.MTLS(dataName, awsiot.PKCS12("testdata/pkcs12/"+f.Name(), "wrong")); !errors.Is(err, awsiot.ErrPKCS12Password) {
			t.Errorf("%s: with a wrong password: %v", f.Name(), err)
		}
	}
}

// An unregistered certificate is hung up on, a clock that is wrong and a certificate that has expired are told apart.
func TestCertificateThatIsRefused(t *testing.T) {
	t.Parallel()
	s := newService(t)
	for name, c := range map[string]struct {
		edit  func(*x509.Certificate)
		cause awsiot.Cause
		want  string
	}{
		"unknown": {func(*x509.Certificate) {}, awsiot.CauseCertificate, `does not know the device's certificate, or no policy allows the client identifier "pump-7"`},
		"expired": {func(c *x509.Certificate) {
			c.NotBefore, c.NotAfter = time.Unix(0, 0), time.Unix(1000, 0)
		}, awsiot.CauseCertificate, "has expired: it was valid until 1970-01-01T00:16:40Z"},
		"not yet valid": {func(c *x509.Certificate) { c.NotBefore = time.Now().Add(30 * time.Minute) }, awsiot.CauseClock, "this device's clock says"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := s.ca.issue(t, c.edit)
			endpoint, err := awsiot.MTLS(dataName, awsiot.Files(save(t, "c", d.certPEM), save(t, "k", d.keyPEM)), s.options)
			if err != nil {
				t.Fatal(err)
			}
			f := newFailures()
			s.client(endpoint, f.trace)
			for range 2 { // it goes on trying: the certificate may be registered any moment
				r := f.refusal(t, c.cause)
				if !strings.Contains(r.Error(), c.want) || !errors.Is(r, io.EOF) && !strings.Contains(r.Error(), "connection") {
					t.Errorf("got %v, want %q", r, c.want)
				}
				if name == "unknown" && r.Statement != `{"Effect":"Allow","Action":"iot:Connect","Resource":"arn:aws:iot:eu-west-1:ACCOUNT:client/pump-7"}` {
					t.Errorf("the statement is %s", r.Statement)
				}
			}
		})
	}
}

// The pass phrase of an encrypted key, a proxy and the rest are set on the connection below.
func TestDirectOptions(t *testing.T) {
	t.Parallel()
	s := newService(t)
	d := s.ca.issue(t)
	s.register(d)
	endpoint, err := awsiot.MTLS("localhost:1", awsiot.KeyPair(d.Certificate), s.options, nil, func(o *awsiot.Options) {
		o.RootCAs = []direct.PEM{direct.Bytes(s.ca.pem)}
		below := o.Direct
		o.Direct = func(d *direct.Options) {
			below(d)
			d.ServerName, d.NextProtos = dataName, []string{"x-amzn-mqtt-ca", "other"}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	conn, err := endpoint.Dial(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
	s.peer.Accept()
	if h := s.hellos()[0]; h.name != dataName || !slices.Equal(h.protocols, []string{"x-amzn-mqtt-ca", "other"}) {
		t.Errorf("the service saw %+v", h)
	}
	if dialled := s.dialled(); !slices.Equal(dialled, []string{"localhost:1"}) {
		t.Errorf("dialled %q", dialled)
	}
}
