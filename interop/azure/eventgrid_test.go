package azure

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	azureiot "github.com/gneiss-mqtt/gneiss-go/builders/azure"
	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
	"github.com/gneiss-mqtt/gneiss-go/emulator/azure"
	"github.com/gneiss-mqtt/gneiss-go/emulator/broker"
)

// entra is an azcore.TokenCredential that caches as azidentity does: until five minutes before the token expires.
type entra struct {
	issuer  *azure.Issuer
	subject string
	life    time.Duration
	turn    chan struct{}
	cached  azcore.AccessToken
}

func newEntra(issuer *azure.Issuer) *entra {
	return &entra{issuer: issuer, subject: "line-4", life: time.Hour, turn: make(chan struct{}, 1)}
}

func (e *entra) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	e.turn <- struct{}{}
	defer func() { <-e.turn }()
	if time.Until(e.cached.ExpiresOn) > 5*time.Minute {
		return e.cached, nil
	}
	expires := time.Now().Add(e.life)
	token, err := e.issuer.Token(e.subject, expires)
	e.cached = azcore.AccessToken{Token: token, ExpiresOn: expires}
	return e.cached, err
}

// grid starts a namespace, and a client with an identity.
func grid(t *testing.T, o azure.EventGridOptions, changes ...func(*mqtt.Config)) (*azure.EventGrid, *mqtt.Client, *entra) {
	t.Helper()
	issuer, err := azure.NewIssuer()
	must(t, err)
	o.Issuer, o.Server = issuer, memory()
	g, err := azure.StartEventGrid(o)
	must(t, err)
	closing(t, g)
	credential := newEntra(issuer)
	e, err := azureiot.EventGrid("factory.westeurope-1.ts.eventgrid.azure.net", credential)
	must(t, err)
	cfg := azureiot.EventGridDefaults(mqtt.Config{Endpoint: e, ClientID: "line-4"})
	for _, change := range changes {
		change(&cfg)
	}
	return g, start(t, g.Server, cfg), credential
}

// Thirty days of tokens on one connection.
func TestEventGridForAMonth(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var lost int
		g, c, _ := grid(t, azure.EventGridOptions{}, func(cfg *mqtt.Config) {
			cfg.Trace = &mqtt.Trace{Disconnected: func(error) { lost++ }}
		})
		connected(t, c)
		for range 30 * 24 {
			time.Sleep(time.Hour)
			_, err := c.Publish(t.Context(), mqtt.Publish{Topic: "factory/line-4/count", Payload: []byte("7"), QoS: 1})
			must(t, err)
		}
		synctest.Wait()
		s := g.Seen()
		if lost != 0 || s.Attempts != 1 || s.Expired != 0 || s.Repeated != 0 || s.Accepted < 700 || s.Accepted != s.Reauthentications {
			t.Errorf("%d connections lost, %+v", lost, s)
		}
		t.Logf("%d connections lost, %+v", lost, s)
	})
}

// Every ending of a re-authentication, and of a token's life, leads back to a live client.
func TestEventGridEndings(t *testing.T) {
	for name, tt := range map[string]struct {
		endings  []azure.Ending
		attempts int
	}{
		"later":      {[]azure.Ending{azure.Later, azure.Later}, 1},
		"refuse":     {[]azure.Ending{azure.Refuse}, 2},
		"drop":       {[]azure.Ending{azure.Drop}, 2},
		"ignore":     {[]azure.Ending{azure.Ignore}, 2},
		"all of it":  {[]azure.Ending{azure.Later, azure.Ignore, azure.Refuse, azure.Later, azure.Later, azure.Drop, azure.Accept, azure.Refuse}, 5},
		"never mind": {nil, 1},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				g, c, _ := grid(t, azure.EventGridOptions{Reauthenticate: func(n int) azure.Ending {
					if n < len(tt.endings) {
						return tt.endings[n]
					}
					return azure.Accept
				}})
				connected(t, c)
				time.Sleep(24 * time.Hour)
				connected(t, c)
				_, err := c.Publish(t.Context(), mqtt.Publish{Topic: "t", QoS: 1})
				must(t, err)
				if s := g.Seen(); s.Attempts != tt.attempts || s.Expired != 0 || s.TooSoon != 0 || s.Reauthentications < len(tt.endings) {
					t.Errorf("%+v", s)
				}
			})
		})
	}
}

// A token that nobody renews in time ends the connection; the next one has a new token.
func TestEventGridExpiry(t *testing.T) {
	for name, ending := range map[string]azure.Ending{"DISCONNECT": azure.Refuse, "bare close": azure.Drop} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				g, c, _ := grid(t, azure.EventGridOptions{Expired: ending, Reauthenticate: func(int) azure.Ending { return azure.Later }})
				connected(t, c)
				time.Sleep(5 * time.Hour)
				connected(t, c)
				if s := g.Seen(); s.Expired < 4 || s.Attempts != s.Expired+1 {
					t.Errorf("%+v", s)
				}
			})
		})
	}
}

// Refusals at connect are tried again, with a second between attempts at least.
func TestEventGridRefuses(t *testing.T) {
	bubble(t, func(t *testing.T) {
		codes := []packet.ReasonCode{packet.NotAuthorized, packet.QuotaExceeded, packet.ServerUnavailable, packet.ConnectionRateExceeded}
		var explained []string
		g, c, _ := grid(t, azure.EventGridOptions{Connect: func(n int) packet.ReasonCode {
			if n < len(codes) {
				return codes[n]
			}
			return packet.Success
		}}, func(cfg *mqtt.Config) {
			cfg.Trace = &mqtt.Trace{ConnectFailed: func(err *mqtt.ConnectError, _ time.Duration) {
				if r, ok := errors.AsType[*azureiot.Refusal](err); ok {
					explained = append(explained, r.Likely)
				}
			}}
		})
		connected(t, c)
		synctest.Wait()
		if s := g.Seen(); s.TooSoon != 0 || s.Attempts != len(codes)+1 || len(explained) != len(codes) || !strings.Contains(explained[0], "credential") {
			t.Errorf("%+v, %q", s, explained)
		}
	})
}

// What the namespace ends connections for does not leave the client: user properties outside PUBLISH, failing
// acknowledgements, QoS 2, subscription identifiers.
func TestEventGridRules(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g, c, _ := grid(t, azure.EventGridOptions{}, func(cfg *mqtt.Config) { cfg.ManualAcks = true })
		connected(t, c)
		user := []packet.UserProperty{{Key: "a", Value: "b"}}
		_, err := c.SubscribeWith(t.Context(), mqtt.SubscribeOptions{User: user}, mqtt.Filter{Filter: "x"})
		if err == nil || !mqtt.NotSent(err) {
			t.Errorf("got %v", err)
		}
		if _, err := c.Publish(t.Context(), mqtt.Publish{Topic: "x", QoS: 2}); err == nil || !mqtt.NotSent(err) {
			t.Errorf("got %v", err)
		}
		got := make(chan mqtt.Message, 1)
		_, err = c.SubscribeFunc(t.Context(), func(m mqtt.Message) { got <- m }, mqtt.Filter{Filter: "x", QoS: 1})
		must(t, err)
		_, err = c.Publish(t.Context(), mqtt.Publish{Topic: "x", QoS: 1, User: user})
		must(t, err)
		m := <-got
		if len(m.User) != 1 {
			t.Errorf("got %v", m.User)
		}
		must(t, m.Reject(packet.UnspecifiedError, "no"))
		time.Sleep(time.Minute)
		if s := g.Seen(); s.Attempts != 1 || c.State() != mqtt.StateConnected {
			t.Errorf("%+v", s)
		}
	})
}

// A client that does not know of it sends user properties where the namespace takes none, and loses its connection.
func TestEventGridTakesNoUserProperties(t *testing.T) {
	bubble(t, func(t *testing.T) {
		lost := make(chan error, 1)
		_, c, _ := grid(t, azure.EventGridOptions{}, func(cfg *mqtt.Config) {
			cfg.Endpoint.Limits = mqtt.Limits{}
			cfg.Trace = &mqtt.Trace{Disconnected: func(err error) { lost <- err }}
		})
		connected(t, c)
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		_, err := c.SubscribeWith(ctx, mqtt.SubscribeOptions{User: []packet.UserProperty{{Key: "a", Value: "b"}}}, mqtt.Filter{Filter: "x"})
		if err == nil {
			t.Error("it was granted")
		}
		if err := <-lost; !errors.Is(err, &mqtt.ReasonError{Packet: packet.DISCONNECT, Code: packet.ImplementationSpecificError}) {
			t.Errorf("lost: %v", err)
		}
	})
}

// A custom JWT says by itself when it expires.
func TestEventGridCustomToken(t *testing.T) {
	bubble(t, func(t *testing.T) {
		issuer, err := azure.NewIssuer()
		must(t, err)
		g, err := azure.StartEventGrid(azure.EventGridOptions{Issuer: issuer, Server: memory()})
		must(t, err)
		closing(t, g)
		e, err := azureiot.EventGridToken("grid.example.org", func(context.Context) (azcore.AccessToken, error) {
			token, err := issuer.Token("line-4", time.Now().Add(time.Hour))
			return azcore.AccessToken{Token: token}, err
		})
		must(t, err)
		c := start(t, g.Server, azureiot.EventGridDefaults(mqtt.Config{Endpoint: e, ClientID: "line-4"}))
		connected(t, c)
		time.Sleep(24 * time.Hour)
		if s := g.Seen(); s.Attempts != 1 || s.Expired != 0 || s.Accepted < 24 || s.Accepted > 30 {
			t.Errorf("%+v", s)
		}
	})
}

// A webhook decides by user name and password, in both versions.
func TestEventGridWebhook(t *testing.T) {
	for _, v := range []packet.Version{packet.V5, packet.V311} {
		t.Run(v.String(), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				passwords := []string{"old", "new"}
				g, err := azure.StartEventGrid(azure.EventGridOptions{Server: memory(), Webhook: func(_ *broker.Client, p *packet.Connect) packet.ReasonCode {
					if p.Username != "line-4" || string(p.Password) != "new" {
						return packet.NotAuthorized
					}
					return packet.Success
				}})
				must(t, err)
				closing(t, g)
				e, err := azureiot.EventGridWebhook("grid.example.org", azureiot.Webhook{Password: func(context.Context) ([]byte, error) {
					p := passwords[0]
					passwords = passwords[len(passwords)-1:]
					return []byte(p), nil
				}})
				must(t, err)
				c := start(t, g.Server, azureiot.EventGridDefaults(mqtt.Config{Endpoint: e, ClientID: "line-4", Username: "line-4", Version: v}))
				connected(t, c)
				if s := g.Seen(); s.Attempts != 2 {
					t.Errorf("%+v", s)
				}
			})
		})
	}
}
