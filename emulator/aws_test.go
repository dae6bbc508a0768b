package emulator_test

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"io"
	"net"
	"os"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/packet"
	"github.com/gneiss-mqtt/gneiss-go/emulator"
	"github.com/gneiss-mqtt/gneiss-go/emulator/memnet"
)

func device(t testing.TB, s *emulator.Server, thing string) *emulator.Device {
	t.Helper()
	d, err := s.Device(thing)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// secure opens a TLS connection with a configuration, over the network that the server is on.
func secure(t testing.TB, s *emulator.Server, addr string, config *tls.Config, mem *memnet.Network) (net.Conn, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var conn net.Conn
	var err error
	if mem != nil {
		conn, err = mem.DialContext(ctx, "mem", addr)
	} else {
		conn, err = new(net.Dialer).DialContext(ctx, "tcp", addr)
	}
	if err != nil {
		t.Fatal(err)
	}
	c := tls.Client(conn, config)
	if err := c.HandshakeContext(ctx); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return c, nil
}

// with connects a device by mutual TLS.
func with(t testing.TB, s *emulator.Server, d *emulator.Device, p packet.Connect) (*client, *packet.Connack) {
	t.Helper()
	conn, err := secure(t, s, d.Endpoint, d.TLS(), nil)
	if err != nil {
		t.Fatal(err)
	}
	c := newClient(t, conn, packet.V5)
	return c, c.connect(p)
}

func TestConnackOfTheService(t *testing.T) {
	t.Parallel()
	s := start(t, emulator.Options{})
	_, ack := with(t, s, device(t, s, "thing"), packet.Connect{ClientID: "thing", CleanStart: true, KeepAlive: 1200, SessionExpiry: 9999})
	want := &packet.Connack{
		ReceiveMaximum: 100, MaximumQoS: packet.Some(packet.QoS1), RetainAvailable: packet.Some(true), MaximumPacketSize: 149504,
		TopicAliasMaximum: 8, WildcardAvailable: packet.Some(true), SubscriptionIDAvailable: packet.Some(false),
		SharedAvailable: packet.Some(true), ServerKeepAlive: packet.Some[uint16](1200), SessionExpiry: packet.Some[uint32](3600),
	}
	got, _ := ack.Append(nil, packet.V5)
	bytes, _ := want.Append(nil, packet.V5)
	if string(got) != string(bytes) {
		t.Errorf("got %+v\nwant %+v", ack, want)
	}
}

// TestPortsAndALPN: what a client names by ALPN decides what it has to show, but for the port that stands for 8883.
func TestPortsAndALPN(t *testing.T) {
	t.Parallel()
	s, other := start(t, emulator.Options{}), start(t, emulator.Options{})
	own, foreign := device(t, s, "own"), device(t, other, "foreign")
	if own.Endpoint == "" || own.Endpoint8883 == "" || own.Endpoint == own.Endpoint8883 || s.Addr() != "" {
		t.Fatalf("endpoints %q and %q, plain %q", own.Endpoint, own.Endpoint8883, s.Addr())
	}
	for name, tc := range map[string]struct {
		addr   string
		device *emulator.Device
		alpn   []string
		ok     bool
	}{
		"443, ALPN":             {own.Endpoint, own, []string{"x-amzn-mqtt-ca"}, true},
		"443, ALPN among more":  {own.Endpoint, own, []string{"h2", "x-amzn-mqtt-ca"}, true},
		"443, no certificate":   {own.Endpoint, nil, []string{"x-amzn-mqtt-ca"}, false},
		"443, foreign":          {own.Endpoint, foreign, []string{"x-amzn-mqtt-ca"}, false},
		"443, no ALPN":          {own.Endpoint, own, nil, false},
		"443, unknown ALPN":     {own.Endpoint, own, []string{"h2"}, false},
		"8883, no ALPN":         {own.Endpoint8883, own, nil, true},
		"8883, ALPN":            {own.Endpoint8883, own, []string{"x-amzn-mqtt-ca"}, true},
		"8883, unknown ALPN":    {own.Endpoint8883, own, []string{"other"}, true},
		"8883, no certificate":  {own.Endpoint8883, nil, nil, false},
		"8883, foreign":         {own.Endpoint8883, foreign, nil, false},
		"443, custom, unproven": {own.Endpoint, nil, []string{"mqtt"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := own.TLS()
			config.NextProtos, config.Certificates = tc.alpn, nil
			if tc.device != nil {
				config.Certificates = tc.device.TLS().Certificates
			}
			conn, err := secure(t, s, tc.addr, config, nil)
			if err == nil { // with TLS 1.3 the refusal comes with the first read
				c := newClient(t, conn, packet.V5)
				b, _ := (&packet.Connect{ClientID: name, CleanStart: true}).Append(nil, packet.V5)
				_, _ = conn.Write(b)
				if strings.Contains(name, "no ALPN") && !tc.ok || strings.Contains(name, "443, unknown") {
					err = answered(conn)
				} else {
					var p packet.Packet
					p, err = c.next()
					if ack, ok := p.(*packet.Connack); ok && ack.Code != packet.Success {
						err = os.ErrPermission
					}
				}
			}
			if tc.ok != (err == nil) {
				t.Errorf("%v", err)
			}
		})
	}
}

// answered expects the answer of an HTTP server to something that is not HTTP.
func answered(conn net.Conn) error {
	_, _ = conn.Write([]byte("\r\n\r\n")) // so that it sees a whole request
	b := make([]byte, 12)
	_ = conn.SetReadDeadline(time.Now().Add(patience))
	n, err := io.ReadFull(conn, b)
	if string(b[:n]) == "HTTP/1.1 400" {
		return os.ErrInvalid
	}
	return err
}

func TestDeviceFiles(t *testing.T) {
	t.Parallel()
	s := start(t, emulator.Options{})
	d := device(t, s, "thing")
	files, err := d.Write(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(files.Key); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	if _, err := tls.LoadX509KeyPair(files.Cert, files.Key); err != nil {
		t.Error(err)
	}
	if again := device(t, s, "thing"); again.CertificateID == d.CertificateID || len(d.CertificateID) != 64 {
		t.Errorf("certificates %q and %q", d.CertificateID, again.CertificateID)
	}
	for _, name := range []string{"", "a/b", strings.Repeat("x", 129)} {
		if _, err := s.Device(name); err == nil {
			t.Errorf("the thing name %q is accepted", name)
		}
	}
	if _, err := start(t, emulator.Options{Profile: emulator.Generic}).Device("thing"); err != emulator.ErrNotAWS {
		t.Errorf("generic: %v", err)
	}
}

func TestPresence(t *testing.T) {
	t.Parallel()
	s := start(t, emulator.Options{Addr: "127.0.0.1:0", TLSAddr: "127.0.0.1:0"})
	watcher := dial(t, s, packet.V5)
	watcher.connect(packet.Connect{ClientID: "watcher", CleanStart: true})
	watcher.subscribe(1, "$aws/events/presence/+/thing", "$aws/events/subscriptions/+/thing")
	d := device(t, s, "thing")
	c, _ := with(t, s, d, packet.Connect{ClientID: "thing", CleanStart: true})
	event := func() (topic string, body map[string]any) {
		t.Helper()
		p := expect[*packet.Publish](watcher)
		watcher.send(&packet.Puback{Ack: packet.Ack{ID: p.ID}})
		if err := json.Unmarshal(p.Payload, &body); err != nil {
			t.Fatal(err)
		}
		return p.Topic, body
	}
	topic, body := event()
	if topic != "$aws/events/presence/connected/thing" || body["principalIdentifier"] != d.CertificateID ||
		body["ipAddress"] != "127.0.0.1" || body["versionNumber"] != 0.0 || body["eventType"] != "connected" {
		t.Errorf("%s %v", topic, body)
	}
	session := body["sessionIdentifier"]
	c.subscribe(1, "a", "b")
	if topic, body = event(); topic != "$aws/events/subscriptions/subscribed/thing" || len(body["topics"].([]any)) != 2 {
		t.Errorf("%s %v", topic, body)
	}
	_ = c.conn.Close()
	topic, body = event()
	if topic != "$aws/events/presence/disconnected/thing" || body["disconnectReason"] != "CONNECTION_LOST" ||
		body["clientInitiatedDisconnect"] != false || body["sessionIdentifier"] != session {
		t.Errorf("%s %v", topic, body)
	}
	c, _ = with(t, s, d, packet.Connect{ClientID: "thing", CleanStart: true})
	if _, body = event(); body["versionNumber"] != 1.0 || body["sessionIdentifier"] == session {
		t.Errorf("%v", body)
	}
	c.send(&packet.Disconnect{})
	if _, body = event(); body["disconnectReason"] != "CLIENT_INITIATED_DISCONNECT" || body["clientInitiatedDisconnect"] != true {
		t.Errorf("%v", body)
	}
}

// TestAWSInABubble has TLS and the service's clock on an in-memory network.
func TestAWSInABubble(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		network := memnet.New(memnet.Link{}, 1)
		s, err := emulator.Start(emulator.Options{Mem: network})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		d := device(t, s, "thing")
		for _, addr := range []string{d.Endpoint, d.Endpoint8883} {
			conn, err := secure(t, s, addr, d.TLS(), network)
			if err != nil {
				t.Fatal(err)
			}
			c := newClient(t, conn, packet.V5)
			began := time.Now()
			if ack := c.connect(packet.Connect{ClientID: "thing", CleanStart: true}); ack.ServerKeepAlive.Or(0) != 1200 {
				t.Errorf("%+v", ack)
			}
			_ = conn.SetReadDeadline(time.Time{})
			for { // silence
				if _, err := conn.Read(make([]byte, 100)); err != nil {
					break
				}
			}
			if took := time.Since(began).Round(time.Minute); took != 30*time.Minute {
				t.Errorf("the service waited for %v", took)
			}
			_ = conn.Close()
		}
	})
}
