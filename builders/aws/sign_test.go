package awsiot

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	mqttws "github.com/gneiss-mqtt/gneiss-go/builders/websocket"
)

var (
	exampleKeys = aws.Credentials{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"}
	exampleTime = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
)

const exampleHost = "a1b2c3d4e5f6g7-ats.iot.us-east-1.amazonaws.com"

// vectors were made by other implementations than the one under test.
var vectors = []struct {
	name          string
	keys          aws.Credentials
	host, region  string
	at            time.Time
	expires       string
	signature     string
	canonicalHash string // of the canonical request, where it is known
	token         string
}{
	{
		name: "beginning of time", keys: aws.Credentials{AccessKeyID: "AKAAAAAAAAAAAAAAAAAA", SecretAccessKey: strings.Repeat("1", 40)},
		host: "test.iot.world-1.amazonaws.com", region: "world-1", at: time.Unix(0, 0), expires: "86400",
		signature: "4cfbc8acc899f7aac3153cd17c94204d6989f86d8cb1173e46143512270c89c2",
	},
	{
		name: "no expiry", keys: exampleKeys, host: exampleHost, region: "us-east-1", at: exampleTime,
		signature:     "171fa1b5aa26efe03de191590749370f46746012780dd7020d07dea0621f9596",
		canonicalHash: "b24db90ffae2ea9482280a18008897780562f422bc5e262c5d0324b2c49af240",
	},
	{
		name: "five minutes", keys: exampleKeys, host: exampleHost, region: "us-east-1", at: exampleTime, expires: "300",
		signature: "da1000af6aa6f11a84ce5ee7b99e5c1eda640e836aca57dc310931290778abeb",
	},
	{
		name: "a day", keys: exampleKeys, host: exampleHost, region: "us-east-1", at: exampleTime, expires: "86400",
		signature: "759c2e0ad7dcab66c924f2cee726f1f5bb4ae070aea5a3426d42f9e3376bd85f",
	},
	{
		name: "session token is not signed", keys: exampleKeys, token: "a/token+with=signs", host: exampleHost, region: "us-east-1", at: exampleTime, expires: "300",
		signature: "da1000af6aa6f11a84ce5ee7b99e5c1eda640e836aca57dc310931290778abeb",
	},
	{
		name: "default port is not signed", keys: exampleKeys, host: exampleHost + ":443", region: "us-east-1", at: exampleTime, expires: "300",
		signature: "da1000af6aa6f11a84ce5ee7b99e5c1eda640e836aca57dc310931290778abeb",
	},
}

func TestGoldenVectors(t *testing.T) {
	t.Parallel()
	for _, v := range vectors {
		keys := v.keys
		keys.SessionToken = v.token
		u := &url.URL{Scheme: "wss", Host: v.host, Path: "/mqtt"}
		if v.expires != "" {
			u.RawQuery = "X-Amz-Expires=" + v.expires
		}
		raw, err := presign(t.Context(), keys, v.host, u, v.region, v.at)
		if err != nil {
			t.Fatal(err)
		}
		q, err := url.ParseQuery(raw)
		if err != nil {
			t.Fatal(err)
		}
		if got := q.Get("X-Amz-Signature"); got != v.signature {
			t.Errorf("%s: signature %s, want %s", v.name, got, v.signature)
		}
		if got := q.Get("X-Amz-Security-Token"); got != v.token {
			t.Errorf("%s: session token %q, want %q", v.name, got, v.token)
		}
		if got := q.Get("X-Amz-SignedHeaders"); got != "host" {
			t.Errorf("%s: signed headers %q", v.name, got)
		}
		// The verifier of the tests below has to agree, and to refuse what is not quite the same.
		v.host = strings.TrimSuffix(v.host, ":443")
		verifier := Verifier{Keys: v.keys, Region: v.region}
		if err := verifier.Check(v.host, raw); err != nil {
			t.Errorf("%s: %v", v.name, err)
		}
		if hash := sha256.Sum256([]byte(verifier.Canonical)); v.canonicalHash != "" && hex.EncodeToString(hash[:]) != v.canonicalHash {
			t.Errorf("%s: the canonical request is %q", v.name, verifier.Canonical)
		}
		for name, wrong := range map[string]func(*verifierCase){
			"host":   func(c *verifierCase) { c.host = "other.iot.us-east-1.amazonaws.com" },
			"port":   func(c *verifierCase) { c.host += ":8443" },
			"region": func(c *verifierCase) { c.verifier.Region = "eu-west-1" },
			"secret": func(c *verifierCase) { c.verifier.Keys.SecretAccessKey += "x" },
			"date": func(c *verifierCase) {
				c.raw = strings.Replace(c.raw, "X-Amz-Date=2", "X-Amz-Date=3", 1) + "&X-Amz-Date=1"
			},
			"signature": func(c *verifierCase) { c.raw = strings.Replace(c.raw, v.signature, strings.Repeat("0", 64), 1) },
			"parameter": func(c *verifierCase) { c.raw += "&extra=1" },
		} {
			c := verifierCase{verifier, v.host, raw}
			if wrong(&c); c.verifier.Check(c.host, c.raw) == nil {
				t.Errorf("%s: with another %s the signature is accepted", v.name, name)
			}
		}
	}
}

type verifierCase struct {
	verifier  Verifier
	host, raw string
}

// What goes wrong with the SDK's signer where it is used in the obvious way.
func TestNegativeVectors(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		url, token, prefix string
	}{
		{"https://" + exampleHost + "/mqtt?X-Amz-Expires=300", "AQoDYXdzEXAMPLETOKEN", ""}, // the token signed as well
		{"wss://" + exampleHost + ":443/mqtt?X-Amz-Expires=300", "", "64e4beb"},            // the port signed
	} {
		request, err := http.NewRequest(http.MethodGet, c.url, nil)
		if err != nil {
			t.Fatal(err)
		}
		keys := exampleKeys
		keys.SessionToken = c.token
		signed, _, err := v4.NewSigner().PresignHTTP(t.Context(), keys, request, emptySHA256, signingName, "us-east-1", exampleTime)
		if err != nil {
			t.Fatal(err)
		}
		u, err := url.Parse(signed)
		if err != nil {
			t.Fatal(err)
		}
		signature := u.Query().Get("X-Amz-Signature")
		if signature == vectors[2].signature || !strings.HasPrefix(signature, c.prefix) {
			t.Errorf("%s: signature %s", c.url, signature)
		}
		v := Verifier{Keys: exampleKeys, Region: "us-east-1"}
		if v.Check(exampleHost, u.RawQuery) == nil {
			t.Errorf("%s: AWS IoT Core would not accept this, the verifier does", c.url)
		}
	}
}

// providerFunc is a provider of credentials that is not cached.
type providerFunc func(context.Context) (aws.Credentials, error)

func (f providerFunc) Retrieve(ctx context.Context) (aws.Credentials, error) { return f(ctx) }

func signOnce(t *testing.T, p *presigner) (url.Values, error) {
	t.Helper()
	r := &mqttws.Request{URL: &url.URL{Scheme: "wss", Host: exampleHost, Path: "/mqtt"}, Header: make(http.Header)}
	if err := p.sign(t.Context(), r); err != nil {
		return nil, err
	}
	return r.URL.Query(), nil
}

// Credentials are cached until they expire or are refused; the signature is always new.
func TestCredentialsOfAnAttempt(t *testing.T) {
	t.Parallel()
	now, asked := exampleTime, 0
	p := newPresigner(providerFunc(func(context.Context) (aws.Credentials, error) {
		asked++
		keys := exampleKeys
		keys.SessionToken = strings.Repeat("t", asked)
		keys.CanExpire, keys.Expires = true, time.Now().Add(time.Hour) // the SDK's cache goes by the system's clock
		return keys, nil
	}), Options{Region: "us-east-1", Now: func() time.Time { return now }})

	first, err := signOnce(t, p)
	if err != nil {
		t.Fatal(err)
	}
	now = now.Add(time.Second)
	second, err := signOnce(t, p)
	if err != nil {
		t.Fatal(err)
	}
	if asked != 1 || first.Get("X-Amz-Date") != "20260102T030405Z" || second.Get("X-Amz-Date") != "20260102T030406Z" ||
		first.Get("X-Amz-Signature") == second.Get("X-Amz-Signature") {
		t.Errorf("asked %d times; %v then %v", asked, first, second)
	}
	p.refused(&mqttws.HandshakeError{StatusCode: 500})
	p.refused(errors.New("another error"))
	if third, err := signOnce(t, p); err != nil || third.Get("X-Amz-Security-Token") != "t" {
		t.Errorf("after other errors: %v, %v", third, err)
	}
	p.refused(&mqttws.HandshakeError{StatusCode: 403})
	if fourth, err := signOnce(t, p); err != nil || fourth.Get("X-Amz-Security-Token") != "tt" {
		t.Errorf("after a 403: %v, %v", fourth, err)
	}
}

// A cache that the application has made already is the one that is emptied.
func TestCacheOfTheApplication(t *testing.T) {
	t.Parallel()
	asked := 0
	own := aws.NewCredentialsCache(providerFunc(func(context.Context) (aws.Credentials, error) {
		asked++
		return exampleKeys, nil
	}))
	p := newPresigner(own, Options{Region: "us-east-1", Now: time.Now})
	for range 3 {
		if _, err := signOnce(t, p); err != nil {
			t.Fatal(err)
		}
	}
	p.refused(&mqttws.HandshakeError{StatusCode: 403})
	if _, err := own.Retrieve(t.Context()); err != nil || asked != 2 {
		t.Errorf("asked %d times, %v", asked, err)
	}
}

func TestNoUsableCredentials(t *testing.T) {
	t.Parallel()
	failed := errors.New("no role")
	expired := exampleKeys
	expired.CanExpire, expired.Expires = true, exampleTime
	for name, provider := range map[string]providerFunc{
		"no role":                         func(context.Context) (aws.Credentials, error) { return aws.Credentials{}, failed },
		"expired at 2026-01-02T03:04:05Z": func(context.Context) (aws.Credentials, error) { return expired, nil },
	} {
		p := newPresigner(provider, Options{Region: "us-east-1", Now: func() time.Time { return exampleTime }})
		_, err := signOnce(t, p)
		if e, ok := errors.AsType[*CredentialsError](err); !ok || !strings.Contains(err.Error(), name) || !strings.HasPrefix(err.Error(), "awsiot: no AWS credentials: ") {
			t.Errorf("got %v, %v", err, e)
		}
	}
}
