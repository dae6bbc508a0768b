package emulator_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/gneiss-mqtt/gneiss-go/core/packet"
	"github.com/gneiss-mqtt/gneiss-go/emulator"
	"github.com/gneiss-mqtt/gneiss-go/emulator/broker"
	"github.com/gneiss-mqtt/gneiss-go/emulator/memnet"
)

// openSocket opens a WebSocket to an address, as a client that is not the emulator's own.
func openSocket(t testing.TB, d websocket.Dialer, address string, protocols ...string) (*stream, *http.Response, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	d.Subprotocols = protocols
	ws, response, err := d.DialContext(ctx, address, nil)
	if err != nil {
		return nil, response, err
	}
	t.Cleanup(func() { _ = ws.Close() })
	return &stream{Conn: ws}, response, nil
}

func mustSocket(t testing.TB, d websocket.Dialer, address string) *stream {
	t.Helper()
	ws, _, err := openSocket(t, d, address, "mqtt")
	if err != nil {
		t.Fatal(err)
	}
	if ws.Subprotocol() != "mqtt" {
		t.Errorf("subprotocol %q", ws.Subprotocol())
	}
	return ws
}

// trusting is a dialer that trusts a server and has a certificate of it, or none.
func trusting(t testing.TB, s *emulator.Server, name string) websocket.Dialer {
	t.Helper()
	config, err := s.ClientTLS(name)
	if err != nil {
		t.Fatal(err)
	}
	return websocket.Dialer{TLSClientConfig: config}
}

// TestGenericWebSockets: both spellings, both versions, whatever the path, and in memory.
func TestGenericWebSockets(t *testing.T) {
	t.Parallel()
	info := make(chan broker.ConnInfo, 16)
	network := memnet.New(memnet.Link{MaxRead: 7}, 1)
	s := start(t, emulator.Options{Profile: emulator.Generic, WSAddr: "127.0.0.1:0", WSSAddr: "127.0.0.1:0", Mem: network,
		Hooks: broker.Hooks{Connect: func(_ broker.Instant, c *broker.Client, _ *packet.Connect) broker.ConnectDecision {
			info <- c.Info
			return broker.ConnectDecision{}
		}}})
	secure := trusting(t, s, "line-4")
	inMemory := websocket.Dialer{NetDialContext: network.DialContext}
	for listener, open := range map[string]func() *stream{
		"ws":     func() *stream { return mustSocket(t, websocket.Dialer{}, "ws://"+s.WSAddr()+"/mqtt") },
		"wss":    func() *stream { return mustSocket(t, secure, "wss://"+s.WSSAddr()+"/any/$path?and=query") },
		"mem-ws": func() *stream { return mustSocket(t, inMemory, "ws://broker") },
	} {
		for _, v := range []packet.Version{packet.V5, packet.V311} {
			c, other := newClient(t, open(), v), newClient(t, open(), v)
			other.connect(packet.Connect{ClientID: "other", CleanStart: true})
			c.connect(packet.Connect{ClientID: "c", CleanStart: true})
			for range 2 {
				got := <-info
				if got.Listener != listener || got.Remote == "" {
					t.Errorf("%s: %+v", listener, got)
				}
				named := len(got.Certificates) > 0 && got.Certificates[0].Subject.CommonName == "line-4"
				if isTLS := listener == "wss"; named != isTLS || (got.ServerName == "localhost") != isTLS {
					t.Errorf("%s: %d certificates, server name %q", listener, len(got.Certificates), got.ServerName)
				}
			}
			c.subscribe(2, "t")
			large := strings.Repeat("x", 200_000)
			for qos := range packet.QoS(3) {
				other.publish(packet.Publish{Topic: "t", QoS: qos, Payload: []byte(large)})
				if p := c.message(large); p.QoS != qos {
					t.Errorf("QoS %d, was %d", p.QoS, qos)
				}
			}
			c.send(&packet.Disconnect{})
			c.gone()
		}
	}
}

// TestGenericWebSocketFrames: packets may be split over frames anywhere and share them, text ends the connection, and the
// end of MQTT is a closing handshake.
func TestGenericWebSocketFrames(t *testing.T) {
	t.Parallel()
	s := start(t, emulator.Options{Profile: emulator.Generic, WSAddr: "127.0.0.1:0"})
	open := func() *stream { return mustSocket(t, websocket.Dialer{}, "ws://"+s.WSAddr()) }
	var all []byte
	for _, p := range []packet.Packet{
		&packet.Connect{ClientID: "c", CleanStart: true},
		&packet.Subscribe{ID: 1, Filters: []packet.Filter{{Filter: "t"}}},
		&packet.Publish{Topic: "t", Payload: []byte("whole")},
	} {
		all, _ = p.Append(all, packet.V5)
	}
	for size := 1; size <= len(all); size++ {
		ws := open()
		c := newClient(t, ws, packet.V5)
		for rest := all; len(rest) > 0; {
			n := min(size, len(rest))
			w, err := ws.NextWriter(websocket.BinaryMessage)
			if err != nil {
				t.Fatal(err)
			}
			_, err = w.Write(rest[:n])
			if err := errors.Join(err, w.Close()); err != nil {
				t.Fatal(err)
			}
			rest = rest[n:]
		}
		expect[*packet.Connack](c)
		expect[*packet.Suback](c)
		c.message("whole")
		c.send(&packet.Disconnect{})
		_ = ws.SetReadDeadline(time.Now().Add(patience))
		if _, _, err := ws.ReadMessage(); err == nil {
			t.Errorf("%d bytes a frame: a message after DISCONNECT", size)
		}
	}

	// Fragments of one message, empty frames and an empty message are no packets.
	ws := open()
	c := newClient(t, ws, packet.V5)
	w, err := ws.NextWriter(websocket.BinaryMessage)
	if err != nil {
		t.Fatal(err)
	}
	large, _ := (&packet.Publish{Topic: "t", Payload: bytes.Repeat([]byte("x"), 20_000)}).Append(all, packet.V5)
	if _, err := w.Write(large); err != nil { // beyond the writer's buffer: several frames
		t.Fatal(err)
	}
	if err := errors.Join(w.Close(), ws.WriteMessage(websocket.BinaryMessage, nil)); err != nil {
		t.Fatal(err)
	}
	expect[*packet.Connack](c)
	expect[*packet.Suback](c)
	c.message("whole")
	c.message(strings.Repeat("x", 20_000))

	// A client that closes as RFC 6455 has it is gone, and its will comes.
	watcher := newClient(t, open(), packet.V5)
	watcher.connect(packet.Connect{ClientID: "watcher", CleanStart: true})
	watcher.subscribe(1, "will")
	ws = open()
	newClient(t, ws, packet.V5).connect(packet.Connect{ClientID: "mortal", CleanStart: true, Will: &packet.Will{Topic: "will", Payload: []byte("gone")}})
	if err := ws.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseNormalClosure, ""), time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	watcher.message("gone")

	for what, broken := range map[string]struct {
		kind int
		data []byte
		code int
	}{
		"text":         {websocket.TextMessage, all, websocket.CloseUnsupportedData},
		"no MQTT":      {websocket.BinaryMessage, []byte{0xF0, 0x00}, websocket.CloseNormalClosure},
		"not accepted": {websocket.BinaryMessage, badConnect(), websocket.CloseNormalClosure},
	} {
		ws := open()
		if err := ws.WriteMessage(broken.kind, broken.data); err != nil {
			t.Fatal(err)
		}
		_ = ws.SetReadDeadline(time.Now().Add(patience))
		for err = nil; err == nil; { // there may be a CONNACK first
			_, _, err = ws.ReadMessage()
		}
		if what == "no MQTT" { // closed without a word: nobody has connected
			var timeout net.Error
			if errors.As(err, &timeout) && timeout.Timeout() {
				t.Errorf("%s: %v", what, err)
			}
			continue
		}
		if !websocket.IsCloseError(err, broken.code) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// badConnect asks for a version that does not exist.
func badConnect() []byte {
	b, _ := (&packet.Connect{ClientID: "c", CleanStart: true}).Append(nil, packet.V5)
	b[8] = 9 // the protocol level
	return b
}

// TestGenericWebSocketRefuses: what is no WebSocket for MQTT gets an answer that says so.
func TestGenericWebSocketRefuses(t *testing.T) {
	t.Parallel()
	s := start(t, emulator.Options{Profile: emulator.Generic, WSAddr: "127.0.0.1:0", WSSAddr: "127.0.0.1:0", WSPath: "/$iothub/websocket", RequireClientCert: true})
	at := "ws://" + s.WSAddr()
	for name, tc := range map[string]struct {
		url       string
		protocols []string
		status    int
	}{
		"no subprotocol":      {at + "/$iothub/websocket", nil, 400},
		"another subprotocol": {at + "/$iothub/websocket", []string{"mqttv3.1", "chat"}, 400},
		"another path":        {at + "/mqtt", []string{"mqtt"}, 404},
		"a longer path":       {at + "/$iothub/websocket/", []string{"mqtt"}, 404},
	} {
		if _, response, err := openSocket(t, websocket.Dialer{}, tc.url, tc.protocols...); err == nil || response == nil || response.StatusCode != tc.status {
			t.Errorf("%s: %v, %+v", name, err, response)
		}
	}
	for method, status := range map[string]int{http.MethodGet: 400, http.MethodPost: 400} {
		r, err := http.NewRequestWithContext(t.Context(), method, "http://"+s.WSAddr()+"/$iothub/websocket", nil)
		if err != nil {
			t.Fatal(err)
		}
		transport := new(http.Transport)
		response, err := (&http.Client{Transport: transport, Timeout: patience}).Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		transport.CloseIdleConnections()
		if response.StatusCode != status {
			t.Errorf("%s that is no upgrade: %s", method, response.Status)
		}
	}
	if _, _, err := openSocket(t, trusting(t, s, ""), "wss://"+s.WSSAddr()+"/$iothub/websocket", "mqtt"); err == nil {
		t.Error("a client without a certificate is let in")
	}
	stranger := websocket.Dialer{TLSClientConfig: &tls.Config{ServerName: "localhost"}}
	if _, _, err := openSocket(t, stranger, "wss://"+s.WSSAddr()+"/$iothub/websocket", "mqtt"); err == nil {
		t.Error("a client that does not know the authority trusts the server")
	}
	c := newClient(t, mustSocket(t, trusting(t, s, "line-4"), "wss://"+s.WSSAddr()+"/$iothub/websocket"), packet.V311)
	c.connect(packet.Connect{ClientID: "c", CleanStart: true})

	for name, o := range map[string]emulator.Options{
		"AWS, ws":   {WSAddr: "127.0.0.1:0"},
		"AWS, wss":  {WSSAddr: "127.0.0.1:0"},
		"AWS, path": {WSPath: "/mqtt"},
		"path":      {Profile: emulator.Generic, WSAddr: "127.0.0.1:0", WSPath: "mqtt"},
		"no port":   {Profile: emulator.Generic, WSAddr: "127.0.0.1"},
	} {
		if s, err := emulator.Start(o); err == nil {
			_ = s.Close()
			t.Errorf("%s: started", name)
		}
	}
	for _, o := range []emulator.Options{{WSAddr: "0.0.0.0:0"}, {WSSAddr: "[::]:0"}} {
		o.Profile = emulator.Generic
		if s, err := emulator.Start(o); !errors.Is(err, emulator.ErrNotLoopback) {
			t.Errorf("remote: %v", err)
			if err == nil {
				_ = s.Close()
			}
		}
	}
}

// TestGenericWebSocketAlone: a server may have nothing else, survives a kill on its ports, and says goodbye.
func TestGenericWebSocketAlone(t *testing.T) {
	t.Parallel()
	for scheme, o := range map[string]emulator.Options{
		"ws":  {WSAddr: "127.0.0.1:0", WSPath: "/socket"},
		"wss": {WSSAddr: "127.0.0.1:0"},
	} {
		o.Profile = emulator.Generic
		s := start(t, o)
		addr := s.WSAddr() + s.WSSAddr()
		if want := map[string]string{"ws": "ws://" + addr + "/socket", "wss": "wss://" + addr + "/mqtt"}[scheme]; s.URL() != want || s.Addr() != "" || s.TLSAddr() != "" {
			t.Errorf("URL %s, want %s, addresses %q and %q", s.URL(), want, s.Addr(), s.TLSAddr())
		}
		c, _ := connect(t, s, packet.Connect{ClientID: "c", SessionExpiry: 1000})
		c.subscribe(1, "t")
		if err := s.Kill(); err != nil {
			t.Fatal(err)
		}
		c.gone()
		if err := s.Restart(emulator.KeepSessions); err != nil {
			t.Fatal(err)
		}
		if again := s.WSAddr() + s.WSSAddr(); again != addr {
			t.Errorf("address %s, was %s", again, addr)
		}
		c, ack := connect(t, s, packet.Connect{ClientID: "c", SessionExpiry: 1000})
		if !ack.SessionPresent {
			t.Error("the session is lost")
		}
		if err := s.Publish(packet.Publish{Topic: "t", QoS: 1, Payload: []byte("again")}); err != nil {
			t.Fatal(err)
		}
		c.message("again")
		closed := make(chan error, 1)
		go func() { closed <- s.Close() }()
		if d := expect[*packet.Disconnect](c); d.Code != packet.ServerShuttingDown {
			t.Errorf("goodbye: %s", d.Code)
		}
		c.gone()
		if err := <-closed; err != nil {
			t.Error(err)
		}
	}
}
