package mqttws_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	mqttws "github.com/gneiss-mqtt/gneiss-go/builders/websocket"
	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/mqtttest"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// bridge passes the stream of a WebSocket on to a peer, and the peer's back in frames of any size. ended, if any, gets
// what the client's last frame was.
func bridge(t *testing.T, peer *mqtttest.Peer, ended chan<- byte) func(*side) {
	return func(s *side) {
		conn, err := peer.Dial(t.Context())
		if err != nil {
			return
		}
		var back sync.WaitGroup
		back.Go(func() {
			r := rand.New(rand.NewPCG(1, 1))
			buf := make([]byte, 8000)
			for {
				n, err := conn.Read(buf[:1+r.IntN(len(buf))])
				if err != nil || s.send(fin|opBinary, buf[:n]) != nil {
					_ = s.send(fin|opClose, []byte{3, 0xE8})
					return
				}
			}
		})
		last := byte(0)
		for {
			first, payload, err := s.next()
			if err != nil {
				break
			}
			if last = first; first != fin|opBinary {
				break
			}
			if _, err := conn.Write(payload); err != nil {
				break
			}
		}
		_ = conn.Close()
		back.Wait()
		if ended != nil {
			ended <- last
		}
	}
}

func newClient(t *testing.T, endpoint mqtt.Endpoint, edit ...func(*mqtt.Config)) *mqtt.Client {
	t.Helper()
	cfg := mqtt.Config{Endpoint: endpoint, ClientID: "device", Reconnect: mqtt.Backoff{Min: time.Millisecond, Max: 10 * time.Millisecond}}
	for _, f := range edit {
		f(&cfg)
	}
	client, err := mqtt.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = client.Close()
		<-client.Done()
	})
	if err := client.Start(); err != nil {
		t.Fatal(err)
	}
	return client
}

func TestClient(t *testing.T) {
	t.Parallel()
	cert := selfSigned(t)
	peer := mqtttest.NewPeer(t)
	peer.Serve(mqtttest.Echo)
	ended := make(chan byte, 1)
	addr := serveWSS(t, &tls.Config{Certificates: []tls.Certificate{cert}}, bridge(t, peer, ended))
	endpoint, err := mqttws.URL("wss://"+addr, below(trust(cert)))
	if err != nil {
		t.Fatal(err)
	}
	client := newClient(t, endpoint)
	sub, err := client.Subscribe(short(t), mqtt.Filter{Filter: "#"})
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(2, 2))
	var payloads [][]byte
	for _, size := range []int{0, 1, 500, 32 << 10, 300_000} {
		payloads = append(payloads, randomBytes(r, size))
	}
	go func() {
		for i, payload := range payloads {
			if _, err := client.Publish(t.Context(), mqtt.Publish{Topic: "a/b", Payload: payload, QoS: packet.QoS(i % 3)}); err != nil {
				t.Error(err)
			}
		}
	}()
	for m, err := range sub.Messages(short(t)) {
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(m.Payload, payloads[0]) {
			t.Errorf("%d bytes came back for %d", len(m.Payload), len(payloads[0]))
		}
		if payloads = payloads[1:]; len(payloads) == 0 {
			break
		}
	}
	if err := client.Shutdown(short(t)); err != nil {
		t.Error(err)
	}
	if last := <-ended; last != fin|opClose {
		t.Errorf("the last frame was %#x, want the closing handshake", last)
	}
}

// After a cut the next attempt is a new request, and operations under way are finished on it.
func TestClientReconnects(t *testing.T) {
	t.Parallel()
	peer := mqtttest.NewPeer(t)
	attempts := make(chan string, 10)
	pass := bridge(t, peer, nil)
	addr := serveWS(t, func(s *side) {
		attempts <- s.request.RequestURI
		pass(s)
	})
	n := 0
	endpoint, err := mqttws.URL("ws://"+addr, func(o *mqttws.Options) {
		o.Prepare = func(_ context.Context, r *mqttws.Request) error {
			r.URL.RawQuery = "signature=" + strings.Repeat("x", n)
			n++
			return nil
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	client := newClient(t, endpoint, func(c *mqtt.Config) { c.SessionExpiry = time.Hour })
	conn, _ := peer.Connect(new(packet.Connack))
	result := make(chan error, 1)
	go func() {
		_, err := client.Publish(short(t), mqtt.Publish{Topic: "a", QoS: 1})
		result <- err
	}()
	first := mqtttest.Expect[packet.Publish](conn)
	conn.Cut()
	conn, _ = peer.Connect(&packet.Connack{SessionPresent: true})
	second := mqtttest.Expect[packet.Publish](conn)
	if second.ID != first.ID || !second.Dup {
		t.Errorf("sent again as %+v", second)
	}
	conn.Send(&packet.Puback{Ack: packet.Ack{ID: second.ID}})
	if err := <-result; err != nil {
		t.Error(err)
	}
	for _, want := range []string{"/mqtt?signature=", "/mqtt?signature=x"} {
		if got := <-attempts; got != want {
			t.Errorf("asked for %s, want %s", got, want)
		}
	}
}

// A server that never answers the upgrade is given up after the connect timeout, and one that refuses is told of.
func TestClientIsTold(t *testing.T) {
	t.Parallel()
	silent := "ws://" + serve(t, func(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) })
	server := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(server.Close)
	for address, want := range map[string]func(error) bool{
		silent: func(err error) bool { return errors.Is(err, mqtt.ErrConnectTimeout) },
		strings.Replace(server.URL, "http:", "ws:", 1): func(err error) bool {
			e, ok := errors.AsType[*mqttws.HandshakeError](err)
			return ok && e.StatusCode == 404
		},
	} {
		endpoint, err := mqttws.URL(address)
		if err != nil {
			t.Fatal(err)
		}
		failures := make(chan *mqtt.ConnectError, 100)
		newClient(t, endpoint, func(c *mqtt.Config) {
			c.ConnectTimeout = 30 * time.Millisecond
			if address != silent {
				c.ConnectTimeout = limit
			}
			c.Trace = &mqtt.Trace{ConnectFailed: func(err *mqtt.ConnectError, _ time.Duration) {
				select {
				case failures <- err:
				default:
				}
			}}
		})
		for range 2 { // it goes on trying
			if err := <-failures; !want(err) || err.Terminal || err.Stage != "dial" {
				t.Errorf("%s: %v", address, err)
			}
		}
	}
}
