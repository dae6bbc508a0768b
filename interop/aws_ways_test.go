package interop

import (
	"net/url"
	"slices"
	"testing"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
	"github.com/gneiss-mqtt/gneiss-go/interop/internal/proxy"
)

// Every way into AWS IoT Core works in both versions of MQTT, straight and through either kind of proxy, which changes
// nothing: the request that was signed and the name that the certificate is for are the endpoint's.
func TestAWSWays(t *testing.T) {
	t.Parallel()
	a := newAccount(t)
	for _, w := range ways {
		for _, version := range []packet.Version{packet.V5, packet.V311} {
			for by, through := range map[string]func(testing.TB) *proxy.Proxy{"straight": nil, "HTTP proxy": proxy.HTTP, "SOCKS": proxy.SOCKS} {
				t.Run(w.name+"/"+version.String()+"/"+by, func(t *testing.T) {
					t.Parallel()
					var p *proxy.Proxy
					var at *url.URL
					if through != nil {
						p = through(t)
						at = p.URL
					}
					endpoint, err := w.endpoint(t, a, a.options(at))
					must(t, err)
					id := "way-" + itoa(int(worlds.Add(1)))
					c := a.client(t, endpoint, func(cfg *mqtt.Config) { cfg.ClientID, cfg.Version = id, version })
					talk(t, c, id)
					if failed := c.took(); len(failed) > 0 {
						t.Errorf("on the way: %v", failed)
					}
					if p == nil {
						return
					}
					want := []string{a.Endpoint()}
					switch w.name {
					case "PEM on 8883":
						want = []string{a.Endpoint8883()}
					case "SigV4 with credentials for a certificate": // which it gets the same way
						want = []string{a.Endpoint(), a.Endpoint()}
					}
					if asked := p.Asked(); !slices.Equal(asked, want) {
						t.Errorf("the proxy was asked for %q, want %q", asked, want)
					}
				})
			}
		}
	}
}

// talk publishes and receives, and looks at what was agreed on.
func talk(t *testing.T, c *awsClient, id string) {
	t.Helper()
	ctx := within(t)
	session, err := c.Connected(ctx)
	must(t, err)
	if session.ClientID != id || session.MaximumQoS != packet.QoS1 {
		t.Errorf("connected as %q, QoS up to %d", session.ClientID, session.MaximumQoS)
	}
	topic := "talk/" + id
	sub, err := c.Subscribe(ctx, mqtt.Filter{Filter: topic, QoS: 1})
	must(t, err)
	for qos := packet.QoS0; qos <= packet.QoS1; qos++ {
		_, err = c.Publish(ctx, mqtt.Publish{Topic: topic, Payload: []byte("hello"), QoS: qos})
		must(t, err)
		for m, err := range sub.Messages(ctx) {
			must(t, err)
			if m.Topic != topic || string(m.Payload) != "hello" || m.QoS != qos {
				t.Errorf("received %+v", m)
			}
			break
		}
	}
	must(t, c.Shutdown(ctx))
}
