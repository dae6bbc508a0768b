package main

import (
	"context"
	"errors"
	"time"

	awsiot "github.com/gneiss-mqtt/gneiss-go/builders/aws"
	"github.com/gneiss-mqtt/gneiss-go/builders/direct"
	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/emulator"
)

// connectThing registers a thing, and connects with its certificate as a device connects to AWS IoT Core.
func connectThing(ctx context.Context, cloud *emulator.Server, thing string, config mqtt.Config) (*mqtt.Client, error) {
	device, err := cloud.Device(thing)
	if err != nil {
		return nil, err
	}
	endpoint, err := awsiot.MTLS(device.Endpoint, awsiot.PEM(device.CertPEM, device.KeyPEM), func(o *awsiot.Options) {
		o.RootCAs = []direct.PEM{direct.Bytes(device.CAPEM)} // the real service has roots that every system trusts
	})
	if err != nil {
		return nil, err
	}
	config.Endpoint, config.ClientID = endpoint, thing
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
