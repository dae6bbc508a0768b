package mqttws_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	mqttws "github.com/gneiss-mqtt/gneiss-go/builders/websocket"
)

// answer is a server that reads the upgrade request and says something; then it waits for the client to hang up.
func answer(t *testing.T, say func(*side) string) string {
	t.Helper()
	return serve(t, func(conn net.Conn) {
		s := &side{Conn: conn, r: bufio.NewReader(conn)}
		var err error
		if s.request, err = http.ReadRequest(s.r); err != nil {
			return
		}
		if _, err := io.WriteString(conn, say(s)); err == nil {
			s.drain()
		}
	})
}

// Conformance: MQTT-6.0.0-3, MQTT-6.0.0-4, v3:MQTT-6.0.0-3, v3:MQTT-6.0.0-4
func TestSubprotocol(t *testing.T) {
	t.Parallel()
	none := answer(t, func(s *side) string { return s.granted() + "\r\n" })
	other := answer(t, func(s *side) string { return s.granted() + "Sec-WebSocket-Protocol: mqttv3.1\r\n\r\n" })
	anyOf := func(o *mqttws.Options) { o.AnySubprotocol = true }
	for _, c := range []struct {
		addr, want string
		opts       func(*mqttws.Options)
	}{
		{none, `selected the subprotocol "", not "mqtt" [MQTT-6.0.0-4]`, nil},
		{other, `selected the subprotocol "mqttv3.1"`, nil},
		{other, `selected the subprotocol "mqttv3.1"`, anyOf},
	} {
		if err := dialError(t, short(t), "ws://"+c.addr, c.opts); !strings.Contains(err.Error(), c.want) {
			t.Errorf("got %v, want an error with %q", err, c.want)
		}
	}
	_ = dial(t, none, anyOf)
}

// The answer must be an upgrade, and the one that was asked for.
func TestAnswerIsJudged(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		say  func(*side) string
		want string
	}{
		"extension": {func(s *side) string {
			return s.granted() + "Sec-WebSocket-Protocol: mqtt\r\nSec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; client_no_context_takeover\r\n\r\n"
		}, "extension that was not offered"},
		"wrong key": {func(*side) string {
			return "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\n"
		}, "the server's upgrade is not the one that was asked for"},
		"no HTTP":        {func(*side) string { return "SSH-2.0-OpenSSH_9.2\r\n\r\n" }, "malformed HTTP"},
		"endless header": {func(*side) string { return "HTTP/1.1 101 x\r\n" + strings.Repeat("X-Header: value\r\n", 1<<16) }, "header of the server's answer is too long"},
		"endless line":   {func(*side) string { return strings.Repeat("x", 1<<20) }, "header of the server's answer is too long"},
		"long nonsense":  {func(*side) string { return strings.Repeat("nonsense", 1000) + "\r\n\r\n" }, "..."},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := dialError(t, short(t), "ws://"+answer(t, c.say))
			if !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "mqttws: ") || len(err.Error()) > 1000 {
				t.Errorf("got %v, want a short error with %q", err, c.want)
			}
		})
	}
}

// Test403 is what services say whose signature check fails.
func Test403(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Amzn-Errortype", "ForbiddenException")
		w.WriteHeader(http.StatusForbidden)
		_, _ = io.WriteString(w, `{"message":"Forbidden"}`)
	}))
	t.Cleanup(server.Close)
	err := dialError(t, short(t), strings.Replace(server.URL, "http:", "ws:", 1))
	e, ok := errors.AsType[*mqttws.HandshakeError](err)
	if !ok || e.StatusCode != 403 || e.Status != "403 Forbidden" || e.Header.Get("X-Amzn-ErrorType") != "ForbiddenException" ||
		e.Body != `{"message":"Forbidden"}` || e.Unwrap() == nil {
		t.Fatalf("got %#v", err)
	}
	for _, want := range []string{`"403 Forbidden"`, `message`} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not say %s", err, want)
		}
	}
}

// A server that repeats the request in its answer, in whole or cut off, tells no secret.
func TestAnswerThatRepeatsTheRequest(t *testing.T) {
	t.Parallel()
	const secret = "do/not+print=me" // as it is, and as it stands in the query
	for name, say := range map[string]func(r *http.Request) string{
		"body": func(r *http.Request) string {
			return "HTTP/1.1 403 Forbidden\r\nContent-Length: 4000\r\n\r\n" + strings.Repeat("-", 500) + r.RequestURI + r.FormValue("t") + r.Header.Get("Authorization") +
				strings.Repeat("-", 400) + strings.Repeat(secret, 100)
		},
		"no HTTP": func(r *http.Request) string { return "what-is-" + r.RequestURI + "\r\n\r\n" },
	} {
		err := dialError(t, short(t), "ws://"+answer(t, func(s *side) string { return say(s.request) })+"/mqtt?t=do%2Fnot%2Bprint%3Dme", func(o *mqttws.Options) {
			o.Header = http.Header{"Authorization": {secret}}
		})
		if strings.Contains(err.Error(), "do/not+p") || strings.Contains(err.Error(), "do%2Fnot") || !strings.Contains(err.Error(), "[...]") {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestRedirectIsNotFollowed(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.RedirectHandler("wss://elsewhere.example.org/mqtt", http.StatusFound))
	t.Cleanup(server.Close)
	err := dialError(t, short(t), strings.Replace(server.URL, "http:", "ws:", 1))
	if e, ok := errors.AsType[*mqttws.HandshakeError](err); !ok || e.StatusCode != 302 {
		t.Errorf("got %v", err)
	}
}

// A body that never ends does not hold the attempt up for ever.
func TestBodyThatNeverComes(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(short(t))
	addr := answer(t, func(*side) string {
		cancel()
		return "HTTP/1.1 403 Forbidden\r\nContent-Length: 100\r\n\r\nsome"
	})
	err := dialError(t, ctx, "ws://"+addr)
	if e, ok := errors.AsType[*mqttws.HandshakeError](err); ok && e.StatusCode != 403 || !ok && !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
