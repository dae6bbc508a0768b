package chain

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	azureiot "github.com/gneiss-mqtt/gneiss-go/builders/azure"
	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/mqtttest"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

const host = "factory.westeurope-1.ts.eventgrid.azure.net"

// tokens is a token endpoint of Microsoft Entra, as azidentity sees it.
type tokens struct {
	mu     sync.Mutex
	life   time.Duration
	early  time.Duration // refresh_in; 0: none
	down   bool
	n      int
	latest string
}

// Do answers the requests of azidentity (policy.Transporter).
func (e *tokens) Do(r *http.Request) (*http.Response, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	reply := func(status int, body any) (*http.Response, error) {
		text, _ := json.Marshal(body)
		return &http.Response{StatusCode: status, Status: http.StatusText(status), Request: r, Body: io.NopCloser(strings.NewReader(string(text))),
			Header: http.Header{"Content-Type": {"application/json"}}}, nil
	}
	if strings.HasSuffix(r.URL.Path, "/openid-configuration") {
		base := "https://login.microsoftonline.com/tenant/"
		return reply(200, map[string]string{"token_endpoint": base + "oauth2/v2.0/token", "authorization_endpoint": base + "authorize", "issuer": base + "v2.0"})
	}
	if e.down {
		return reply(503, map[string]string{"error": "temporarily_unavailable"})
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	if !strings.Contains(string(body), "eventgrid.azure.net%2F.default") {
		return reply(400, map[string]string{"error": "invalid_scope"})
	}
	e.n++
	e.latest = fmt.Sprintf("token-%d", e.n)
	answer := map[string]any{"access_token": e.latest, "token_type": "Bearer", "expires_in": int(e.life.Seconds())}
	if e.early > 0 {
		answer["refresh_in"] = int(e.early.Seconds())
	}
	return reply(200, answer)
}

// A month of azidentity's own tokens, from its own cache, on one connection.
func TestAzidentityForAMonth(t *testing.T) {
	t.Parallel()
	for name, e := range map[string]*tokens{"an hour": {life: time.Hour}, "a day, refreshed early": {life: 24 * time.Hour, early: 12 * time.Hour}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				credential, err := azidentity.NewClientSecretCredential("tenant", "client", "secret", &azidentity.ClientSecretCredentialOptions{
					ClientOptions: azcore.ClientOptions{Transport: e}, DisableInstanceDiscovery: true})
				if err != nil {
					t.Fatal(err)
				}
				endpoint, err := azureiot.EventGrid(host, credential)
				if err != nil {
					t.Fatal(err)
				}
				p := mqtttest.NewPeer(t)
				p.Patience = 10_000 * time.Hour
				var mu sync.Mutex
				var renewals, repeated int
				last := ""
				p.Serve(func(c *mqtttest.Conn, in packet.Packet) []packet.Packet {
					mu.Lock()
					defer mu.Unlock()
					switch in := in.(type) {
					case *packet.Connect:
						last = string(in.AuthData)
						return []packet.Packet{&packet.Connack{AuthMethod: in.AuthMethod}}
					case *packet.Auth:
						if renewals++; string(in.Data) == last {
							repeated++
						}
						last = string(in.Data)
						return []packet.Packet{&packet.Auth{Method: in.Method}}
					}
					return mqtttest.Answer(c, in)
				})
				endpoint.Dial = p.Dial
				c, err := mqtt.New(azureiot.EventGridDefaults(mqtt.Config{Endpoint: endpoint, ClientID: "line-4"}))
				if err != nil {
					t.Fatal(err)
				}
				if err := c.Start(); err != nil {
					t.Fatal(err)
				}
				time.Sleep(30 * 24 * time.Hour)
				synctest.Wait()
				mu.Lock()
				atLeast := 700
				if e.early > 0 {
					atLeast = 59
				}
				if s := c.Stats(); s.Connects != 1 || repeated != 0 || renewals < atLeast || s.Failures != 0 {
					t.Errorf("%d connections, %d renewals, %d repeated", s.Connects, renewals, repeated)
				}
				mu.Unlock()
				t.Logf("%d renewals, %d tokens issued", renewals, e.n)
				_ = c.Close()
				<-c.Done()
			})
		})
	}
}

// The default chain, with the endpoint of a managed identity. It uses the environment, so it runs alone.
func TestDefaultChain(t *testing.T) {
	asked := 0
	identity := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		if r.Header.Get("X-IDENTITY-HEADER") != "s3cret" || !strings.HasPrefix(r.URL.Query().Get("resource"), "https://eventgrid.azure.net") {
			http.Error(w, "no", http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]string{"access_token": "from the chain", "token_type": "Bearer",
			"expires_on": strconv.FormatInt(time.Now().Add(time.Hour).Unix(), 10)})
	}))
	defer identity.Close()
	t.Setenv("AZURE_TOKEN_CREDENTIALS", "ManagedIdentityCredential")
	t.Setenv("IDENTITY_ENDPOINT", identity.URL)
	t.Setenv("IDENTITY_HEADER", "s3cret")
	endpoint, err := EventGrid(host, func(o *Options) { o.MaxToken = 100 })
	if err != nil {
		t.Fatal(err)
	}
	p := mqtttest.NewPeer(t)
	p.Patience = 30 * time.Second
	endpoint.Dial = p.Dial
	c, err := mqtt.New(mqtt.Config{Endpoint: endpoint, ClientID: "line-4"})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	_, connect := p.Connect(&packet.Connack{AuthMethod: "OAUTH2-JWT"})
	if connect.AuthMethod != "OAUTH2-JWT" || string(connect.AuthData) != "from the chain" {
		t.Errorf("CONNECT has %q %q", connect.AuthMethod, connect.AuthData)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if _, err := c.Connected(ctx); err != nil || asked == 0 {
		t.Errorf("%v, asked %d times", err, asked)
	}
}

func TestBadHost(t *testing.T) {
	t.Parallel()
	if _, err := EventGrid("https://x"); err == nil {
		t.Error("a URL is no host")
	}
}
