package awsiot

import (
	"errors"

	"github.com/gneiss-mqtt/gneiss-go/builders/direct"
	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
)

// The ALPN protocols by which port 443 tells what a connection is for.
const (
	alpnMutualTLS  = "x-amzn-mqtt-ca"
	alpnCustomAuth = "mqtt"
)

// MTLS returns an endpoint for MQTT with a client certificate. The endpoint is the one of the account of type iot:Data-ATS,
// <prefix>-ats.iot.<region>.amazonaws.com, or a custom domain, with or without a port.
//
// On port 443, the default, ALPN names x-amzn-mqtt-ca; on port 8883 there is none (AWS IoT Core developer guide,
// "Device communication protocols"). The name of the endpoint is sent as SNI.
//
// A wrong name, a missing file, or a key that belongs to another certificate is an error here.
func MTLS(endpoint string, id Identity, optFns ...func(*Options)) (mqtt.Endpoint, error) {
	if id.none() {
		return mqtt.Endpoint{}, errors.New("awsiot: MTLS needs an identity, such as Files")
	}
	return directEndpoint(&gate{mode: modeMutualTLS, id: id}, endpoint, alpnMutualTLS, optFns)
}

// directEndpoint makes an endpoint of MQTT over TLS.
func directEndpoint(g *gate, endpoint, alpn string, optFns []func(*Options)) (mqtt.Endpoint, error) {
	if err := g.init(endpoint, optFns); err != nil {
		return mqtt.Endpoint{}, err
	}
	if g.opts.WebSocket != nil {
		return mqtt.Endpoint{}, errors.New("awsiot: Options.WebSocket is set, but there is no WebSocket here")
	}
	e, err := direct.TLS(g.host.address(g.opts.Port), g.opts.below(g.id, alpn))
	if err != nil {
		return mqtt.Endpoint{}, err
	}
	return g.endpoint(e), nil
}

// init judges what can be judged before the first attempt.
func (g *gate) init(endpoint string, optFns []func(*Options)) (err error) {
	if g.host, err = parseHost(endpoint); err != nil {
		return err
	}
	if err := g.host.data(); err != nil {
		return err
	}
	if g.opts, err = newOptions(g.host, optFns); err != nil {
		return err
	}
	if g.id.check != nil {
		return g.id.check()
	}
	return nil
}
