package main

import (
	"context"
	"errors"
	"time"

	awsiot "github.com/gneiss-mqtt/gneiss-go/builders/aws"
	"github.com/gneiss-mqtt/gneiss-go/builders/direct"
	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/reqres"
	"github.com/gneiss-mqtt/gneiss-go/emulator"
)

// connectDevice connects with the new identity.
func connectDevice(ctx context.Context, s *story, cloud *emulator.Server, d *device) error {
	d.network = new(network)
	client, err := connectMTLS(ctx, cloud, awsiot.KeyPair(d.identity.TLS()), mqtt.Config{ClientID: d.identity.ThingName}, d.network.through)
	if err != nil {
		return err
	}
	d.client, d.requests = client, reqres.New(client)
	session, err := client.Connected(ctx)
	if err != nil {
		return err
	}
	return s.check(session.ClientID == d.identity.ThingName, "connected as %s, with a keep alive of %v and %d messages in flight at the most",
		session.ClientID, time.Duration(session.KeepAlive), session.ReceiveMaximum)
}

// connectMTLS connects with a certificate, as a device connects to AWS IoT Core. wraps change the endpoint.
func connectMTLS(ctx context.Context, cloud *emulator.Server, identity awsiot.Identity, config mqtt.Config, wraps ...func(*mqtt.Endpoint)) (*mqtt.Client, error) {
	endpoint, err := awsiot.MTLS(cloud.Endpoint(), identity, func(o *awsiot.Options) {
		o.RootCAs = []direct.PEM{direct.Bytes(cloud.CA())} // the real service has roots that every system trusts
	})
	if err != nil {
		return nil, err
	}
	for _, wrap := range wraps {
		wrap(&endpoint)
	}
	config.Endpoint = endpoint
	return connect(ctx, awsiot.Defaults(config))
}

// connectPlain connects to a broker that asks nobody who he is.
func connectPlain(ctx context.Context, broker *emulator.Server, config mqtt.Config) (*mqtt.Client, error) {
	endpoint, err := direct.URL(broker.URL())
	if err != nil {
		return nil, err
	}
	config.Endpoint = endpoint
	return connect(ctx, config)
}

// connect makes a client and waits until the broker has accepted it.
func connect(ctx context.Context, config mqtt.Config) (*mqtt.Client, error) {
	config.Reconnect = mqtt.Backoff{Min: 100 * time.Millisecond, Max: time.Second}
	client, err := mqtt.New(config)
	if err != nil {
		return nil, err
	}
	if err := client.Start(); err != nil {
		return nil, err
	}
	if _, err := client.Connected(ctx); err != nil {
		return nil, errors.Join(err, client.Close())
	}
	return client, nil
}
