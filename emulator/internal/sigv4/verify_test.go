package sigv4_test

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/emulator/internal/sigv4"
)

const (
	exampleKey    = "AKIDEXAMPLE"
	exampleSecret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
	exampleHost   = "a1b2c3d4e5f6g7-ats.iot.us-east-1.amazonaws.com"
)

// vector is a request and the signature that signers nobody here wrote have made for it.
type vector struct {
	key, secret, host, region, stamp, expires, headers, token, signature string
}

var vectors = map[string]vector{
	"seqsense":  {"AKAAAAAAAAAAAAAAAAAA", strings.Repeat("1", 40), "test.iot.world-1.amazonaws.com", "world-1", "19700101T000000Z", "86400", "host", "", "4cfbc8acc899f7aac3153cd17c94204d6989f86d8cb1173e46143512270c89c2"},
	"endless":   {exampleKey, exampleSecret, exampleHost, "us-east-1", "20260102T030405Z", "", "host", "", "171fa1b5aa26efe03de191590749370f46746012780dd7020d07dea0621f9596"},
	"300 s":     {exampleKey, exampleSecret, exampleHost, "us-east-1", "20260102T030405Z", "300", "host", "", "da1000af6aa6f11a84ce5ee7b99e5c1eda640e836aca57dc310931290778abeb"},
	"a day":     {exampleKey, exampleSecret, exampleHost, "us-east-1", "20260102T030405Z", "86400", "host", "token/+=", "759c2e0ad7dcab66c924f2cee726f1f5bb4ae070aea5a3426d42f9e3376bd85f"},
	"connected": {exampleKey, exampleSecret, "localhost", "us-east-1", "20261122T082645Z", "", "connection;host", "", "7b2de9e6e06c4d59a11e8b4b482b2af6b13f9481a39047a61ca591e4e102a65b"},
}

// request makes the request, with the session token before the signature as the AWS SDKs for devices have it.
func (v vector) request(edit func(q *[]string, r *http.Request)) *http.Request {
	q := []string{
		"X-Amz-Algorithm=AWS4-HMAC-SHA256",
		"X-Amz-Credential=" + url.QueryEscape(v.key+"/"+v.stamp[:8]+"/"+v.region+"/iotdevicegateway/aws4_request"),
		"X-Amz-Date=" + v.stamp,
	}
	if v.expires != "" {
		q = append(q, "X-Amz-Expires="+v.expires)
	}
	q = append(q, "X-Amz-SignedHeaders="+url.QueryEscape(v.headers))
	if v.token != "" {
		q = append(q, "X-Amz-Security-Token="+url.QueryEscape(v.token))
	}
	q = append(q, "X-Amz-Signature="+v.signature)
	r := &http.Request{Method: "GET", Host: v.host, URL: &url.URL{Path: "/mqtt"}, Header: http.Header{"Connection": {"Upgrade"}, "Upgrade": {"websocket"}}}
	if edit != nil {
		edit(&q, r)
	}
	r.URL.RawQuery = strings.Join(q, "&")
	return r
}

func (v vector) verifier(t *testing.T) *sigv4.Verifier {
	now, err := time.Parse("20060102T150405Z", v.stamp)
	if err != nil {
		t.Fatal(err)
	}
	return &sigv4.Verifier{
		Region: v.region, Services: []string{"iotdevicegateway", "iotdata"}, Now: now, Skew: 5 * time.Minute,
		Key: func(id string) (sigv4.Key, bool) { return sigv4.Key{Secret: v.secret, Token: v.token}, id == v.key },
	}
}

func TestGoldenVectors(t *testing.T) {
	t.Parallel()
	for name, v := range vectors {
		if id, err := v.verifier(t).Query(v.request(nil)); err != nil || id != v.key {
			t.Errorf("%s: %q, %v", name, id, err)
		}
	}
}

// TestSessionTokenIsNotSigned: with or without one the signature is the same, but a configured one has to be there.
func TestSessionTokenIsNotSigned(t *testing.T) {
	t.Parallel()
	v := vectors["a day"]
	without := v.request(func(q *[]string, _ *http.Request) {
		for i, p := range *q {
			if strings.HasPrefix(p, "X-Amz-Security-Token=") {
				(*q)[i] = "X-Amz-Security-Token=other"
			}
		}
	})
	wantKind(t, v.verifier(t), without, sigv4.Unknown)
	any := v.verifier(t)
	any.Key = func(string) (sigv4.Key, bool) { return sigv4.Key{Secret: v.secret}, true }
	if _, err := any.Query(without); err != nil {
		t.Error(err)
	}
}

func wantKind(t *testing.T, v *sigv4.Verifier, r *http.Request, kind string) {
	t.Helper()
	_, err := v.Query(r)
	if e, ok := errors.AsType[*sigv4.Error](err); !ok || e.Kind != kind {
		t.Errorf("%v, want %s", err, kind)
	}
	if err != nil && strings.Contains(err.Error(), exampleSecret) {
		t.Error("the error holds the secret")
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	v := vectors["300 s"]
	replace := func(prefix, with string) func(*[]string, *http.Request) {
		return func(q *[]string, _ *http.Request) {
			for i, p := range *q {
				if strings.HasPrefix(p, prefix) {
					(*q)[i] = with
				}
			}
		}
	}
	for name, tc := range map[string]struct {
		edit func(*[]string, *http.Request)
		kind string
	}{
		"another host":       {func(_ *[]string, r *http.Request) { r.Host = "example.com" }, sigv4.Mismatch},
		"host with the port": {func(_ *[]string, r *http.Request) { r.Host += ":443" }, sigv4.Mismatch},
		"another path":       {func(_ *[]string, r *http.Request) { r.URL.Path = "/mqtt2" }, sigv4.Mismatch},
		"another method":     {func(_ *[]string, r *http.Request) { r.Method = "POST" }, sigv4.Mismatch},
		"one more parameter": {func(q *[]string, _ *http.Request) { *q = append(*q, "x=1") }, sigv4.Mismatch},
		"a parameter twice":  {func(q *[]string, _ *http.Request) { *q = append(*q, "X-Amz-Expires=300") }, sigv4.Incomplete},
		"token signed":       {replace("X-Amz-Signature", "X-Amz-Signature=6d8c79f2"), sigv4.Mismatch},
		"no signature":       {replace("X-Amz-Signature", "x=1"), sigv4.Incomplete},
		"no algorithm":       {replace("X-Amz-Algorithm", "x=1"), sigv4.Incomplete},
		"wrong algorithm":    {replace("X-Amz-Algorithm", "X-Amz-Algorithm=AWS4-HMAC-SHA1"), sigv4.Incomplete},
		"no date":            {replace("X-Amz-Date", "x=1"), sigv4.Incomplete},
		"bad date":           {replace("X-Amz-Date", "X-Amz-Date=2026"), sigv4.Incomplete},
		"another day":        {replace("X-Amz-Date", "X-Amz-Date=20260103T000000Z"), sigv4.Mismatch},
		"bad expiry":         {replace("X-Amz-Expires", "X-Amz-Expires=604801"), sigv4.Incomplete},
		"bad credential":     {replace("X-Amz-Credential", "X-Amz-Credential=AKIDEXAMPLE"), sigv4.Incomplete},
		"another key":        {replace("X-Amz-Credential", "X-Amz-Credential=X%2F20260102%2Fus-east-1%2Fiotdevicegateway%2Faws4_request"), sigv4.Unknown},
		"another region":     {replace("X-Amz-Credential", "X-Amz-Credential=AKIDEXAMPLE%2F20260102%2Feu-west-1%2Fiotdevicegateway%2Faws4_request"), sigv4.Mismatch},
		"another service":    {replace("X-Amz-Credential", "X-Amz-Credential=AKIDEXAMPLE%2F20260102%2Fus-east-1%2Fs3%2Faws4_request"), sigv4.Mismatch},
		"host not signed":    {replace("X-Amz-SignedHeaders", "X-Amz-SignedHeaders=connection"), sigv4.Incomplete},
		"a header not sent":  {replace("X-Amz-SignedHeaders", "X-Amz-SignedHeaders=host%3Bx-none"), sigv4.Mismatch},
		"headers unsorted":   {replace("X-Amz-SignedHeaders", "X-Amz-SignedHeaders=host%3Bconnection"), sigv4.Incomplete},
		"bad escape":         {func(q *[]string, _ *http.Request) { *q = append(*q, "x=%zz") }, sigv4.Incomplete},
		"nothing":            {func(q *[]string, _ *http.Request) { *q = nil }, sigv4.Incomplete},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wantKind(t, v.verifier(t), v.request(tc.edit), tc.kind)
		})
	}
}

func TestTimes(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		vector string
		late   time.Duration
		ok     bool
	}{
		"in time":             {"endless", 0, true},
		"within the skew":     {"endless", 5 * time.Minute, true},
		"beyond the skew":     {"endless", 5*time.Minute + time.Second, false},
		"early":               {"endless", -5 * time.Minute, true},
		"too early":           {"endless", -5*time.Minute - time.Second, false},
		"a day, in time":      {"a day", 24 * time.Hour, true},
		"a day, expired":      {"a day", 24*time.Hour + time.Second, false},
		"a day, from tomorow": {"a day", -time.Hour, false},
	} {
		v := vectors[tc.vector]
		verifier := v.verifier(t)
		verifier.Now = verifier.Now.Add(tc.late)
		if _, err := verifier.Query(v.request(nil)); (err == nil) != tc.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
	v := vectors["endless"]
	verifier := v.verifier(t)
	key := sigv4.Key{Secret: v.secret, Expires: verifier.Now.Add(time.Second)}
	verifier.Key = func(string) (sigv4.Key, bool) { return key, true }
	if _, err := verifier.Query(v.request(nil)); err != nil {
		t.Error(err)
	}
	key.Expires = verifier.Now
	wantKind(t, verifier, v.request(nil), sigv4.Expired)
	key = sigv4.Key{Secret: v.secret, Revoked: true}
	wantKind(t, verifier, v.request(nil), sigv4.Unknown)
}
