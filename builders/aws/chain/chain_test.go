package chain_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/config"

	awsiot "github.com/gneiss-mqtt/gneiss-go/builders/aws"
	"github.com/gneiss-mqtt/gneiss-go/builders/aws/chain"
	"github.com/gneiss-mqtt/gneiss-go/builders/direct"
	mqttws "github.com/gneiss-mqtt/gneiss-go/builders/websocket"
)

// bare takes everything away that the machine's own configuration could add.
func bare(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for _, line := range os.Environ() {
		if name, _, _ := strings.Cut(line, "="); strings.HasPrefix(name, "AWS_") {
			t.Setenv(name, "")
		}
	}
	t.Setenv("AWS_CONFIG_FILE", filepath.Join(dir, "config"))
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", filepath.Join(dir, "credentials"))
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	return dir
}

// attempt dials an endpoint that ends at a server here, and returns the query that the server got.
func attempt(t *testing.T, endpoint string, opts func(*chain.Options)) url.Values {
	t.Helper()
	queries := make(chan url.Values, 1)
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		queries <- r.URL.Query()
		w.WriteHeader(http.StatusTeapot)
	}))
	t.Cleanup(server.Close)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	e, err := chain.WebSocket(ctx, endpoint, opts, nil, func(o *chain.Options) {
		o.Direct = func(d *direct.Options) {
			d.TLS = server.Client().Transport.(*http.Transport).TLSClientConfig
			d.ServerName = "example.com" // the test server's
			d.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
				return new(net.Dialer).DialContext(ctx, network, server.Listener.Addr().String())
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = e.Dial(ctx)
	if refused, ok := errors.AsType[*mqttws.HandshakeError](err); !ok || refused.StatusCode != http.StatusTeapot {
		t.Fatal(err)
	}
	return <-queries
}

func TestEnvironment(t *testing.T) {
	bare(t)
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIDENVIRONMENT")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	t.Setenv("AWS_SESSION_TOKEN", "token")
	q := attempt(t, "a1b2-ats.iot.eu-west-1.amazonaws.com", nil)
	date := q.Get("X-Amz-Date")
	if q.Get("X-Amz-Credential") != "AKIDENVIRONMENT/"+date[:8]+"/eu-west-1/iotdevicegateway/aws4_request" || q.Get("X-Amz-Security-Token") != "token" || len(q.Get("X-Amz-Signature")) != 64 {
		t.Errorf("signed with %v", q)
	}
}

func TestSharedProfile(t *testing.T) {
	dir := bare(t)
	text := "[profile fleet]\naws_access_key_id = AKIDPROFILE\naws_secret_access_key = secret\nregion = ap-south-1\n"
	if err := os.WriteFile(filepath.Join(dir, "config"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	load := func(o *chain.Options) {
		o.Load = append(o.Load, config.WithSharedConfigProfile("fleet"))
	}
	for endpoint, region := range map[string]string{"iot.example.org": "ap-south-1", "a1b2-ats.iot.eu-west-1.amazonaws.com": "eu-west-1"} {
		if q := attempt(t, endpoint, load); !strings.HasPrefix(q.Get("X-Amz-Credential"), "AKIDPROFILE/") || !strings.Contains(q.Get("X-Amz-Credential"), "/"+region+"/") {
			t.Errorf("%s: signed with %v", endpoint, q)
		}
	}
}

func TestNothingToBeFound(t *testing.T) {
	bare(t)
	failed := errors.New("cannot load")
	_, err := chain.WebSocket(t.Context(), "a1b2-ats.iot.eu-west-1.amazonaws.com", func(o *chain.Options) {
		o.Load = append(o.Load, func(*config.LoadOptions) error { return failed })
	})
	if !errors.Is(err, failed) || !strings.HasPrefix(err.Error(), "chain: load the AWS configuration: ") {
		t.Errorf("got %v", err)
	}
	if _, err := chain.WebSocket(t.Context(), "iot.example.org"); err == nil || !strings.Contains(err.Error(), "no region to sign for") {
		t.Errorf("got %v", err)
	}
	e, err := chain.WebSocket(t.Context(), "a1b2-ats.iot.eu-west-1.amazonaws.com")
	if err != nil {
		t.Fatal(err)
	}
	_, err = e.Dial(t.Context())
	if r, ok := errors.AsType[*awsiot.Refusal](e.Explain(err)); !ok || r.Cause != awsiot.CauseCredentials {
		t.Errorf("got %v", err)
	}
}

func TestOptionsPrintNoSecrets(t *testing.T) {
	t.Parallel()
	o := chain.Options{Options: awsiot.Options{Port: 8443}, Load: []func(*config.LoadOptions) error{config.WithSharedConfigProfile("x")}}
	for _, verb := range []string{"%v", "%+v", "%#v"} {
		if got := fmt.Sprintf(verb, o); got != "awsiot.Options{Port: 8443}" {
			t.Errorf("%s: %s", verb, got)
		}
	}
}

func ExampleWebSocket() {
	endpoint, err := chain.WebSocket(context.Background(), "a1b2c3d4e5f6g7-ats.iot.eu-west-1.amazonaws.com", func(o *chain.Options) {
		o.Load = append(o.Load, config.WithRetryMaxAttempts(5))
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(endpoint.Name) // for Config.Endpoint of mqtt.New
	// Output: wss://a1b2c3d4e5f6g7-ats.iot.eu-west-1.amazonaws.com/mqtt
}
