package awsiot_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	awsiot "github.com/gneiss-mqtt/gneiss-go/builders/aws"
	mqttws "github.com/gneiss-mqtt/gneiss-go/builders/websocket"
	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// parse reads a user name as AWS IoT Core does: what is behind the last question mark is parameters, split at the first
// equals sign and decoded once.
func parse(t *testing.T, username string) (user string, params map[string]string) {
	t.Helper()
	params = make(map[string]string)
	i := strings.LastIndex(username, "?")
	if i < 0 {
		return username, params
	}
	for part := range strings.SplitSeq(username[i+1:], "&") {
		key, value, _ := strings.Cut(part, "=")
		plain, err := url.PathUnescape(value)
		if err != nil {
			t.Errorf("%s: %v", username, err)
		}
		if _, twice := params[key]; twice {
			t.Errorf("%s: %s comes twice", username, key)
		}
		params[key] = plain
	}
	return username[:i], params
}

const signature = "Eq6i/HW+Vhqo0OQ=" // has every character of base64 that needs encoding

func TestCustomAuthUserName(t *testing.T) {
	t.Parallel()
	password := []byte{0, 1, 2, 0xFF}
	for name, c := range map[string]struct {
		auth           awsiot.Authorizer
		user, password string // of the client's configuration
		wantUser       string
		wantParams     map[string]string
		wantPassword   []byte
		wire           string // where the exact text matters
	}{
		"unsigned": {
			auth:     awsiot.Authorizer{Name: "MyAuth", Username: "alice", Password: password},
			wantUser: "alice", wantParams: map[string]string{"x-amz-customauthorizer-name": "MyAuth"}, wantPassword: password,
			wire: "alice?x-amz-customauthorizer-name=MyAuth",
		},
		"default authorizer": {
			auth:     awsiot.Authorizer{Username: "alice", Password: []byte{}},
			wantUser: "alice", wantPassword: []byte{}, wire: "alice",
		},
		"signed": {
			auth:     awsiot.Authorizer{Name: "MyAuth", Username: "alice", TokenKeyName: "TokKey", TokenValue: "token-1.2_3~", TokenSignature: signature},
			wantUser: "alice", wantParams: map[string]string{
				"x-amz-customauthorizer-name": "MyAuth", "TokKey": "token-1.2_3~", "x-amz-customauthorizer-signature": signature,
			},
			wire: "alice?x-amz-customauthorizer-name=MyAuth&TokKey=token-1.2_3~&x-amz-customauthorizer-signature=Eq6i%2FHW%2BVhqo0OQ%3D",
		},
		"encoded already": {
			auth:       awsiot.Authorizer{TokenKeyName: "k", TokenValue: "v", TokenSignature: "Eq6i%2fHW%2BVhqo0OQ%3D"},
			wantParams: map[string]string{"k": "v", "x-amz-customauthorizer-signature": signature},
			wire:       "?k=v&x-amz-customauthorizer-signature=Eq6i%2FHW%2BVhqo0OQ%3D",
		},
		"with line breaks": {
			auth:       awsiot.Authorizer{TokenKeyName: "k", TokenValue: "v", TokenSignature: "Eq6i/HW+\r\nVhqo0OQ=\n"},
			wantParams: map[string]string{"k": "v", "x-amz-customauthorizer-signature": signature},
		},
		"unsigned token": {
			auth:       awsiot.Authorizer{TokenKeyName: "k", TokenValue: "v"},
			wantParams: map[string]string{"k": "v"}, wire: "?k=v",
		},
		"every odd character": {
			auth:     awsiot.Authorizer{Name: "a b", Username: "alice", TokenKeyName: "token key", TokenValue: "tok en/1+2?3&4=5%6#ü", TokenSignature: signature},
			wantUser: "alice", wantParams: map[string]string{
				"x-amz-customauthorizer-name": "a b", "token%20key": "tok en/1+2?3&4=5%6#ü", "x-amz-customauthorizer-signature": signature,
			},
		},
		"own parameters": {
			auth:     awsiot.Authorizer{Name: "MyAuth", Username: "bob?x=1&y=2%203"},
			wantUser: "bob", wantParams: map[string]string{"x": "1", "y": "2 3", "x-amz-customauthorizer-name": "MyAuth"},
			wire: "bob?x=1&y=2%203&x-amz-customauthorizer-name=MyAuth",
		},
		"configuration's user name": {
			auth: awsiot.Authorizer{Name: "MyAuth"}, user: "carol", password: "pass",
			wantUser: "carol", wantParams: map[string]string{"x-amz-customauthorizer-name": "MyAuth"}, wantPassword: []byte("pass"),
		},
		"authorizer's comes first": {
			auth: awsiot.Authorizer{Username: "alice", Password: password}, user: "carol", password: "pass",
			wantUser: "alice", wantPassword: password,
		},
		"nothing at all": {},
	} {
		for _, version := range []packet.Version{packet.V5, packet.V311} {
			for _, metrics := range []bool{false, true} {
				endpoint, err := awsiot.CustomAuth(dataName, c.auth, func(o *awsiot.Options) { o.Metrics = metrics })
				if err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				connect := &packet.Connect{Version: version, ClientID: "x", HasUsername: c.user != "", Username: c.user}
				if c.password != "" {
					connect.HasPassword, connect.Password = true, []byte(c.password)
				}
				if err := endpoint.Prepare(t.Context(), connect); err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				if err := connect.Validate(version, true); err != nil {
					t.Errorf("%s: %v", name, err)
				}
				user, params := parse(t, connect.Username)
				if metrics {
					if params["SDK"] != "GneissGo" || params["Platform"] == "" || !strings.HasPrefix(params["Metadata"], "(IoTSDKVersion=") {
						t.Errorf("%s: metrics in %s", name, connect.Username)
					}
					for _, key := range []string{"SDK", "Platform", "Metadata"} {
						delete(params, key)
					}
				} else if c.wire != "" && connect.Username != c.wire {
					t.Errorf("%s: user name %s, want %s", name, connect.Username, c.wire)
				}
				if strings.Count(connect.Username, "?") > 1 {
					t.Errorf("%s: two question marks in %s", name, connect.Username)
				}
				if user != c.wantUser || len(params) != len(c.wantParams) || !connect.HasUsername {
					t.Errorf("%s: user %q and parameters %q, want %q and %q", name, user, params, c.wantUser, c.wantParams)
				}
				for key, want := range c.wantParams {
					if params[key] != want {
						t.Errorf("%s: %s is %q, want %q", name, key, params[key], want)
					}
				}
				if !bytes.Equal(connect.Password, c.wantPassword) || connect.HasPassword != (c.wantPassword != nil) {
					t.Errorf("%s: password %q, %v", name, connect.Password, connect.HasPassword)
				}
			}
		}
	}
}

func TestCustomAuthIsJudged(t *testing.T) {
	t.Parallel()
	const secret = "do-not-print-me"
	for want, a := range map[string]awsiot.Authorizer{
		"two question marks":                        {Username: secret + "?a?b"},
		"TokenKeyName and TokenValue need each":     {TokenKeyName: "k"},
		"TokenKeyName and TokenValue need each ":    {TokenValue: secret},
		"TokenSignature needs TokenKeyName":         {TokenSignature: signature},
		"is not base64":                             {TokenKeyName: "k", TokenValue: "v", TokenSignature: secret + "!"},
		"is not percent-encoded well":               {TokenKeyName: "k", TokenValue: "v", TokenSignature: secret + "%"},
		"parameter x-amz-customauthorizer-name alr": {Name: "a", Username: "bob?x-amz-customauthorizer-name=" + secret},
	} {
		for _, make := range []func(string, awsiot.Authorizer, ...func(*awsiot.Options)) (mqtt.Endpoint, error){awsiot.CustomAuth, awsiot.CustomAuthWebSocket} {
			_, err := make(dataName, a)
			if err == nil || !strings.Contains(err.Error(), strings.TrimSpace(want)) || strings.Contains(err.Error(), secret) {
				t.Errorf("got %v, want an error with %q", err, want)
			}
		}
	}
	if _, err := awsiot.CustomAuth("", awsiot.Authorizer{}); err == nil {
		t.Error("no endpoint, no error")
	}
	if _, err := awsiot.CustomAuthWebSocket(credentialsName, awsiot.Authorizer{}); err == nil {
		t.Error("the wrong endpoint, no error")
	}
	_, err := awsiot.CustomAuth(dataName, awsiot.Authorizer{}, func(o *awsiot.Options) { o.WebSocket = func(*mqttws.Options) {} })
	if err == nil || !strings.Contains(err.Error(), "there is no WebSocket here") {
		t.Errorf("got %v", err)
	}
}

// Both transports carry the same CONNECT; directly it is ALPN that tells what the connection is for.
func TestCustomAuthConnects(t *testing.T) {
	t.Parallel()
	a := awsiot.Authorizer{Name: "MyAuth", Username: "alice", Password: []byte("secret")}
	for name, c := range map[string]struct {
		make      func(string, awsiot.Authorizer, ...func(*awsiot.Options)) (mqtt.Endpoint, error)
		protocols []string
	}{
		"direct":    {awsiot.CustomAuth, []string{"mqtt"}},
		"WebSocket": {awsiot.CustomAuthWebSocket, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newService(t)
			s.upgrade = func(_ http.ResponseWriter, r *http.Request) bool {
				if r.RequestURI != "/mqtt" || r.Header.Get("Authorization") != "" || r.Host != dataName {
					t.Errorf("request %s to %s with %v", r.RequestURI, r.Host, r.Header)
				}
				return true
			}
			endpoint, err := c.make(dataName, a, s.options)
			if err != nil {
				t.Fatal(err)
			}
			client := s.client(endpoint)
			_, connect := s.peer.Connect(new(packet.Connack))
			if connect.Username != "alice?x-amz-customauthorizer-name=MyAuth" || string(connect.Password) != "secret" {
				t.Errorf("CONNECT %+v", connect)
			}
			if _, err := client.Connected(short(t)); err != nil {
				t.Error(err)
			}
			if h := s.hellos()[0]; h.name != dataName || !slices.Equal(h.protocols, c.protocols) || h.cert != nil {
				t.Errorf("the service saw %+v", h)
			}
			if dialled := s.dialled(); dialled[0] != dataName+":443" {
				t.Errorf("dialled %q", dialled)
			}
		})
	}
}

// A token that expires is asked for at every attempt; what Refresh changes is of that attempt.
func TestAuthorizerIsRefreshed(t *testing.T) {
	t.Parallel()
	s := newService(t)
	n := 0
	failed := errors.New("no token")
	endpoint, err := awsiot.CustomAuth(dataName, awsiot.Authorizer{Username: "alice", Refresh: func(_ context.Context, a *awsiot.Authorizer) error {
		if n++; n == 2 {
			return failed
		}
		if a.TokenValue != "" {
			t.Errorf("attempt %d begins with token %q", n, a.TokenValue)
		}
		a.TokenKeyName, a.TokenValue = "k", strings.Repeat("v", n)
		return nil
	}}, s.options)
	if err != nil {
		t.Fatal(err)
	}
	f := newFailures()
	s.client(endpoint, f.trace)
	conn, connect := s.peer.Connect(new(packet.Connack))
	if connect.Username != "alice?k=v" {
		t.Errorf("CONNECT %+v", connect)
	}
	conn.Close()
	<-f
	s.peer.Accept() // of the attempt without a token
	if err := <-f; !errors.Is(err, failed) {
		t.Errorf("got %v", err)
	}
	if _, connect = s.peer.Connect(new(packet.Connack)); connect.Username != "alice?k=vvv" {
		t.Errorf("CONNECT %+v", connect)
	}
}

// A client certificate besides, for domain configurations that ask for one.
func TestCustomAuthWithCertificate(t *testing.T) {
	t.Parallel()
	s := newService(t)
	d := s.ca.issue(t)
	s.register(d)
	endpoint, err := awsiot.CustomAuth(dataName, awsiot.Authorizer{Username: "alice", Identity: awsiot.PEM(d.certPEM, d.keyPEM)}, s.options,
		func(o *awsiot.Options) { o.Port = awsiot.PortMQTTS })
	if err != nil {
		t.Fatal(err)
	}
	s.client(endpoint)
	if _, connect := s.peer.Connect(new(packet.Connack)); connect.Username != "alice" {
		t.Errorf("CONNECT %+v", connect)
	}
	if h := s.hellos()[0]; h.protocols != nil || !h.cert.Equal(d.Leaf) {
		t.Errorf("the service saw %+v", h)
	}
}

// Metrics are merged with what a user name has already, which wins, and never make it too long.
func TestMetrics(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	d := ca.issue(t)
	endpoint, err := awsiot.MTLS(dataName, awsiot.KeyPair(d.Certificate), func(o *awsiot.Options) { o.Metrics = true })
	if err != nil {
		t.Fatal(err)
	}
	for username, want := range map[string]struct {
		user string
		sdk  string
		more int
	}{
		"":                         {"", "GneissGo", 0},
		"alice":                    {"alice", "GneissGo", 0},
		"alice?":                   {"alice", "GneissGo", 0},
		"alice?a=1&b":              {"alice", "GneissGo", 2},
		"alice?SDK=Own":            {"alice", "Own", 0},
		"alice?x?SDK=Own":          {"alice?x", "Own", 0},
		strings.Repeat("x", 65500): {strings.Repeat("x", 65500), "", 0},
	} {
		c := &packet.Connect{ClientID: "x", HasUsername: username != "", Username: username}
		if err := endpoint.Prepare(t.Context(), c); err != nil {
			t.Fatal(err)
		}
		user, params := parse(t, c.Username)
		if user != want.user || params["SDK"] != want.sdk || want.sdk != "" && len(params) != 3+want.more || !c.HasUsername {
			t.Errorf("%.20q became %.200q", username, c.Username)
		}
	}
}
