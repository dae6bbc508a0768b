package emulator_test

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/url"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/packet"
	"github.com/gneiss-mqtt/gneiss-go/emulator"
	"github.com/gneiss-mqtt/gneiss-go/emulator/iotcore"
	"github.com/gneiss-mqtt/gneiss-go/emulator/memnet"
)

// authorizing opens a connection that names a custom authorizer by ALPN.
func authorizing(t testing.TB, s *emulator.Server, mem *memnet.Network, v packet.Version) *client {
	t.Helper()
	config, err := s.ClientTLS("")
	if err != nil {
		t.Fatal(err)
	}
	config.NextProtos = []string{"mqtt"}
	conn, err := secure(t, s, s.Endpoint(), config, mem)
	if err != nil {
		t.Fatal(err)
	}
	return newClient(t, conn, v)
}

func accept(context.Context, iotcore.AuthorizerEvent) (iotcore.AuthorizerDecision, error) {
	return iotcore.AuthorizerDecision{Authenticated: true, PrincipalID: "alice"}, nil
}

func TestCustomAuthorizers(t *testing.T) {
	t.Parallel()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256([]byte("tok en/1+2"))
	sig, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	raw := base64.StdEncoding.EncodeToString(sig)
	events := make(chan iotcore.AuthorizerEvent, 100)
	s := start(t, emulator.Options{IoT: iotcore.Options{Authorizers: []iotcore.Authorizer{
		{Name: "signed", TokenKey: "TokKey", SigningKeys: []*rsa.PublicKey{&key.PublicKey}, Authorize: func(ctx context.Context, e iotcore.AuthorizerEvent) (iotcore.AuthorizerDecision, error) {
			events <- e
			return accept(ctx, e)
		}},
		{Name: "table", Default: true, TokenKey: "t", Table: []iotcore.Grant{
			{Username: "bob", Password: "secret", Decision: iotcore.AuthorizerDecision{Authenticated: true}},
			{Token: "letmein", Decision: iotcore.AuthorizerDecision{Authenticated: true}},
			{Username: "eve", Password: "secret"},
		}},
		{Name: "off", Inactive: true, Authorize: accept},
		{Name: "fails", Authorize: func(context.Context, iotcore.AuthorizerEvent) (iotcore.AuthorizerDecision, error) {
			return iotcore.AuthorizerDecision{Authenticated: true}, errors.New("no database")
		}},
		{Name: "panics", Authorize: func(context.Context, iotcore.AuthorizerEvent) (iotcore.AuthorizerDecision, error) { panic("oops") }},
		{Name: "brief", Authorize: func(context.Context, iotcore.AuthorizerEvent) (iotcore.AuthorizerDecision, error) {
			return iotcore.AuthorizerDecision{Authenticated: true, DisconnectAfter: time.Second}, nil
		}},
	}}})
	for name, tc := range map[string]struct {
		username, password string
		ok                 bool
	}{
		"encoded once":      {"alice?x-amz-customauthorizer-name=signed&TokKey=tok en/1+2&x-amz-customauthorizer-signature=" + url.QueryEscape(raw) + "&SDK=x&Platform=y", "", true},
		"not encoded":       {"?x-amz-customauthorizer-name=signed&x-amz-customauthorizer-signature=" + raw + "&TokKey=tok en/1+2", "", true},
		"another token":     {"?x-amz-customauthorizer-name=signed&TokKey=x&x-amz-customauthorizer-signature=" + raw, "", false},
		"no signature":      {"?x-amz-customauthorizer-name=signed&TokKey=tok en/1+2", "", false},
		"no token":          {"?x-amz-customauthorizer-name=signed&x-amz-customauthorizer-signature=" + raw, "", false},
		"default, password": {"bob", "secret", true},
		"default, metrics":  {"bob?SDK=x", "secret", true},
		"default, token":    {"?t=letmein", "", true},
		"wrong token":       {"bob?t=wrong", "secret", false},
		"wrong password":    {"bob", "Secret", false},
		"refused by table":  {"eve", "secret", false},
		"two marks":         {"bob?x-amz-customauthorizer-name=fails?SDK=x", "secret", false},
		"unknown":           {"?x-amz-customauthorizer-name=other", "", false},
		"inactive":          {"?x-amz-customauthorizer-name=off", "", false},
		"error":             {"?x-amz-customauthorizer-name=fails", "", false},
		"panic":             {"?x-amz-customauthorizer-name=panics", "", false},
		"out of range":      {"?x-amz-customauthorizer-name=brief", "", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, v := range []packet.Version{packet.V5, packet.V311} {
				c := authorizing(t, s, nil, v)
				c.send(&packet.Connect{Version: v, ClientID: name + v.String(), CleanStart: true, Username: tc.username, HasUsername: true, Password: []byte(tc.password), HasPassword: tc.password != ""})
				ack := expect[*packet.Connack](c)
				if (ack.Code == packet.Success) != tc.ok || !tc.ok && ack.Code != packet.NotAuthorized {
					t.Errorf("%s: %s %s", v, ack.Code, ack.ReasonString)
				}
			}
		})
	}
}

// TestAuthorizerTimes: decisions become old and are asked for again, connections end, and an authorizer that does not
// answer refuses.
func TestAuthorizerTimes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		network := memnet.New(memnet.Link{}, 1)
		began := time.Now()
		type call struct {
			at      time.Duration
			refresh bool
			user    string
		}
		var mu sync.Mutex // one that was given up may still run
		var calls []call
		s, err := emulator.Start(emulator.Options{Mem: network, IoT: iotcore.Options{Authorizers: []iotcore.Authorizer{
			{Name: "a", Default: true, Authorize: func(ctx context.Context, e iotcore.AuthorizerEvent) (iotcore.AuthorizerDecision, error) {
				mu.Lock()
				calls = append(calls, call{time.Since(began), e.Refresh, e.Username})
				mu.Unlock()
				if e.Username == "slow" {
					<-ctx.Done()
					return iotcore.AuthorizerDecision{Authenticated: true}, nil
				}
				return iotcore.AuthorizerDecision{
					Authenticated: !e.Refresh || time.Since(began) < 900*time.Second, RefreshAfter: 300 * time.Second, DisconnectAfter: 86_400 * time.Second,
				}, nil
			}},
			{Name: "b", Authorize: func(context.Context, iotcore.AuthorizerEvent) (iotcore.AuthorizerDecision, error) {
				return iotcore.AuthorizerDecision{Authenticated: true, DisconnectAfter: 600 * time.Second}, nil
			}},
		}}})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		c := authorizing(t, s, network, packet.V5)
		c.connect(packet.Connect{ClientID: "c", CleanStart: true, HasUsername: true, Username: "quick"})
		c.send(&packet.Pingreq{})
		expect[*packet.Pingresp](c)
		_ = c.conn.SetReadDeadline(time.Time{})
		d := lastWords(t, c)
		if d == nil || d.Code != packet.NotAuthorized || time.Since(began) != 900*time.Second {
			t.Errorf("after %v: %+v", time.Since(began), d)
		}
		if len(calls) != 4 || calls[0].refresh || !calls[3].refresh || calls[1].at != 300*time.Second {
			t.Errorf("calls %v", calls)
		}

		began = time.Now()
		c = authorizing(t, s, network, packet.V5)
		c.connect(packet.Connect{ClientID: "c", CleanStart: true, HasUsername: true, Username: "?x-amz-customauthorizer-name=b"})
		if d := lastWords(t, c); d != nil || time.Since(began) != 600*time.Second {
			t.Errorf("after %v: %+v", time.Since(began), d)
		}

		began = time.Now()
		c = authorizing(t, s, network, packet.V5)
		c.send(&packet.Connect{ClientID: "c", CleanStart: true, HasUsername: true, Username: "slow"})
		if ack := expect[*packet.Connack](c); ack.Code != packet.NotAuthorized || time.Since(began) != 5*time.Second {
			t.Errorf("after %v: %s", time.Since(began), ack.Code)
		}
		_ = c.conn.Close()

		c = authorizing(t, s, network, packet.V5) // and closing does not wait for one that thinks
		c.send(&packet.Connect{ClientID: "c", CleanStart: true, HasUsername: true, Username: "slow"})
		synctest.Wait()
		began = time.Now()
		if err := s.Close(); err != nil || time.Since(began) >= 5*time.Second {
			t.Errorf("%v after %v", err, time.Since(began))
		}
	})
}

// lastWords waits for the end of a connection, and returns the DISCONNECT before it, if there is one.
func lastWords(t *testing.T, c *client) *packet.Disconnect {
	t.Helper()
	var d *packet.Disconnect
	for {
		_ = c.conn.SetReadDeadline(time.Time{})
		f, rest, ok, err := c.framer.Next(c.rest)
		if err != nil {
			t.Fatal(err)
		}
		if ok {
			c.rest = rest
			if f.Type() == packet.DISCONNECT {
				d = new(packet.Disconnect)
				if err := d.Decode(f, &c.decoder); err != nil {
					t.Fatal(err)
				}
			}
			continue
		}
		n, err := c.conn.Read(c.buf)
		if err != nil {
			_ = c.conn.Close()
			return d
		}
		c.rest = c.buf[:n]
	}
}
