package discovery_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iot"

	"github.com/gneiss-mqtt/gneiss-go/builders/aws/discovery"
)

// configuration is for a server here.
func configuration(t testing.TB, handler http.HandlerFunc) aws.Config {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return aws.Config{
		Region: "eu-west-1", BaseEndpoint: aws.String(server.URL), HTTPClient: server.Client(), Retryer: func() aws.Retryer { return aws.NopRetryer{} },
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: "secret"}, nil
		}),
	}
}

func TestEndpoint(t *testing.T) {
	t.Parallel()
	cfg := configuration(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet || r.URL.Path != "/endpoint" || !strings.Contains(r.Header.Get("Authorization"), "/eu-west-1/iot/aws4_request") {
			t.Errorf("%s %s with %s", r.Method, r.RequestURI, r.Header.Get("Authorization"))
		}
		_, _ = fmt.Fprintf(w, `{"endpointAddress":%q}`, r.URL.Query().Get("endpointType")+".example.org")
	})
	for want, ask := range map[string]func() (string, error){
		"iot:Data-ATS.example.org": func() (string, error) { return discovery.Endpoint(t.Context(), cfg) },
		"iot:CredentialProvider.example.org": func() (string, error) {
			return discovery.EndpointOfType(t.Context(), cfg, discovery.CredentialProvider)
		},
		"iot:Jobs.example.org": func() (string, error) {
			return discovery.EndpointOfType(t.Context(), cfg, discovery.Jobs, func(o *iot.Options) { o.AppID = "own" })
		},
	} {
		if got, err := ask(); got != want || err != nil {
			t.Errorf("got %q, %v; want %q", got, err, want)
		}
	}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	if _, err := discovery.Endpoint(t.Context(), aws.Config{}); err == nil || !strings.Contains(err.Error(), "has no Region") {
		t.Errorf("got %v", err)
	}
	for want, handler := range map[string]http.HandlerFunc{
		"discovery: endpoint of type iot:Data-ATS: ": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("x-amzn-ErrorType", "UnauthorizedException")
			http.Error(w, `{"message":"not allowed"}`, http.StatusUnauthorized)
		},
		"there is no endpoint": func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{}`) },
	} {
		if _, err := discovery.Endpoint(t.Context(), configuration(t, handler)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want an error with %q", err, want)
		}
	}
}

func ExampleEndpoint() {
	var cfg aws.Config // as config.LoadDefaultConfig returns it
	endpoint, err := discovery.Endpoint(context.Background(), cfg)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(endpoint) // for awsiot.MTLS and the like
	// Output: discovery: the AWS configuration has no Region
}
