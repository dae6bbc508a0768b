package cognito_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentity"

	"github.com/gneiss-mqtt/gneiss-go/builders/aws/cognito"
)

const pool = "eu-west-1:11111111-2222-3333-4444-555555555555"

// service is the part of Amazon Cognito that the provider needs.
type service struct {
	mu       sync.Mutex
	requests []request
	answer   func(operation string, n int) (status int, body string)
}

type request struct {
	operation string
	body      map[string]any
}

// start returns a configuration whose requests the service gets.
func (s *service) start(t *testing.T) aws.Config {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		operation := strings.TrimPrefix(r.Header.Get("X-Amz-Target"), "AWSCognitoIdentityService.")
		body := make(map[string]any)
		if err := json.Unmarshal(text, &body); err != nil || r.Header.Get("Authorization") != "" {
			t.Errorf("%s with %s, %v", operation, text, r.Header)
		}
		s.mu.Lock()
		s.requests = append(s.requests, request{operation, body})
		status, answer := s.answer(operation, len(s.requests))
		s.mu.Unlock()
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, answer)
	}))
	t.Cleanup(server.Close)
	return aws.Config{Region: "eu-west-1", BaseEndpoint: aws.String(server.URL), HTTPClient: server.Client(), Retryer: func() aws.Retryer { return aws.NopRetryer{} }}
}

func (s *service) operations() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []string
	for _, r := range s.requests {
		list = append(list, r.operation)
	}
	return strings.Join(list, " ")
}

var expires = time.Now().Add(time.Hour).Truncate(time.Second)

func good(operation string, n int) (int, string) {
	if operation == "GetId" {
		return 200, fmt.Sprintf(`{"IdentityId":"eu-west-1:identity-%d"}`, n)
	}
	return 200, fmt.Sprintf(`{"IdentityId":"eu-west-1:identity","Credentials":{"AccessKeyId":"AKID%d","SecretKey":"secret","SessionToken":"token","Expiration":%d}}`, n, expires.Unix())
}

func TestGuest(t *testing.T) {
	t.Parallel()
	s := &service{answer: good}
	p, err := cognito.New(s.start(t), pool)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"AKID2", "AKID3"} { // the identity is asked for once
		got, err := p.Retrieve(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if got.AccessKeyID != want || got.SecretAccessKey != "secret" || got.SessionToken != "token" || !got.CanExpire || !got.Expires.Equal(expires) {
			t.Errorf("got %+v", got)
		}
	}
	if id, err := p.IdentityID(t.Context()); id != "eu-west-1:identity-1" || err != nil {
		t.Errorf("identity %q, %v", id, err)
	}
	if got := s.operations(); got != "GetId GetCredentialsForIdentity GetCredentialsForIdentity" {
		t.Errorf("operations %s", got)
	}
	if r := s.requests[0]; r.body["IdentityPoolId"] != pool || r.body["Logins"] != nil {
		t.Errorf("GetId with %v", r.body)
	}
	if r := s.requests[1]; r.body["IdentityId"] != "eu-west-1:identity-1" || r.body["CustomRoleArn"] != nil {
		t.Errorf("GetCredentialsForIdentity with %v", r.body)
	}
}

func TestUser(t *testing.T) {
	t.Parallel()
	s := &service{answer: good}
	n := 0
	p, err := cognito.New(s.start(t), "", func(o *cognito.Options) {
		o.IdentityID, o.CustomRoleARN = "eu-west-1:mine", "arn:aws:iam::1:role/device"
		o.Logins = func(context.Context) (map[string]string, error) {
			n++
			return map[string]string{"login.example.org": fmt.Sprint("token-", n)}, nil
		}
		o.Client = func(c *cognitoidentity.Options) { c.AppID = "own" }
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for want := 1; want <= 2; want++ {
		if _, err := p.Retrieve(t.Context()); err != nil {
			t.Fatal(err)
		}
		r := s.requests[want-1]
		logins, _ := r.body["Logins"].(map[string]any)
		if r.operation != "GetCredentialsForIdentity" || r.body["IdentityId"] != "eu-west-1:mine" || r.body["CustomRoleArn"] != "arn:aws:iam::1:role/device" ||
			logins["login.example.org"] != fmt.Sprint("token-", want) {
			t.Errorf("%s with %v", r.operation, r.body)
		}
	}
}

// An identity that was deleted from the pool is replaced by the next attempt.
func TestIdentityThatIsGone(t *testing.T) {
	t.Parallel()
	s := &service{answer: func(operation string, n int) (int, string) {
		if n == 2 {
			return 400, `{"__type":"ResourceNotFoundException","message":"Identity 'eu-west-1:identity-1' not found."}`
		}
		return good(operation, n)
	}}
	p, err := cognito.New(s.start(t), pool)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Retrieve(t.Context()); err == nil || !strings.HasPrefix(err.Error(), "cognito: credentials: ") {
		t.Errorf("got %v", err)
	}
	if got, err := p.Retrieve(t.Context()); err != nil || got.AccessKeyID != "AKID4" {
		t.Errorf("got %+v, %v", got, err)
	}
	if id, _ := p.IdentityID(t.Context()); id != "eu-west-1:identity-3" {
		t.Errorf("identity %q", id)
	}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	denied := func(string, int) (int, string) {
		return 400, `{"__type":"NotAuthorizedException","message":"Unauthenticated access is not supported for this identity pool."}`
	}
	failed := errors.New("signed out")
	for want, c := range map[string]struct {
		answer func(string, int) (int, string)
		logins func(context.Context) (map[string]string, error)
	}{
		"cognito: identity: ":            {denied, nil},
		"cognito: logins: signed out":    {good, func(context.Context) (map[string]string, error) { return nil, failed }},
		"the pool gave no identity":      {func(string, int) (int, string) { return 200, "{}" }, nil},
		"the answer has no credentials":  {half(`{}`), nil},
		"the answer has no credentials ": {half(`{"Credentials":{"AccessKeyId":"do-not-print-me"}}`), nil},
	} {
		s := &service{answer: c.answer}
		p, err := cognito.New(s.start(t), pool, func(o *cognito.Options) { o.Logins = c.logins })
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.Retrieve(t.Context()); err == nil || !strings.Contains(err.Error(), strings.TrimSpace(want)) || strings.Contains(err.Error(), "print-me") {
			t.Errorf("got %v, want an error with %q", err, want)
		}
		if c.logins != nil {
			if _, err := p.IdentityID(t.Context()); !errors.Is(err, failed) {
				t.Errorf("got %v", err)
			}
		}
	}
	for want, make := range map[string]func() (*cognito.Provider, error){
		"identity pool is empty": func() (*cognito.Provider, error) { return cognito.New(aws.Config{Region: "eu-west-1"}, "") },
		"has no Region":          func() (*cognito.Provider, error) { return cognito.New(aws.Config{}, pool) },
	} {
		if _, err := make(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want an error with %q", err, want)
		}
	}
}

// half gives an identity and then something else than credentials.
func half(body string) func(string, int) (int, string) {
	return func(operation string, n int) (int, string) {
		if operation == "GetId" {
			return good(operation, n)
		}
		return 200, body
	}
}

func TestOptionsPrintNoSecrets(t *testing.T) {
	t.Parallel()
	o := cognito.Options{IdentityID: "id", Logins: func(context.Context) (map[string]string, error) { return nil, nil }}
	for _, verb := range []string{"%v", "%+v", "%#v", "%d"} {
		if got := fmt.Sprintf(verb, o); got != `cognito.Options{Logins: true, IdentityID: "id", CustomRoleARN: ""}` {
			t.Errorf("%s: %s", verb, got)
		}
	}
}

func ExampleNew() {
	cfg := aws.Config{Region: "eu-west-1"}
	provider, err := cognito.New(cfg, "eu-west-1:11111111-2222-3333-4444-555555555555", func(o *cognito.Options) {
		o.Logins = func(ctx context.Context) (map[string]string, error) {
			return map[string]string{"cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbCdEfGhI": "the user's identity token"}, nil
		}
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	cfg.Credentials = aws.NewCredentialsCache(provider) // for awsiot.WebSocket
	fmt.Println(cfg.Region)
	// Output: eu-west-1
}
