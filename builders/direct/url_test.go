package direct_test

import (
	"context"
	"crypto/tls"
	"net"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gneiss-mqtt/gneiss-go/builders/direct"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// redirect dials one address, whatever is asked for.
func redirect(addr string) func(*direct.Options) {
	return func(o *direct.Options) { o.DialContext = dialTo(&addr) }
}

// dialTo dials what addr says at the time.
func dialTo(addr *string) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, *addr)
	}
}

func TestURL(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	plain := serve(t, "tcp", "127.0.0.1:0", echo).String()
	secure := serveTLS(t, &tls.Config{Certificates: []tls.Certificate{ca.issue(t, "broker").tls}}, echoTLS)
	path := filepath.Join(t.TempDir(), "with space.sock")
	serve(t, "unix", path, echo)

	for _, scheme := range []string{"mqtt", "tcp", "MQTT"} {
		endpoint, err := direct.URL(scheme + "://" + plain)
		talk(t, endpoint, err)
		endpoint, err = direct.URL(scheme+"://127.0.0.1/", redirect(plain))
		talk(t, endpoint, err)
	}
	for _, scheme := range []string{"mqtts", "ssl", "tls"} {
		endpoint, err := direct.URL(scheme+"://"+secure, trust(ca))
		talk(t, endpoint, err)
		endpoint, err = direct.URL(scheme+"://[::1]", trust(ca), redirect(secure))
		talk(t, endpoint, err)
	}
	endpoint, err := direct.URL("unix://" + strings.ReplaceAll(path, " ", "%20"))
	talk(t, endpoint, err)
}

func TestURLRefuses(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"":                                   "no scheme",
		"broker.example.org":                 "no scheme",
		"broker.example.org:1883":            "URL: ",
		"mqtt:broker":                        "want mqtt://",
		"mqtt://":                            "has no host",
		"mqtt://broker/topic":                "a path has no meaning",
		"mqtt://broker?clientid=a":           "a query",
		"mqtt://broker#a":                    "a query or fragment",
		"mqtt://broker:99999":                "from 1 to 65535",
		"ws://broker/mqtt":                   "a path has no meaning",
		"wss://broker":                       "builders/websocket",
		"http://broker":                      `scheme "http" is none of`,
		"unix://run/mqtt.sock":               "three slashes",
		"unix://":                            "needs a path",
		"mqtt://user:do#not-print-me@broker": "",
		"mqtt://user:%zz-not-print-me@b":     "not a well-formed URL",
		"mqtt://user:not-print-me@b:port":    "",
		"mqtt://user:not-print-me@[::1":      "",
	} {
		endpoint, err := direct.URL(address)
		if err == nil || endpoint.Dial != nil || !strings.HasPrefix(err.Error(), "direct: ") {
			t.Errorf("%s: no proper error: %v", address, err)
			continue
		}
		wantError(t, err, want)
		if strings.Contains(err.Error(), "print-me") {
			t.Errorf("%s: the error tells the password: %v", address, err)
		}
	}
}

func TestURLCredentials(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]packet.Connect{
		"mqtt://broker":             {},
		"mqtt://device@broker":      {HasUsername: true, Username: "device"},
		"mqtt://device:@broker":     {HasUsername: true, Username: "device", HasPassword: true},
		"mqtt://de%40v:s%2Fp@b":     {HasUsername: true, Username: "de@v", HasPassword: true, Password: []byte("s/p")},
		"mqtts://:secret@broker":    {HasUsername: true, HasPassword: true, Password: []byte("secret")},
		"unix://a:b@/run/mqtt.sock": {HasUsername: true, Username: "a", HasPassword: true, Password: []byte("b")},
	} {
		endpoint, err := direct.URL(address)
		if err != nil {
			t.Errorf("%s: %v", address, err)
			continue
		}
		var got packet.Connect
		if endpoint.Prepare != nil {
			if err := endpoint.Prepare(t.Context(), &got); err != nil {
				t.Error(err)
			}
		}
		if got.HasUsername != want.HasUsername || got.Username != want.Username ||
			got.HasPassword != want.HasPassword || string(got.Password) != string(want.Password) {
			t.Errorf("%s: user %v %q, password %v %q", address, got.HasUsername, got.Username, got.HasPassword, got.Password)
		}
	}
}

func TestURLCredentialsGiveWay(t *testing.T) {
	t.Parallel()
	endpoint, err := direct.URL("mqtt://device:secret@broker")
	if err != nil {
		t.Fatal(err)
	}
	for _, configured := range []packet.Connect{
		{HasUsername: true, Username: "configured"},
		{HasPassword: true, Password: []byte("token")}, // legal in MQTT 5 [MQTT-3.1.2-19]
	} {
		got := configured
		if err := endpoint.Prepare(t.Context(), &got); err != nil {
			t.Fatal(err)
		}
		if got.Username != configured.Username || string(got.Password) != string(configured.Password) || got.HasUsername != configured.HasUsername {
			t.Errorf("got %+v, want %+v", got, configured)
		}
	}
}
