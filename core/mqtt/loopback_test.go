package mqtt_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/mqtttest"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// Over real sockets a lone caller writes by itself. It all works from many callers, too.
func TestLoopbackTraffic(t *testing.T) {
	t.Parallel()
	p := mqtttest.NewLoopbackPeer(t)
	p.Serve(mqtttest.Echo)
	traffic(t, p)
}

// traffic publishes and receives, alone and from several goroutines.
func traffic(t *testing.T, p *mqtttest.Peer, changes ...func(*mqtt.Config)) {
	c := start(t, p, changes...)
	got := make(chan string, 10_000)
	if _, err := c.SubscribeFunc(t.Context(), func(m mqtt.Message) { got <- string(m.Payload) }, mqtt.Filter{Filter: "t"}); err != nil {
		t.Fatal(err)
	}
	publish := func(n int) {
		for i := range n {
			if _, err := c.Publish(t.Context(), mqtt.Publish{Topic: "t", Payload: []byte("x"), QoS: packet.QoS(i % 3)}); err != nil {
				t.Error(err)
			}
		}
	}
	publish(300)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() { publish(60) })
	}
	wg.Wait()
	large := make([]byte, 3<<20)
	if _, err := c.Publish(t.Context(), mqtt.Publish{Topic: "t", Payload: large, QoS: 1}); err != nil {
		t.Error(err)
	}
	for range 300 + 8*60 {
		<-got
	}
	if n := len(<-got); n != len(large) {
		t.Errorf("%d bytes came back", n)
	}
	if err := c.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if s := c.Stats(); s.Connects != 1 || s.Dropped != 0 {
		t.Errorf("%+v", s)
	}
}

func TestUnixSocket(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	relay(t, l, func(ctx context.Context) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", l.Addr().String())
	})
}

// relay puts a listener in front of a peer, and runs traffic over it.
func relay(t *testing.T, l net.Listener, dial func(context.Context) (net.Conn, error)) {
	p := mqtttest.NewPeer(t)
	p.Serve(mqtttest.Echo)
	go func() {
		for {
			front, err := l.Accept()
			if err != nil {
				return
			}
			back, err := p.Dial(t.Context())
			if err != nil {
				front.Close()
				return
			}
			go pump(front, back)
			go pump(back, front)
		}
	}()
	traffic(t, p, func(c *mqtt.Config) { c.Endpoint.Dial = dial })
}

func pump(from, to net.Conn) {
	defer to.Close()
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		if n > 0 {
			if _, err := to.Write(buf[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// certify makes a certificate for 127.0.0.1 and a configuration that trusts it.
func certify(t *testing.T) (server, client *tls.Config) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}, &tls.Config{RootCAs: pool}
}

func TestTLS(t *testing.T) {
	t.Parallel()
	server, client := certify(t)
	l, err := tls.Listen("tcp", "127.0.0.1:0", server)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	relay(t, l, func(ctx context.Context) (net.Conn, error) {
		d := tls.Dialer{Config: client}
		return d.DialContext(ctx, "tcp", l.Addr().String())
	})
}

// The broker gets our DISCONNECT although it is sending all the time: to close with something unread would reset the
// connection, and the broker would publish the will.
func TestDisconnectArrivesUnderLoad(t *testing.T) {
	t.Parallel()
	for range 4 {
		p := mqtttest.NewLoopbackPeer(t)
		c := start(t, p, func(c *mqtt.Config) { c.Handler = func(mqtt.Message) {} })
		conn, _ := p.Connect(&packet.Connack{})
		connected(t, c)
		stop, stopped := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(stopped)
			m, _ := message("t", string(make([]byte, 4000)), 0, 0).Append(nil, packet.V5)
			for {
				select {
				case <-stop:
					return
				default:
					if _, err := conn.NetConn().Write(m); err != nil {
						return
					}
				}
			}
		}()
		eventually(t, "messages flow", func() bool { return c.Stats().PublishesReceived > 10 })
		down := async(func() error { return c.Shutdown(t.Context()) })
		mqtttest.Expect[packet.Disconnect](conn)
		close(stop)
		<-stopped
		conn.Close()
		if err := <-down; err != nil {
			t.Error(err)
		}
	}
}

// F37, over a real socket: the system's buffers are full, and nobody reads.
func TestHalfOpenTCP(t *testing.T) {
	t.Parallel()
	p := mqtttest.NewLoopbackPeer(t)
	lost := make(chan error, 1)
	c := start(t, p, func(c *mqtt.Config) {
		c.KeepAlive = time.Second
		c.PingTimeout = 400 * time.Millisecond
		c.Trace = &mqtt.Trace{Disconnected: func(err error) {
			select {
			case lost <- err:
			default:
			}
		}}
	})
	p.Connect(&packet.Connack{})
	connected(t, c)
	for range 40 {
		if err := c.PublishAsync(mqtt.Publish{Topic: "t", QoS: 1, Payload: make([]byte, 1<<20)}, nil); err != nil {
			t.Fatal(err)
		}
	}
	select {
	case err := <-lost:
		wantErr(t, err, mqtt.ErrPingTimeout)
	case <-time.After(20 * time.Second): // 1 s, 0.4 s and 1 s, on a slow machine
		t.Error("not found out")
	}
	begun := time.Now()
	c.Close()
	if took := time.Since(begun); took > 5*time.Second {
		t.Errorf("Close took %v", took)
	}
}

// A message that is larger than what the system takes at once goes out whole, although its writer does not wait.
func TestLoneCallerWithALargeMessage(t *testing.T) {
	t.Parallel()
	p := mqtttest.NewLoopbackPeer(t)
	c := start(t, p)
	conn, _ := p.Connect(&packet.Connack{})
	connected(t, c)
	payload := make([]byte, 5<<20)
	for i := range payload {
		payload[i] = byte(i * 7)
	}
	for i := range 12 { // from the fifth on, the caller writes
		size := 1 << (2 * i)
		if i == 11 {
			size = len(payload)
		}
		over := publish(t.Context(), c, mqtt.Publish{Topic: "t", QoS: 1, Payload: payload[:size]})
		in := mqtttest.Expect[packet.Publish](conn)
		if string(in.Payload) != string(payload[:size]) {
			t.Errorf("a message of %d bytes arrived wrong", size)
		}
		conn.Send(mqtttest.Answer(conn, in)...)
		if r := <-over; r.err != nil {
			t.Error(r.err)
		}
	}
}
