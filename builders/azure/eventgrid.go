package azureiot

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// EventGridScope is the scope of tokens for Event Grid.
const EventGridScope = "https://eventgrid.azure.net/.default"

// The authentication methods of Event Grid.
const (
	methodEntra  = "OAUTH2-JWT"
	methodCustom = "CUSTOM-JWT"
)

// EventGrid returns an endpoint for the MQTT broker of an Event Grid namespace, with a Microsoft Entra identity. The host is
// that of the namespace for MQTT, <namespace>.<region>-1.ts.eventgrid.azure.net, or a custom domain, with or without a
// port. The identity needs a role such as EventGrid TopicSpaces Publisher or Subscriber.
//
// A token is asked for at every attempt, with the deadline of the attempt, and renewed in place while the connection lasts.
// MQTT 5 only.
func EventGrid(host string, credential azcore.TokenCredential, optFns ...func(*Options)) (mqtt.Endpoint, error) {
	if credential == nil {
		return mqtt.Endpoint{}, errors.New("azureiot: EventGrid needs a credential, such as one of azidentity")
	}
	o, err := newOptions(optFns)
	if err != nil {
		return mqtt.Endpoint{}, err
	}
	return eventGridToken(host, methodEntra, entra(credential, cmp.Or(o.Scope, EventGridScope)), o)
}

// EventGridToken is [EventGrid] with a JWT of an issuer that the namespace trusts.
func EventGridToken(host string, source TokenSource, optFns ...func(*Options)) (mqtt.Endpoint, error) {
	if source == nil {
		return mqtt.Endpoint{}, errors.New("azureiot: EventGridToken needs a source of tokens")
	}
	o, err := newOptions(optFns)
	if err != nil {
		return mqtt.Endpoint{}, err
	}
	return eventGridToken(host, cmp.Or(o.Method, methodCustom), source, o)
}

func eventGridToken(host, method string, source TokenSource, o Options) (mqtt.Endpoint, error) {
	e, err := eventGrid(host, Identity{}, o)
	if err != nil {
		return e, err
	}
	b := &bearer{method: method, get: newFetcher(source, o.MaxToken)}
	e.Auth, e.Renew = b, b.renew
	return e, nil
}

// EventGridX509 returns an endpoint for an Event Grid namespace, with a client certificate. Config.Username is the
// authentication name of the client, unless the namespace takes it from the certificate. The certificate is read at every
// attempt; it cannot be renewed in place: see [mqtt.Client.Reconnect].
func EventGridX509(host string, id Identity, optFns ...func(*Options)) (mqtt.Endpoint, error) {
	if id.IsZero() {
		return mqtt.Endpoint{}, errors.New("azureiot: EventGridX509 needs an identity, such as Files")
	}
	o, err := newOptions(optFns)
	if err != nil {
		return mqtt.Endpoint{}, err
	}
	return eventGrid(host, id, o)
}

// Webhook is what a namespace passes on to the webhook that decides about its clients. User name and password, if any, are
// those of mqtt.Config, or what Password says.
type Webhook struct {
	// Password is asked for at every attempt. nil: Config.Password.
	Password func(ctx context.Context) ([]byte, error)
	// Method and Source are enhanced authentication, MQTT 5 only. The method is the one that the namespace is configured
	// for: there is no default, because no documentation names one. Empty and nil: none.
	Method string
	Source TokenSource
	// Identity is a client certificate. The zero value is none.
	Identity Identity
}

// EventGridWebhook returns an endpoint for an Event Grid namespace with a webhook.
func EventGridWebhook(host string, w Webhook, optFns ...func(*Options)) (mqtt.Endpoint, error) {
	o, err := newOptions(optFns)
	if err != nil {
		return mqtt.Endpoint{}, err
	}
	if (w.Method == "") != (w.Source == nil) {
		return mqtt.Endpoint{}, errors.New("azureiot: Webhook.Method and Webhook.Source belong together")
	}
	e, err := eventGrid(host, w.Identity, o)
	if err != nil {
		return e, err
	}
	if w.Source != nil {
		b := &bearer{method: w.Method, get: newFetcher(w.Source, o.MaxToken)}
		e.Auth, e.Renew = b, b.renew
	}
	if w.Password != nil {
		check := e.Prepare
		e.Prepare = func(ctx context.Context, c *packet.Connect) (err error) {
			if err = check(ctx, c); err == nil {
				c.Password, err = w.Password(ctx)
				c.HasPassword = true
			}
			return err
		}
	}
	return e, nil
}

// eventGrid makes an endpoint with what Event Grid allows.
func eventGrid(host string, id Identity, o Options) (mqtt.Endpoint, error) {
	name, port, err := splitHost(host)
	if err == nil {
		err = eventGridHost(name)
	}
	if err != nil {
		return mqtt.Endpoint{}, err
	}
	e, err := o.dial(name, port, "/mqtt", id)
	if err != nil {
		return e, err
	}
	e.Limits = mqtt.Limits{
		FiltersPerSubscribe: 10,
		NoSubscriptionIDs:   true,
		NoQoS2:              true,
		NoUserProperties:    true,
		NoRejections:        true,
		MaxPayload:          512 << 10, // of a packet, but only MQTT 5 announces that
		PublishRate:         1000,
		PublishBytes:        1 << 20,
	}
	g := new(gate)
	e.Prepare = func(ctx context.Context, c *packet.Connect) error {
		if err := checkEventGrid(c); err != nil {
			return err
		}
		return g.wait(ctx, c.ClientID)
	}
	e.Explain, e.Terminal = explain("Event Grid", eventGridLikely), terminal
	return e, nil
}

// checkEventGrid refuses what the service would end the connection for.
func checkEventGrid(c *packet.Connect) error {
	switch {
	case c.KeepAlive > 1160:
		return &ConfigError{Field: "KeepAlive", Want: "at most 1,160 s"}
	case c.Will != nil && c.Will.DelayInterval > 300:
		return &ConfigError{Field: "Will.Delay", Want: "at most 300 s"}
	case c.Will != nil && c.Will.QoS > packet.QoS1:
		return &ConfigError{Field: "Will.QoS", Want: "0 or 1"}
	}
	return nil
}

// EventGridDefaults returns the configuration with what suits Event Grid in the fields that are zero:
//
//   - SessionExpiry: 1 hour, the service's default; it is lowered to what the namespace allows, at most 8 hours. It is left
//     at 0 where the client identifier is empty: offline sessions count against the namespace's limits.
//   - ResumeUnknown, where SessionExpiry is set here: a session of an earlier process is taken over.
//   - KeepAlive: 60 s; the service takes up to 1,160 s.
//
// Attempts are a second apart at least, however the client is configured.
func EventGridDefaults(cfg mqtt.Config) mqtt.Config {
	if cfg.KeepAlive == 0 {
		cfg.KeepAlive = 60 * time.Second
	}
	if cfg.SessionExpiry == 0 && !cfg.CleanStart && cfg.ClientID != "" && cfg.Version != packet.V311 {
		cfg.SessionExpiry, cfg.ResumeUnknown = time.Hour, true
	}
	if cfg.Version == packet.V311 {
		cfg.ResumeUnknown = cfg.ResumeUnknown || !cfg.CleanStart
	}
	return cfg
}
