package azureiot

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// ProvisioningHost is the global endpoint of the Device Provisioning Service.
const ProvisioningHost = "global.azure-devices-provisioning.net"

const provisioningVersion = "2019-03-31"

// Provisioning returns an endpoint for the Device Provisioning Service, with the key of an enrollment. An empty host means
// [ProvisioningHost]. Package dps does the rest; whoever speaks to the service directly sets Version to MQTT 3.1.1, ClientID to
// the registration ID, and CleanStart.
func Provisioning(host, scope, registrationID string, key SAS, optFns ...func(*Options)) (mqtt.Endpoint, error) {
	key.Policy = "registration"
	if err := key.check(); err != nil {
		return mqtt.Endpoint{}, err
	}
	e, err := provisioning(host, scope, registrationID, Identity{}, optFns)
	prepare := e.Prepare
	e.Prepare = func(ctx context.Context, c *packet.Connect) error {
		if err := prepare(ctx, c); err != nil {
			return err
		}
		token, err := key.Token(scope+"/registrations/"+registrationID, time.Now().Add(key.ttl()))
		c.Password, c.HasPassword = []byte(token), true
		return err
	}
	return e, err
}

// ProvisioningX509 is [Provisioning] with a certificate, whose common name is the registration ID.
func ProvisioningX509(host, scope, registrationID string, id Identity, optFns ...func(*Options)) (mqtt.Endpoint, error) {
	if id.IsZero() {
		return mqtt.Endpoint{}, errors.New("azureiot: ProvisioningX509 needs an identity, such as Files")
	}
	return provisioning(host, scope, registrationID, id, optFns)
}

func provisioning(host, scope, registrationID string, id Identity, optFns []func(*Options)) (mqtt.Endpoint, error) {
	if host == "" {
		host = ProvisioningHost
	}
	switch {
	case scope == "" || strings.ContainsAny(scope, "/?&#+ "):
		return mqtt.Endpoint{}, errors.New("azureiot: the ID scope is missing or wrong; it looks like 0ne00000001")
	case registrationID == "" || len(registrationID) > 128 || strings.ContainsAny(registrationID, "/?&#+ "):
		return mqtt.Endpoint{}, errors.New("azureiot: the registration ID is missing or wrong")
	}
	o, err := newOptions(optFns)
	if err != nil {
		return mqtt.Endpoint{}, err
	}
	name, port, err := splitHost(host)
	if err != nil {
		return mqtt.Endpoint{}, err
	}
	e, err := o.dial(name, port, pathHub, id)
	if err != nil {
		return e, err
	}
	e.Limits = mqtt.Limits{NoQoS2: true}
	e.Explain, e.Terminal = explain("Device Provisioning Service", provisioningLikely), terminal
	e.Prepare = func(_ context.Context, c *packet.Connect) error {
		c.HasUsername, c.Username = true, scope+"/registrations/"+registrationID+"/api-version="+provisioningVersion
		switch {
		case c.Version != packet.V311:
			return &ConfigError{Field: "Version", Want: "packet.V311"}
		case c.ClientID != registrationID:
			return &ConfigError{Field: "ClientID", Want: "the registration ID"}
		case !c.CleanStart:
			return &ConfigError{Field: "CleanStart", Want: "true: the service has no sessions"}
		}
		return nil
	}
	return e, nil
}

var provisioningLikely = map[packet.ReasonCode]string{
	packet.NotAuthorized:         "the ID scope, the registration ID, or the key or certificate of its enrollment is wrong",
	packet.BadUserNameOrPassword: "the ID scope, the registration ID, or the key or certificate of its enrollment is wrong",
	packet.ServerUnavailable:     "the service is unavailable, or throttles",
}
