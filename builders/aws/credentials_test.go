package awsiot_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	awsiot "github.com/gneiss-mqtt/gneiss-go/builders/aws"
	"github.com/gneiss-mqtt/gneiss-go/builders/direct"
	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// provider is what the credentials provider of AWS IoT Core answers.
func provider(s *service, answer func(w http.ResponseWriter, r *http.Request)) {
	s.handler = func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet {
			s.t.Errorf("%s %s", r.Method, r.RequestURI)
		}
		answer(w, r)
	}
}

func credentials(n int, expires time.Time) string {
	return fmt.Sprintf(`{"credentials":{"accessKeyId":"AKID%d","secretAccessKey":"secret","sessionToken":"token","expiration":%q}}`, n, expires.UTC().Format(time.RFC3339))
}

func TestX509Credentials(t *testing.T) {
	t.Parallel()
	s := newService(t)
	first, second := s.ca.issue(t), s.ca.issue(t)
	n := 0
	var request *http.Request
	expires := time.Now().Add(time.Hour).Truncate(time.Second)
	provider(s, func(w http.ResponseWriter, r *http.Request) {
		request = r
		n++
		_, _ = io.WriteString(w, credentials(n, expires))
	})
	cert, key := save(t, "cert.pem", first.certPEM), save(t, "key.pem", first.keyPEM)
	p, err := awsiot.X509Credentials(credentialsName, "my-role_alias@1", awsiot.Files(cert, key), func(o *awsiot.CredentialsOptions) {
		o.ThingName = "pump-7"
		o.Direct = s.here
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time from the cache
		got, err := p.Retrieve(short(t))
		if err != nil {
			t.Fatal(err)
		}
		early := expires.Sub(got.Expires)
		if got.AccessKeyID != "AKID1" || got.SecretAccessKey != "secret" || got.SessionToken != "token" || !got.CanExpire || early < 2*time.Minute || early > 5*time.Minute {
			t.Errorf("got %+v, to be replaced %v before they expire", got, early)
		}
	}
	if request.RequestURI != "/role-aliases/my-role_alias@1/credentials" || request.Host != credentialsName || request.Header.Get("x-amzn-iot-thingname") != "pump-7" {
		t.Errorf("asked for %s at %s with %v", request.RequestURI, request.Host, request.Header)
	}
	for name, text := range map[string][]byte{cert: second.certPEM, key: second.keyPEM} {
		if err := os.WriteFile(name, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p.Invalidate()
	if got, err := p.Retrieve(short(t)); err != nil || got.AccessKeyID != "AKID2" {
		t.Errorf("got %+v, %v", got, err)
	}
	seen := s.hellos()
	if len(seen) != 2 || !seen[0].cert.Equal(first.Leaf) || !seen[1].cert.Equal(second.Leaf) || seen[0].name != credentialsName || seen[0].protocols != nil {
		t.Errorf("the service saw %+v", seen)
	}
}

// Credentials that are about to expire are replaced, and those of the last moment are of no use.
func TestX509CredentialsExpire(t *testing.T) {
	t.Parallel()
	s := newService(t)
	d := s.ca.issue(t)
	n := 0
	provider(s, func(w http.ResponseWriter, r *http.Request) {
		n++
		_, _ = io.WriteString(w, credentials(n, time.Now().Add(time.Minute)))
	})
	p, err := awsiot.X509Credentials(credentialsName, "alias", awsiot.KeyPair(d.Certificate), func(o *awsiot.CredentialsOptions) { o.Direct = s.here })
	if err != nil {
		t.Fatal(err)
	}
	for want := 1; want <= 3; want++ {
		if got, err := p.Retrieve(short(t)); err != nil || got.AccessKeyID != fmt.Sprint("AKID", want) {
			t.Errorf("got %+v, %v", got, err)
		}
	}
}

func TestX509CredentialsRefused(t *testing.T) {
	t.Parallel()
	const secret = "do-not-print-me"
	for name, c := range map[string]struct {
		answer func(w http.ResponseWriter, r *http.Request)
		want   string
		status int
		cause  awsiot.Cause
	}{
		"denied": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("x-amzn-ErrorType", "AccessDeniedException:http://internal.amazon.com/coral/")
			http.Error(w, `{"message":"Access Denied"}`, http.StatusForbidden)
		}, `status 403 AccessDeniedException ("Access Denied")`, 403, awsiot.CauseCredentials},
		"unknown alias": {func(w http.ResponseWriter, _ *http.Request) { http.NotFound(w, nil) }, "status 404", 404, awsiot.CauseCredentials},
		"redirect": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://elsewhere.invalid/", http.StatusFound)
		}, "status 302", 302, awsiot.CauseCredentials},
		"broken":  {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) }, "status 502", 502, awsiot.CauseCredentials},
		"no JSON": {func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, secret) }, "is not what it should be", 0, awsiot.CauseCredentials},
		"odd time": {func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, `{"credentials":{"secretAccessKey":"`+secret+`","expiration":"`+secret+`"}}`)
		}, "is not what it should be", 0, awsiot.CauseCredentials},
		"incomplete": {func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, `{"credentials":{"accessKeyId":"`+secret+`"}}`)
		}, "is incomplete", 0, awsiot.CauseCredentials},
		"endless": {func(w http.ResponseWriter, _ *http.Request) {
			for range 1 << 10 {
				_, _ = io.WriteString(w, strings.Repeat("x", 1<<10))
			}
		}, "is not what it should be", 0, awsiot.CauseCredentials},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newService(t)
			d := s.ca.issue(t)
			provider(s, c.answer)
			p, err := awsiot.X509Credentials(credentialsName, "alias", awsiot.KeyPair(d.Certificate), func(o *awsiot.CredentialsOptions) { o.Direct = s.here })
			if err != nil {
				t.Fatal(err)
			}
			_, err = p.Retrieve(short(t))
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), secret) {
				t.Errorf("got %v, want an error with %q", err, c.want)
			}
			if e, ok := errors.AsType[*awsiot.CredentialsRefusal](err); ok != (c.status != 0) || ok && e.StatusCode != c.status {
				t.Errorf("got %#v", err)
			}
			// The WebSocket that they are for says what to look at.
			endpoint, err := awsiot.WebSocket(aws.Config{Credentials: p}, dataName)
			if err != nil {
				t.Fatal(err)
			}
			_, err = endpoint.Dial(short(t))
			if r, ok := errors.AsType[*awsiot.Refusal](endpoint.Explain(err)); !ok || r.Cause != c.cause {
				t.Errorf("explained as %v", endpoint.Explain(err))
			}
		})
	}
}

// A provider that never answers is given up, though the cache around it passes no deadline on.
func TestX509CredentialsTimeout(t *testing.T) {
	t.Parallel()
	s := newService(t)
	d := s.ca.issue(t)
	provider(s, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	p, err := awsiot.X509Credentials(credentialsName, "alias", awsiot.KeyPair(d.Certificate), func(o *awsiot.CredentialsOptions) {
		o.Direct, o.Timeout = s.here, 50*time.Millisecond
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Retrieve(context.Background()); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}

func TestX509CredentialsAreJudged(t *testing.T) {
	t.Parallel()
	id := awsiot.KeyPair(newAuthority(t).issue(t).Certificate)
	for _, c := range []struct {
		endpoint, alias string
		id              awsiot.Identity
		opts            func(*awsiot.CredentialsOptions)
		want            string
	}{
		{dataName, "alias", id, nil, "the endpoint of type iot:CredentialProvider does"},
		{"", "alias", id, nil, "endpoint is empty"},
		{credentialsName, "", id, nil, "a role alias has 1 to 128"},
		{credentialsName, "a/b", id, nil, "a role alias has 1 to 128"},
		{credentialsName, strings.Repeat("a", 129), id, nil, "a role alias has 1 to 128"},
		{credentialsName, "alias", awsiot.Identity{}, nil, "needs an identity"},
		{credentialsName, "alias", awsiot.KeyPair(tls.Certificate{}), nil, "has no certificate"},
		{credentialsName, "alias", awsiot.PKCS12Bytes(nil, ""), nil, "PKCS #12"},
		{credentialsName, "alias", id, func(o *awsiot.CredentialsOptions) { o.Timeout = -1 }, "must not be negative"},
		{credentialsName, "alias", id, func(o *awsiot.CredentialsOptions) { o.ExpiryWindow = -1 }, "must not be negative"},
		{credentialsName, "alias", id, func(o *awsiot.CredentialsOptions) { o.ThingName = "a\r\nb" }, "line break"},
		{credentialsName, "alias", id, func(o *awsiot.CredentialsOptions) { o.Port = -1 }, "Port is -1"},
		{credentialsName, "alias", id, func(o *awsiot.CredentialsOptions) { o.RootCAs = []direct.PEM{direct.File("/none")} }, "root CAs"},
	} {
		if _, err := awsiot.X509Credentials(c.endpoint, c.alias, c.id, c.opts); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s, %s: got %v, want an error with %q", c.endpoint, c.alias, err, c.want)
		}
	}
}

// From a certificate to a WebSocket: credentials of the provider sign the request.
func TestWebSocketWithX509Credentials(t *testing.T) {
	t.Parallel()
	s := newService(t)
	d := s.ca.issue(t)
	provider(s, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, credentials(1, time.Now().Add(time.Hour)))
	})
	s.upgrade = func(w http.ResponseWriter, r *http.Request) bool {
		v := awsiot.Verifier{Keys: aws.Credentials{AccessKeyID: "AKID1", SecretAccessKey: "secret", SessionToken: "token"}, Region: "eu-west-1"}
		err := v.Check(r.Host, r.URL.RawQuery)
		if err != nil {
			t.Error(err)
		}
		return err == nil
	}
	p, err := awsiot.X509Credentials(credentialsName, "alias", awsiot.KeyPair(d.Certificate), func(o *awsiot.CredentialsOptions) { o.Direct = s.here })
	if err != nil {
		t.Fatal(err)
	}
	endpoint, err := awsiot.WebSocket(aws.Config{Credentials: p}, dataName, s.options)
	if err != nil {
		t.Fatal(err)
	}
	client := s.client(endpoint, func(c *mqtt.Config) { c.Version = packet.V311 })
	_, connect := s.peer.Connect(new(packet.Connack))
	if connect.Version != packet.V311 {
		t.Errorf("CONNECT %+v", connect)
	}
	if _, err := client.Connected(short(t)); err != nil {
		t.Error(err)
	}
}
