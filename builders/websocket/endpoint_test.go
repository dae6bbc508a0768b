package mqttws_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/gneiss-mqtt/gneiss-go/builders/direct"
	mqttws "github.com/gneiss-mqtt/gneiss-go/builders/websocket"
)

func TestURL(t *testing.T) {
	t.Parallel()
	const secret = "do-not-print-me"
	for address, want := range map[string]string{
		"ws://broker":                               "ws://broker/mqtt",
		"WSS://broker:8443/a/b?x=" + secret:         "wss://broker:8443/a/b",
		"wss://[::1]:9001/":                         "wss://[::1]:9001/",
		"wss://broker/%41?" + secret:                "wss://broker/A",
		"ws://":                                     "error: want ws://host/path",
		"ws:broker":                                 "error: want ws://host/path",
		"wss://:443/mqtt":                           "error: want wss://host/path",
		"http://broker":                             `error: scheme "http" is neither`,
		"mqtts://broker":                            `error: scheme "mqtts" is neither`,
		"broker":                                    `error: scheme "" is neither`,
		"wss://broker/mqtt#" + secret:               "error: fragment",
		"wss://user:" + secret + "@broker":          "error: user name",
		"wss://broker:0":                            "error: from 1 to 65535",
		"wss://broker:70000":                        "error: from 1 to 65535",
		"wss://broker:":                             "error: colon without a port",
		"wss://broker/%zz" + secret:                 "error: not well-formed",
		"wss://user:" + secret + "%@broker/a b\x7f": "error: not well-formed",
	} {
		endpoint, err := mqttws.URL(address)
		want, fails := strings.CutPrefix(want, "error: ")
		switch {
		case fails && (err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "mqttws: URL: ")):
			t.Errorf("%q: got error %v, want one with %q", address, err, want)
		case fails && strings.Contains(err.Error(), secret):
			t.Errorf("%q: the error tells a secret: %v", address, err)
		case !fails && (err != nil || endpoint.Name != want || endpoint.Dial == nil):
			t.Errorf("%q: got %q, %v; want %q", address, endpoint.Name, err, want)
		}
	}
}

func TestOptionsAreJudged(t *testing.T) {
	t.Parallel()
	roots := below(func(o *direct.Options) { o.RootCAs = []direct.PEM{direct.File("/does/not/exist")} })
	if _, err := mqttws.URL("wss://broker", roots, nil); err == nil || !strings.Contains(err.Error(), "no such file") {
		t.Errorf("a missing file: %v", err)
	}
	// Nobody who asks for TLS gets a plain connection.
	name := below(func(o *direct.Options) { o.ServerName = "broker" })
	if _, err := mqttws.URL("ws://broker", name); err == nil || !strings.Contains(err.Error(), "has no TLS, but these options ask for it: ServerName") {
		t.Errorf("TLS options without TLS: %v", err)
	}
}

func TestOptionsPrintNoSecrets(t *testing.T) {
	t.Parallel()
	const secret = "do-not-print-me"
	opts := mqttws.Options{
		Header:  http.Header{"Authorization": {secret}, "X-" + secret: {"x"}},
		Prepare: func(context.Context, *mqttws.Request) error { return nil },
		Direct:  func(*direct.Options) {},
	}
	request := mqttws.Request{
		URL:    &url.URL{Scheme: "wss", Host: "broker", Path: "/mqtt", RawQuery: "token=" + secret, User: url.User(secret)},
		Header: http.Header{"Authorization": {secret}},
	}
	endpoint, err := mqttws.URL("wss://broker/mqtt?"+secret, func(o *mqttws.Options) { *o = opts })
	if err != nil {
		t.Fatal(err)
	}
	for name, v := range map[string]any{
		"options": opts, "pointer": &opts, "request": request, "request pointer": &request, "endpoint": endpoint,
		"empty": mqttws.Request{}, "handshake error": &mqttws.HandshakeError{Header: http.Header{"Set-Cookie": {secret}}},
	} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			text := fmt.Sprintf(verb, v)
			for _, forbidden := range []string{secret, fmt.Sprintf("%x", secret), strings.Trim(fmt.Sprintf("%d", []byte(secret)), "[]")} {
				if strings.Contains(text, forbidden) {
					t.Errorf("%s with %s: %s", name, verb, text)
				}
			}
		}
		var log bytes.Buffer
		slog.New(slog.NewTextHandler(&log, nil)).Info("made", "value", v)
		slog.New(slog.NewJSONHandler(&log, nil)).Info("made", "value", v)
		if name != "handshake error" && strings.Contains(log.String(), secret) {
			t.Errorf("%s in a log: %s", name, log.String())
		}
	}
	if got, want := fmt.Sprintf("%+v", opts), "mqttws.Options{Direct, Header, Prepare}"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got, want := fmt.Sprint(request), "mqttws.Request{wss://broker/mqtt}"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// The URL and the header of each attempt are its own.
func TestPrepareSeesEveryAttempt(t *testing.T) {
	t.Parallel()
	requests := make(chan *http.Request, 3)
	addr := serveWS(t, func(s *side) {
		requests <- s.request
		echo(s)
	})
	attempts := 0
	header := http.Header{"X-Fixed": {"a"}, "Host": {"name.example.org"}}
	failed := errors.New("no credentials")
	endpoint, err := mqttws.URL("ws://"+addr+"/path?fixed=1", func(o *mqttws.Options) {
		o.Header = header
		o.Prepare = func(ctx context.Context, r *mqttws.Request) error {
			if attempts++; attempts == 3 {
				return failed
			}
			if ctx.Err() != nil || r.URL.RawQuery != "fixed=1" || r.Header.Get("X-Attempt") != "" {
				t.Errorf("attempt %d begins with %s and %v", attempts, r.URL, r.Header)
			}
			r.URL.RawQuery += fmt.Sprint("&attempt=", attempts)
			r.Header.Set("X-Attempt", fmt.Sprint(attempts))
			return nil
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	header.Set("X-Fixed", "changed later")
	for n := 1; n <= 2; n++ {
		conn, err := endpoint.Dial(short(t))
		if err != nil {
			t.Fatal(err)
		}
		exchange(t, conn)
		_ = conn.Close()
		r := <-requests
		if r.RequestURI != fmt.Sprint("/path?fixed=1&attempt=", n) || r.Host != "name.example.org" || r.Header.Get("X-Fixed") != "a" ||
			r.Header.Get("X-Attempt") != fmt.Sprint(n) || r.Header.Get("Sec-WebSocket-Protocol") != "mqtt" || r.Header.Get("Sec-WebSocket-Extensions") != "" {
			t.Errorf("attempt %d sent %s, host %s, header %v", n, r.RequestURI, r.Host, r.Header)
		}
	}
	if _, err := endpoint.Dial(short(t)); !errors.Is(err, failed) || !strings.HasPrefix(err.Error(), "mqttws: prepare the request: ") {
		t.Errorf("got %v", err)
	}
}

func TestPrepareIsJudged(t *testing.T) {
	t.Parallel()
	const secret = "do-not-print-me"
	for want, prepare := range map[string]func(*mqttws.Request){
		"no URL left":                 func(r *mqttws.Request) { r.URL = nil },
		"scheme has become ws":        func(r *mqttws.Request) { r.URL.Scheme = "ws" },
		`scheme "https" is neither`:   func(r *mqttws.Request) { r.URL.Scheme = "https" },
		"want wss://host/path":        func(r *mqttws.Request) { r.URL.Host = "" },
		"not well-formed":             func(r *mqttws.Request) { r.URL.Host = "a b"; r.URL.RawQuery = secret },
		"duplicate header not allowe": func(r *mqttws.Request) { r.Header.Set("Sec-WebSocket-Protocol", "other") },
	} {
		err := dialError(t, short(t), "wss://127.0.0.1:1", func(o *mqttws.Options) {
			o.Prepare = func(_ context.Context, r *mqttws.Request) error {
				prepare(r)
				return nil
			}
		})
		if !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "mqttws: ") || strings.Contains(err.Error(), secret) {
			t.Errorf("got %v, want an error with %q", err, want)
		}
	}
}
