package provisioning

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/reqres"
)

func options(dir string) Options {
	return Options{Template: "fleet", Dir: dir, Parameters: map[string]string{"SerialNumber": "7"}}
}

func provision(t *testing.T, r *reqres.Client, o Options) (*Identity, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	return Provision(ctx, r, o)
}

// wantIdentity wants the certificate to be that of the key.
func wantIdentity(t *testing.T, id *Identity, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	pair := id.TLS()
	leaf, err := x509.ParseCertificate(pair.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	if !leaf.PublicKey.(interface{ Equal(crypto.PublicKey) bool }).Equal(pair.PrivateKey.(crypto.Signer).Public()) {
		t.Error("the certificate is of another key")
	}
	if id.ThingName != "thing-7" || id.Configuration["url"] != "x" || id.CertificateID == "" {
		t.Errorf("got %v", id)
	}
}

func signer(t *testing.T) crypto.Signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func TestProvision(t *testing.T) {
	for name, change := range map[string]func(*cloud, *Options){
		"keys":      func(*cloud, *Options) {},
		"keys rsa":  func(c *cloud, _ *Options) { c.rsa = true },
		"keys cbor": func(_ *cloud, o *Options) { o.Format = CBOR },
		"own key":   func(_ *cloud, o *Options) { o.OwnKey = true },
		"signer":    func(_ *cloud, o *Options) { o.Signer, o.Format = signer(t), CBOR },
	} {
		t.Run(name, func(t *testing.T) {
			c := newCloud(t)
			o := options(filepath.Join(t.TempDir(), "deep", "[identity]"))
			change(c, &o)
			id, err := provision(t, c.connect(), o)
			wantIdentity(t, id, err)
			list, err := os.ReadDir(o.Dir)
			if err != nil {
				t.Fatal(err)
			}
			var names []string
			for _, e := range list {
				names = append(names, e.Name())
				if info, err := e.Info(); err != nil || info.Mode().Perm() != 0o600 {
					t.Errorf("%s: %v %v", e.Name(), info.Mode(), err)
				}
			}
			want := "certificate.pem identity.json private.key"
			if o.Signer != nil {
				want = "certificate.pem identity.json"
			}
			if got := strings.Join(names, " "); got != want || (id.KeyFile == "") != (o.Signer != nil) {
				t.Errorf("the directory has %s", got)
			}
			if c.parameters["SerialNumber"] != "7" {
				t.Errorf("parameters %v", c.parameters)
			}
			c.took()
			again, err := provision(t, nil, o) // without the service
			wantIdentity(t, again, err)
			o.Fresh = true
			fresh, err := provision(t, c.connect(), o)
			wantIdentity(t, fresh, err)
			if fresh.CertificateID == id.CertificateID || again.CertificateID != id.CertificateID {
				t.Errorf("%v, %v, %v", id, again, fresh)
			}
			if err := Forget(o.Dir); err != nil {
				t.Error(err)
			}
			if _, err := Load(o.Dir, o.Signer); !errors.Is(err, fs.ErrNotExist) {
				t.Error(err)
			}
		})
	}
}

// crashed is what ends the process.
type crashed string

// crash makes the n-th step end the process, and reports which it was and whether there was such a step.
func crash(t *testing.T, n int, f func()) (at string, ok bool) {
	t.Helper()
	old := step
	defer func() {
		step = old
		if v := recover(); v != nil {
			name, ours := v.(crashed)
			if !ours {
				panic(v)
			}
			at, ok = string(name), true
		}
	}()
	i := 0
	step = func(name string) {
		if i++; i > n {
			panic(crashed(name))
		}
	}
	f()
	return "", false
}

// The process ends at each step in turn: the next one gets an identity, and no certificate that was registered is lost
// once its registration is known.
func TestCrashAtEveryStep(t *testing.T) {
	for _, kind := range []string{"keys", "own key", "signer", "fresh"} {
		t.Run(kind, func(t *testing.T) {
			steps := 0
			for n := 0; ; n++ {
				c := newCloud(t)
				o := options(filepath.Join(t.TempDir(), "identity"))
				switch kind {
				case "own key":
					o.OwnKey = true
				case "signer":
					o.Signer = signer(t)
				case "fresh":
					id, err := provision(t, c.connect(), o)
					wantIdentity(t, id, err)
					o.Fresh = true
				}
				r := c.connect()
				at, ok := crash(t, n, func() { _, _ = provision(t, r, o) })
				if !ok {
					break
				}
				steps++
				before := len(c.things)
				id, err := Load(o.Dir, o.Signer) // what the device has without the network
				if err != nil && !errors.Is(err, fs.ErrNotExist) {
					t.Errorf("%s: %v", at, err)
				}
				if err != nil || o.Fresh {
					id, err = provision(t, c.connect(), o)
				}
				if err != nil {
					t.Fatalf("%s: %v", at, err)
				}
				wantIdentity(t, id, err)
				// Only where the process ends between the registration and its note is there a second one.
				lost := at == "registered" || strings.HasSuffix(at, " pending.json")
				if more := len(c.things) - before; more > 1 || more > 0 && before > 0 && !o.Fresh && !lost {
					t.Errorf("%s: registered %d and then %d times", at, before, more)
				}
				if rest, _ := filepath.Glob(filepath.Join(filepath.Dir(o.Dir), "*", "*.tmp")); kind == "keys" && len(rest) > 0 && len(c.things) > before {
					t.Errorf("%s: %q are left", at, rest)
				}
			}
			if steps < 12 {
				t.Errorf("only %d steps", steps)
			}
		})
	}
}

// A certificate that is on the disk is not asked for again.
func TestResume(t *testing.T) {
	c := newCloud(t)
	o := options(t.TempDir())
	c.set(func(c *cloud) {
		c.refuse = func(topic string) *Error {
			if strings.HasPrefix(topic, "$aws/prov") {
				return &Error{429, "Throttling", "slow down"}
			}
			return nil
		}
	})
	r := c.connect()
	if _, err := provision(t, r, o); !errors.Is(err, ErrThrottled) {
		t.Fatal(err)
	}
	c.set(func(c *cloud) { c.refuse, c.tokens["token-1"] = nil, false })
	c.took()
	id, err := provision(t, r, o)
	wantIdentity(t, id, err)
	if got := c.took(); got != "provision" || id.CertificateID != "cert-1" {
		t.Errorf("the service got %q, %v", got, id)
	}
}

// What is of no use is not used: a token that is too old or void, another template, another key, a damaged file.
func TestUselessPending(t *testing.T) {
	for name, change := range map[string]func(c *cloud, p *pending){
		"old":      func(_ *cloud, p *pending) { p.Created = time.Now().Add(-2 * time.Hour) },
		"future":   func(_ *cloud, p *pending) { p.Created = time.Now().Add(2 * time.Hour) },
		"template": func(_ *cloud, p *pending) { p.Template = "other" },
		"key":      func(_ *cloud, p *pending) { p.Certificate.PrivateKey = "" },
		"void":     func(c *cloud, p *pending) { c.tokens[p.Certificate.Token] = true },
		"damaged":  nil,
	} {
		t.Run(name, func(t *testing.T) {
			c := newCloud(t)
			o := options(t.TempDir())
			r := c.connect()
			if _, ok := crash(t, 5, func() { _, _ = provision(t, r, o) }); !ok {
				t.Fatal("no crash")
			}
			var p pending
			if err := dir(o.Dir).readJSON(pendingFile, &p); err != nil {
				t.Fatal(err)
			}
			text := []byte("{")
			if change != nil {
				c.set(func(c *cloud) { c.tokens[p.Certificate.Token] = false; change(c, &p) })
				text, _ = json.Marshal(p)
			}
			if err := os.WriteFile(filepath.Join(o.Dir, pendingFile), text, 0o600); err != nil {
				t.Fatal(err)
			}
			id, err := provision(t, r, o)
			wantIdentity(t, id, err)
			if id.CertificateID != "cert-2" {
				t.Errorf("got %v", id)
			}
		})
	}
}

// What is registered already is completed, however old it is, also before it is replaced by that of another template.
func TestCompletesWhatIsRegistered(t *testing.T) {
	for _, template := range []string{"fleet", "other"} {
		c := newCloud(t)
		o := options(t.TempDir())
		r := c.connect()
		crash(t, 11, func() { _, _ = provision(t, r, o) })
		var p pending
		if err := dir(o.Dir).readJSON(pendingFile, &p); err != nil || p.Thing == nil {
			t.Fatal(p, err)
		}
		p.Created = time.Now().Add(-2 * time.Hour)
		if err := dir(o.Dir).writeJSON(pendingFile, p); err != nil {
			t.Fatal(err)
		}
		o.Fresh, o.Template = true, template
		want := "cert-1"
		if template == "other" {
			c.set(func(c *cloud) { c.refuse = func(string) *Error { return &Error{429, "Throttling", "slow down"} } })
			if _, err := provision(t, r, o); !errors.Is(err, ErrThrottled) {
				t.Errorf("got %v", err)
			}
		} else if _, err := provision(t, r, o); err != nil {
			t.Error(err)
		}
		id, err := Load(o.Dir, nil)
		wantIdentity(t, id, err)
		if id.CertificateID != want {
			t.Errorf("%s: got %v, want %s", template, id, want)
		}
	}
}

func TestNoClient(t *testing.T) {
	if _, err := provision(t, nil, options(t.TempDir())); err == nil {
		t.Error("an identity comes from nowhere")
	}
}

// The key of an identity before is not left behind where the new one is in a signer.
func TestKeyOfBefore(t *testing.T) {
	c := newCloud(t)
	o := options(t.TempDir())
	if _, err := provision(t, c.connect(), o); err != nil {
		t.Fatal(err)
	}
	o.Fresh, o.Signer = true, signer(t)
	id, err := provision(t, c.connect(), o)
	wantIdentity(t, id, err)
	if _, err := os.Stat(filepath.Join(o.Dir, keyFile)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the old key: %v", err)
	}
}

// An identity that is damaged is an error, and is not replaced behind the owner's back.
func TestDamagedIdentity(t *testing.T) {
	for name, damage := range map[string]func(d string) error{
		"no certificate": func(d string) error { return os.Remove(filepath.Join(d, certFile)) },
		"no key":         func(d string) error { return os.Remove(filepath.Join(d, keyFile)) },
		"other key": func(d string) error {
			_, text, err := newKey()
			return errors.Join(err, os.WriteFile(filepath.Join(d, keyFile), text, 0o600))
		},
		"garbage": func(d string) error { return os.WriteFile(filepath.Join(d, identFile), []byte("x"), 0o600) },
		"huge":    func(d string) error { return os.Truncate(filepath.Join(d, keyFile), 1<<30) },
	} {
		t.Run(name, func(t *testing.T) {
			c := newCloud(t)
			o := options(t.TempDir())
			r := c.connect()
			id, err := provision(t, r, o)
			wantIdentity(t, id, err)
			if err := damage(o.Dir); err != nil {
				t.Fatal(err)
			}
			if _, err := provision(t, r, o); err == nil || errors.Is(err, fs.ErrNotExist) || c.made != 1 {
				t.Errorf("got %v, %d certificates", err, c.made)
			}
		})
	}
}

func TestRefusals(t *testing.T) {
	c := newCloud(t)
	r := c.connect()
	for code, want := range map[int]error{400: ErrInvalid, 401: ErrNotAuthorized, 403: ErrNotAuthorized, 404: ErrNotFound,
		409: ErrConflict, 429: ErrThrottled, 500: ErrInternal, 503: ErrInternal} {
		c.set(func(c *cloud) { c.refuse = func(string) *Error { return &Error{code, "Some", "because"} } })
		for _, format := range []Format{JSON, CBOR} {
			o := options(t.TempDir())
			o.Format = format
			_, err := provision(t, r, o)
			if !errors.Is(err, want) || !strings.Contains(err.Error(), "because") || errors.Is(err, ErrInvalidToken) {
				t.Errorf("%d: got %v", code, err)
			}
		}
	}
	c.set(func(c *cloud) { c.refuse, c.other = nil, true })
	_, err := provision(t, r, options(t.TempDir()))
	if _, ok := errors.AsType[*MalformedError](err); !ok {
		t.Errorf("got %v", err)
	}
	for _, o := range []Options{{}, {Template: "fleet"}, {Template: "a/b", Dir: t.TempDir()}, {Template: "fleet", Dir: t.TempDir(), Format: "xml"}} {
		if _, err := provision(t, r, o); err == nil {
			t.Errorf("%+v is accepted", o)
		}
	}
	if _, err := New(r, "yaml"); err == nil {
		t.Error("yaml is accepted")
	}
}

func TestNoSecretsInText(t *testing.T) {
	c := Certificate{ID: "id", Token: "secret", PrivateKey: "secret"}
	key := signer(t)
	text := fmt.Sprintf("%v %+v %#v %s %d", c, c, &c, c, c) + fmt.Sprintf("%+v %#v", Identity{signer: key}, &Identity{signer: key})
	if strings.Contains(text, "secret") || strings.Contains(text, "ecdsa") {
		t.Error(text)
	}
}

func TestParseClaim(t *testing.T) {
	c := newCloud(t)
	key, text := c.key()
	claim := func(expiration any, certificate string) []byte {
		raw, _ := json.Marshal(map[string]any{"certificateId": "id", "certificatePem": certificate, "expiration": expiration,
			"keyPair": map[string]string{"PublicKey": "x", "PrivateKey": text}})
		return raw
	}
	for _, at := range []any{1700000000.5, "2023-11-14T22:13:20Z"} {
		got, err := ParseClaim(claim(at, c.sign(key.Public())))
		if err != nil || got.Expires.Unix() != 1700000000 || len(got.TLS().Certificate) != 1 || got.CertificateID != "id" {
			t.Errorf("got %v, %v", got, err)
		}
	}
	other, _ := c.key()
	for _, bad := range [][]byte{nil, []byte("{}"), claim("soon", c.sign(key.Public())), claim(1, c.sign(other.Public())), claim(1, "")} {
		if _, err := ParseClaim(bad); err == nil || strings.Contains(err.Error(), "PRIVATE") {
			t.Errorf("%.60s: got %v", bad, err)
		}
	}
}

func ExampleLoad() {
	_, err := Load("/nonexistent/identity", nil)
	fmt.Println(errors.Is(err, fs.ErrNotExist))
	// Output:
	// true
}
