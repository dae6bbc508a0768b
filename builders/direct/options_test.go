package direct_test

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/builders/direct"
)

// Whatever way a struct around the options is printed, the secrets in them are not.
func TestOptionsPrintNoSecrets(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	client := ca.issue(t, "device")
	const secret = "do-not-print-me"
	keyText := strings.Split(string(client.keyPEM), "\n")[1]
	scalar := fmt.Sprint(client.key) // what printing the key would look like
	opts := direct.Options{
		TLS:            new(tls.Config),
		CertificatePEM: direct.Bytes(client.certPEM),
		KeyPEM:         direct.Bytes([]byte(secret + keyText)),
		Certificate:    &client.tls,
		Signer:         client.key,
		Passphrase:     direct.Secret(secret),
		ServerName:     "broker.example.org",
		Proxy:          direct.ProxyURL(&url.URL{Scheme: "http", Host: "proxy", User: url.UserPassword("u", secret)}),
		KeepAlive:      time.Minute,
		Nagle:          true,
	}
	dialer, err := direct.NewDialer(func(o *direct.Options) { o.Passphrase, o.CertificatePEM, o.KeyPEM = nil, direct.PEM{}, direct.PEM{} })
	if err != nil {
		t.Fatal(err)
	}
	endpoint, err := direct.URL("mqtt://user:" + secret + "@broker.example.org")
	if err != nil {
		t.Fatal(err)
	}
	type hidden struct { // fmt calls no methods of unexported fields
		pem    direct.PEM
		dialer *direct.Dialer
	}
	for name, v := range map[string]any{
		"options":  opts,
		"pointer":  &opts,
		"PEM":      opts.KeyPEM,
		"dialer":   dialer,
		"endpoint": endpoint,
		"hidden":   struct{ hidden }{hidden{pem: opts.KeyPEM, dialer: dialer}},
	} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			text := fmt.Sprintf(verb, v)
			for _, forbidden := range []string{secret, fmt.Sprintf("%x", secret), fmt.Sprintf("%d", []byte(secret)), keyText, scalar} {
				if strings.Contains(text, strings.Trim(forbidden, "[]")) {
					t.Errorf("%s with %s: %s", name, verb, text)
				}
			}
		}
		var log bytes.Buffer
		slog.New(slog.NewTextHandler(&log, nil)).Info("made", "value", v)
		if strings.Contains(log.String(), secret) || strings.Contains(log.String(), keyText) {
			t.Errorf("%s in a log: %s", name, log.String())
		}
	}
	for _, want := range []string{"KeyPEM", "Passphrase", "Proxy", "KeepAlive: 1m0s", "Nagle"} {
		if text := fmt.Sprintf("%+v", opts); !strings.Contains(text, want) {
			t.Errorf("%s does not name %s", text, want)
		}
	}
}

func TestPEMNamesItsSource(t *testing.T) {
	t.Parallel()
	for want, p := range map[string]direct.PEM{
		"/etc/mqtt/ca.pem": direct.File("/etc/mqtt/ca.pem"),
		"3 bytes of PEM":   direct.Bytes([]byte("abc")),
		"no PEM":           {},
	} {
		if got := fmt.Sprint(p); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestBytesAreCopied(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	text := bytes.Clone(ca.pem)
	p := direct.Bytes(text)
	clear(text)
	if _, err := direct.NewDialer(func(o *direct.Options) { o.RootCAs = []direct.PEM{p} }); err != nil {
		t.Error(err)
	}
}
