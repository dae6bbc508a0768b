package emulator_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/packet"
	"github.com/gneiss-mqtt/gneiss-go/emulator"
	"github.com/gneiss-mqtt/gneiss-go/emulator/iotcore"
)

// TestAWSRestarts: the account, its certificates and keys outlive what becomes of the sessions.
func TestAWSRestarts(t *testing.T) {
	t.Parallel()
	s := start(t, emulator.Options{})
	d, keys := device(t, s, "d"), credentials(t, s, emulator.CredentialOptions{})
	for _, what := range []emulator.Survival{emulator.KeepSessions, emulator.LoseSessions} {
		c, _ := with(t, s, d, packet.Connect{ClientID: "d", CleanStart: true, SessionExpiry: 1000})
		ws, _, err := socket(t, s, presign(keys, s.Endpoint(), "us-east-1", s.Now()), "mqtt")
		if err != nil {
			t.Fatal(err)
		}
		w := newClient(t, ws, packet.V5)
		w.connect(packet.Connect{ClientID: "w", CleanStart: true})
		if err := s.Kill(); err != nil {
			t.Fatal(err)
		}
		c.gone()
		w.gone()
		if err := s.Restart(what); err != nil {
			t.Fatal(err)
		}
		if _, ack := with(t, s, d, packet.Connect{ClientID: "d", SessionExpiry: 1000}); ack.SessionPresent != (what == emulator.KeepSessions) {
			t.Errorf("session present: %v", ack.SessionPresent)
		}
		ws, _, err = socket(t, s, presign(keys, s.Endpoint(), "us-east-1", s.Now()), "mqtt")
		if err != nil {
			t.Fatal(err)
		}
		newClient(t, ws, packet.V5).connect(packet.Connect{ClientID: "w", CleanStart: true})
	}
}

// TestNoGoroutineOfAWSIsLeft counts goroutines, so it does not run beside other tests.
func TestNoGoroutineOfAWSIsLeft(t *testing.T) {
	before := runtime.NumGoroutine()
	for range 2 {
		thinking := make(chan struct{}, 1)
		s, err := emulator.Start(emulator.Options{IoT: iotcore.Options{Authorizers: []iotcore.Authorizer{
			{Name: "slow", Default: true, Authorize: func(ctx context.Context, _ iotcore.AuthorizerEvent) (iotcore.AuthorizerDecision, error) {
				thinking <- struct{}{}
				<-ctx.Done()
				return iotcore.AuthorizerDecision{}, ctx.Err()
			}},
		}}})
		if err != nil {
			t.Fatal(err)
		}
		d := device(t, s, "d")
		c, _ := with(t, s, d, packet.Connect{ClientID: "d", CleanStart: true})
		ws, _, err := socket(t, s, presign(credentials(t, s, emulator.CredentialOptions{}), s.Endpoint(), "us-east-1", s.Now()), "mqtt")
		if err != nil {
			t.Fatal(err)
		}
		w := newClient(t, ws, packet.V5)
		w.connect(packet.Connect{ClientID: "w", CleanStart: true})
		waiting := authorizing(t, s, nil, packet.V5)
		waiting.send(&packet.Connect{ClientID: "x", CleanStart: true})
		<-thinking
		config := d.TLS()
		config.NextProtos = nil
		idle, err := tls.Dial("tcp", s.Endpoint(), config) // never sends a request
		if err != nil {
			t.Fatal(err)
		}
		transport := &http.Transport{TLSClientConfig: config.Clone()}
		response, err := (&http.Client{Transport: transport, Timeout: patience}).Get("https://" + s.Endpoint() + "/nothing")
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		began := time.Now()
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took > 4*time.Second { // an authorizer may think for 5
			t.Errorf("closing took %v", took)
		}
		_ = idle.Close()
		transport.CloseIdleConnections()
		for _, c := range []*client{c, w, waiting} {
			_ = c.conn.Close()
		}
	}
	eventually(t, "goroutines end", func() bool { return runtime.NumGoroutine() <= before })
}

// TestAWSLogHoldsNoSecrets runs what is refused and what is not, and looks for secrets in the log.
func TestAWSLogHoldsNoSecrets(t *testing.T) {
	t.Parallel()
	var log logBuffer
	s, err := emulator.Start(emulator.Options{Logger: log.logger(), IoT: iotcore.Options{Authorizers: []iotcore.Authorizer{
		{Name: "a", Default: true, TokenKey: "token", Table: []iotcore.Grant{{Username: "bob", Password: "pass-word-1", Decision: iotcore.AuthorizerDecision{Authenticated: true}}},
			Authorize: func(_ context.Context, e iotcore.AuthorizerEvent) (iotcore.AuthorizerDecision, error) { panic(e.Token) }},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	keys := credentials(t, s, emulator.CredentialOptions{Lifetime: time.Hour})
	wrong := keys
	wrong.SecretAccessKey = "wrong-secret"
	for _, c := range []emulator.Credentials{keys, wrong} {
		if ws, _, err := socket(t, s, presign(c, s.Endpoint(), "us-east-1", s.Now()), "mqtt"); err == nil {
			newClient(t, ws, packet.V5).connect(packet.Connect{ClientID: "k", CleanStart: true})
		}
	}
	for i, user := range []string{"bob", "eve", "?token=to-ken-2"} {
		c := authorizing(t, s, nil, packet.V5)
		c.send(&packet.Connect{ClientID: fmt.Sprint("c", i), CleanStart: true, HasUsername: true, Username: user, HasPassword: true, Password: []byte("pass-word-1")})
		expect[*packet.Connack](c)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	text := log.String()
	if !strings.Contains(text, "signature refused") || !strings.Contains(text, "custom authorizer failed") {
		t.Errorf("the log says too little: %s", text)
	}
	for _, secret := range []string{keys.SecretAccessKey, keys.SessionToken, "wrong-secret", "pass-word-1", "to-ken-2", "bob"} {
		if strings.Contains(text, secret) {
			t.Errorf("the log has %q: %s", secret, text)
		}
	}
}
