package awsiot

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"

	mqttws "github.com/gneiss-mqtt/gneiss-go/builders/websocket"
	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
)

// WebSocket returns an endpoint for MQTT over WebSocket with AWS credentials: wss://<endpoint>/mqtt on port 443, signed with
// Signature Version 4. The endpoint is as for [MTLS].
//
// Of cfg it uses Credentials and, for an endpoint whose name carries no region, Region. At every attempt the credentials are
// retrieved and the request is signed anew, so that a reconnect never fails for credentials that have expired meanwhile.
// They are cached as [aws.CredentialsCache] does it; after an answer with status 403 the cache is emptied. A connection
// outlives the credentials it was opened with; AWS IoT Core closes it after 24 hours at the latest, which is a reconnect like
// any other.
//
// The principal of the credentials needs an IAM policy that allows iot:Connect, iot:Publish, iot:Subscribe and iot:Receive
// on what the device uses. Authenticated Amazon Cognito identities need an IoT policy besides.
//
// Package chain has the same for the default chain of credentials.
func WebSocket(cfg aws.Config, endpoint string, optFns ...func(*Options)) (mqtt.Endpoint, error) {
	if cfg.Credentials == nil {
		return mqtt.Endpoint{}, errors.New("awsiot: the AWS configuration has no Credentials")
	}
	g := &gate{mode: modeSigV4}
	if err := g.init(endpoint, optFns); err != nil {
		return mqtt.Endpoint{}, err
	}
	g.opts.Region = cmp.Or(g.opts.Region, cfg.Region)
	if g.opts.Region == "" {
		return mqtt.Endpoint{}, fmt.Errorf("awsiot: no region to sign for: neither the name %s, nor Options.Region, nor the AWS configuration has one", g.host.name)
	}
	s := newPresigner(cfg.Credentials, g.opts)
	g.failed = s.refused
	return webSocketEndpoint(g, s.sign)
}

// webSocketEndpoint makes an endpoint of MQTT over WebSocket. sign, which may be nil, completes the request of an attempt.
func webSocketEndpoint(g *gate, sign func(context.Context, *mqttws.Request) error) (mqtt.Endpoint, error) {
	e, err := mqttws.URL("wss://"+g.host.authority(g.opts.Port)+"/mqtt", func(o *mqttws.Options) {
		if g.opts.WebSocket != nil {
			g.opts.WebSocket(o)
		}
		below := o.Direct
		o.Direct = g.opts.below(g.id, "")
		if below != nil {
			own := o.Direct
			o.Direct = chained(below, own)
		}
		first := o.Prepare
		o.Prepare = func(ctx context.Context, r *mqttws.Request) error {
			if first != nil {
				if err := first(ctx, r); err != nil {
					return err
				}
			}
			if sign == nil {
				return nil
			}
			return sign(ctx, r)
		}
	})
	if err != nil {
		return mqtt.Endpoint{}, err
	}
	return g.endpoint(e), nil
}

func chained[T any](list ...func(*T)) func(*T) {
	return func(v *T) {
		for _, f := range list {
			f(v)
		}
	}
}

// refused empties the cache of credentials that the service does not take: those it holds may have been revoked, or be of a
// role that has changed.
func (p *presigner) refused(err error) {
	if e, ok := errors.AsType[*mqttws.HandshakeError](err); ok && e.StatusCode == http.StatusForbidden {
		p.credentials.Invalidate()
	}
}
