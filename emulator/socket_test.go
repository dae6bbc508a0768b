package emulator_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/gneiss-mqtt/gneiss-go/core/packet"
	"github.com/gneiss-mqtt/gneiss-go/emulator"
	"github.com/gneiss-mqtt/gneiss-go/emulator/iotcore"
)

// presign signs the upgrade of a WebSocket.
func presign(c emulator.Credentials, host, region string, at time.Time) string {
	stamp := at.UTC().Format("20060102T150405Z")
	scope := stamp[:8] + "/" + region + "/iotdevicegateway/aws4_request"
	query := "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=" + url.QueryEscape(c.AccessKeyID+"/"+scope) +
		"&X-Amz-Date=" + stamp + "&X-Amz-SignedHeaders=host"
	hash := func(s string) string { h := sha256.Sum256([]byte(s)); return hex.EncodeToString(h[:]) }
	canonical := "GET\n/mqtt\n" + query + "\nhost:" + host + "\n\nhost\n" + hash("")
	key := []byte("AWS4" + c.SecretAccessKey)
	for _, part := range []string{stamp[:8], region, "iotdevicegateway", "aws4_request", "AWS4-HMAC-SHA256\n" + stamp + "\n" + scope + "\n" + hash(canonical)} {
		m := hmac.New(sha256.New, key)
		m.Write([]byte(part))
		key = m.Sum(nil)
	}
	query += "&X-Amz-Signature=" + hex.EncodeToString(key)
	if c.SessionToken != "" {
		query += "&X-Amz-Security-Token=" + url.QueryEscape(c.SessionToken)
	}
	return query
}

// stream is a WebSocket as a stream of bytes, for the scripted client.
type stream struct {
	*websocket.Conn
	rest io.Reader
}

func (s *stream) Read(p []byte) (int, error) {
	for {
		if s.rest == nil {
			kind, r, err := s.NextReader()
			if err != nil {
				return 0, err
			}
			if kind != websocket.BinaryMessage {
				return 0, errors.New("not a binary message")
			}
			s.rest = r
		}
		if n, err := s.rest.Read(p); n > 0 || !errors.Is(err, io.EOF) {
			return n, err
		}
		s.rest = nil
	}
}

func (s *stream) Write(p []byte) (int, error) {
	return len(p), s.WriteMessage(websocket.BinaryMessage, p)
}

func (s *stream) SetDeadline(t time.Time) error { return s.SetReadDeadline(t) }

// socket opens a WebSocket with a query.
func socket(t testing.TB, s *emulator.Server, query string, protocols ...string) (*stream, *http.Response, error) {
	t.Helper()
	config, err := s.ClientTLS("")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	d := websocket.Dialer{TLSClientConfig: config, Subprotocols: protocols}
	ws, response, err := d.DialContext(ctx, "wss://"+s.Endpoint()+"/mqtt?"+query, nil)
	if err != nil {
		return nil, response, err
	}
	return &stream{Conn: ws}, response, nil
}

func credentials(t testing.TB, s *emulator.Server, o emulator.CredentialOptions) emulator.Credentials {
	t.Helper()
	c, err := s.Credentials(o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestSignedWebSockets(t *testing.T) {
	t.Parallel()
	s := start(t, emulator.Options{IoT: iotcore.Options{Region: "eu-west-1"}})
	forever, hour := credentials(t, s, emulator.CredentialOptions{}), credentials(t, s, emulator.CredentialOptions{Lifetime: time.Hour})
	revoked := credentials(t, s, emulator.CredentialOptions{})
	if err := s.RevokeCredentials(revoked.AccessKeyID); err != nil {
		t.Fatal(err)
	}
	if forever.SessionToken != "" || hour.SessionToken == "" || !forever.Expires.IsZero() || hour.Expires.Before(time.Now()) {
		t.Errorf("%v and %v", forever.Expires, hour.Expires)
	}
	wrong, stale := forever, hour
	wrong.SecretAccessKey, stale.SessionToken = "wrong", "stale"
	now := time.Now()
	for name, tc := range map[string]struct {
		c      emulator.Credentials
		region string
		at     time.Time
		kind   string
	}{
		"long-term": {forever, "eu-west-1", now, ""}, "temporary": {hour, "eu-west-1", now, ""},
		"wrong secret":  {wrong, "eu-west-1", now, "InvalidSignatureException"},
		"wrong region":  {forever, "us-east-1", now, "InvalidSignatureException"},
		"slow clock":    {forever, "eu-west-1", now.Add(-10 * time.Minute), "InvalidSignatureException"},
		"fast clock":    {forever, "eu-west-1", now.Add(10 * time.Minute), "InvalidSignatureException"},
		"revoked":       {revoked, "eu-west-1", now, "UnrecognizedClientException"},
		"another token": {stale, "eu-west-1", now, "UnrecognizedClientException"},
	} {
		t.Run(name, func(t *testing.T) {
			ws, response, err := socket(t, s, presign(tc.c, s.Endpoint(), tc.region, tc.at), "mqtt")
			if tc.kind != "" {
				if err == nil || response.StatusCode != 403 || response.Header.Get("X-Amzn-Errortype") != tc.kind {
					t.Errorf("%v: %+v", err, response)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if ws.Subprotocol() != "mqtt" {
				t.Errorf("subprotocol %q", ws.Subprotocol())
			}
			c := newClient(t, ws, packet.V5)
			c.connect(packet.Connect{ClientID: name, CleanStart: true, HasUsername: true, Username: "?SDK=x"})
			c.subscribe(1, name)
			c.publish(packet.Publish{Topic: name, Payload: bytes.Repeat([]byte("x"), 100_000)})
			c.message(string(bytes.Repeat([]byte("x"), 100_000)))
		})
	}
	// Credentials that expire do so on the server's clock; who is connected stays.
	ws, _, err := socket(t, s, presign(hour, s.Endpoint(), "eu-west-1", s.Now()), "mqtt")
	if err != nil {
		t.Fatal(err)
	}
	c := newClient(t, ws, packet.V5)
	c.connect(packet.Connect{ClientID: "stays", CleanStart: true, KeepAlive: 1200})
	for range 4 { // half a keep alive each time
		if err := s.Advance(20 * time.Minute); err != nil {
			t.Fatal(err)
		}
		c.send(&packet.Pingreq{})
		expect[*packet.Pingresp](c)
	}
	_, response, err := socket(t, s, presign(hour, s.Endpoint(), "eu-west-1", s.Now()), "mqtt")
	if err == nil || response.Header.Get("X-Amzn-Errortype") != "ExpiredTokenException" {
		t.Errorf("expired: %v", err)
	}
}

// TestWebSocketFraming: messages and packets have nothing to do with each other.
func TestWebSocketFraming(t *testing.T) {
	t.Parallel()
	s := start(t, emulator.Options{})
	keys := credentials(t, s, emulator.CredentialOptions{})
	open := func() *stream {
		ws, _, err := socket(t, s, presign(keys, s.Endpoint(), "us-east-1", s.Now()), "mqtt")
		if err != nil {
			t.Fatal(err)
		}
		return ws
	}
	ws := open()
	c := newClient(t, ws, packet.V5)
	var all []byte
	for _, p := range []packet.Packet{
		&packet.Connect{ClientID: "c", CleanStart: true},
		&packet.Subscribe{ID: 1, Filters: []packet.Filter{{Filter: "t"}}},
		&packet.Publish{Topic: "t", Payload: []byte("whole")},
	} {
		all, _ = p.Append(all, packet.V5)
	}
	for _, b := range all { // one byte a message
		if _, err := ws.Write([]byte{b}); err != nil {
			t.Fatal(err)
		}
	}
	expect[*packet.Connack](c)
	expect[*packet.Suback](c)
	c.message("whole")
	all, _ = (&packet.Publish{Topic: "t", Payload: []byte("whole")}).Append(nil, packet.V5)
	if _, err := ws.Write(bytes.Repeat(all, 20)); err != nil { // many packets a message
		t.Fatal(err)
	}
	for range 20 {
		c.message("whole")
	}
	ponged := make(chan struct{})
	ws.SetPongHandler(func(string) error { close(ponged); return nil })
	if err := ws.WriteControl(websocket.PingMessage, []byte("x"), time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	c.send(&packet.Pingreq{})
	expect[*packet.Pingresp](c)
	select {
	case <-ponged:
	default:
		t.Error("no pong")
	}

	ws = open()
	if err := ws.WriteMessage(websocket.TextMessage, []byte("hello")); err != nil {
		t.Fatal(err)
	}
	_ = ws.SetReadDeadline(time.Now().Add(patience))
	if _, _, err := ws.ReadMessage(); !websocket.IsCloseError(err, websocket.CloseUnsupportedData) {
		t.Errorf("text: %v", err)
	}
	_ = ws.Close()

	if _, response, err := socket(t, s, presign(keys, s.Endpoint(), "us-east-1", s.Now())); err == nil || response.StatusCode != 400 {
		t.Errorf("without the subprotocol: %v", err)
	}
}

// TestUnsignedWebSocket: who has not signed is asked at CONNECT, by a custom authorizer.
func TestUnsignedWebSocket(t *testing.T) {
	t.Parallel()
	s := start(t, emulator.Options{IoT: iotcore.Options{Authorizers: []iotcore.Authorizer{
		{Name: "a", TokenKey: "tok", Table: []iotcore.Grant{{Token: "a+b", Decision: iotcore.AuthorizerDecision{Authenticated: true}}}},
	}}})
	for name, tc := range map[string]struct {
		query, username string
		ok              bool
	}{
		"in CONNECT":   {"", "?x-amz-customauthorizer-name=a&tok=a+b", true},
		"in the query": {"x-amz-customauthorizer-name=a&tok=a%2Bb", "", true},
		"nowhere":      {"", "", false},
	} {
		ws, _, err := socket(t, s, tc.query, "mqtt")
		if err != nil {
			t.Fatal(err)
		}
		c := newClient(t, ws, packet.V5)
		c.send(&packet.Connect{ClientID: "c", CleanStart: true, HasUsername: tc.username != "", Username: tc.username})
		if ack := expect[*packet.Connack](c); (ack.Code == packet.Success) != tc.ok {
			t.Errorf("%s: %s", name, ack.Code)
		}
	}
}

func TestCredentialsProvider(t *testing.T) {
	t.Parallel()
	s := start(t, emulator.Options{})
	if err := s.RoleAlias("role", 15*time.Minute); err != nil {
		t.Fatal(err)
	}
	if err := s.RoleAlias("long", 13*time.Hour); err == nil {
		t.Error("credentials for 13 hours")
	}
	d := device(t, s, "thing")
	get := func(alias, thing string, config func() *http.Transport) (int, emulator.Credentials) {
		t.Helper()
		transport := config()
		defer transport.CloseIdleConnections()
		r, err := http.NewRequestWithContext(t.Context(), "GET", "https://"+s.Endpoint()+"/role-aliases/"+alias+"/credentials", nil)
		if err != nil {
			t.Fatal(err)
		}
		if thing != "" {
			r.Header.Set("x-amzn-iot-thingname", thing)
		}
		response, err := (&http.Client{Transport: transport, Timeout: patience}).Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		var body struct {
			Credentials struct{ AccessKeyID, SecretAccessKey, SessionToken, Expiration string }
			Message     string
		}
		if err := json.NewDecoder(response.Body).Decode(&body); err != nil {
			t.Fatal(err)
		}
		k := body.Credentials
		expires, _ := time.Parse(time.RFC3339, k.Expiration)
		return response.StatusCode, emulator.Credentials{AccessKeyID: k.AccessKeyID, SecretAccessKey: k.SecretAccessKey, SessionToken: k.SessionToken, Expires: expires}
	}
	known := func() *http.Transport {
		config := d.TLS()
		config.NextProtos = nil
		return &http.Transport{TLSClientConfig: config}
	}
	unknown := func() *http.Transport {
		transport := known()
		transport.TLSClientConfig.Certificates = nil
		return transport
	}
	for _, tc := range []struct {
		alias, thing string
		config       func() *http.Transport
		status       int
	}{
		{"role", "", known, 200}, {"role", "thing", known, 200}, {"role", "other", known, 403}, {"none", "", known, 403}, {"role", "", unknown, 403},
	} {
		status, c := get(tc.alias, tc.thing, tc.config)
		if status != tc.status {
			t.Errorf("%+v: status %d", tc, status)
		}
		if status != 200 {
			continue
		}
		if left := c.Expires.Sub(s.Now()); left < 14*time.Minute || left > 15*time.Minute {
			t.Errorf("the credentials are good for %v", left)
		}
		ws, _, err := socket(t, s, presign(c, s.Endpoint(), "us-east-1", s.Now()), "mqtt")
		if err != nil {
			t.Fatal(err)
		}
		newClient(t, ws, packet.V5).connect(packet.Connect{ClientID: "c", CleanStart: true})
	}
}
