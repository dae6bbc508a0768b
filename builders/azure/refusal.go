package azureiot

import (
	"errors"
	"fmt"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// Refusal is a refusal by a service with what most likely stands behind it. It wraps the [*mqtt.ReasonError].
type Refusal struct {
	Service string // such as "Event Grid"
	Likely  string
	Err     error
}

// Error says what was refused and the likely cause.
func (e *Refusal) Error() string { return fmt.Sprintf("%v: %s: %s", e.Err, e.Service, e.Likely) }

// Unwrap returns the broker's refusal.
func (e *Refusal) Unwrap() error { return e.Err }

// explain returns a function for [mqtt.Endpoint.Explain].
func explain(service string, likely map[packet.ReasonCode]string) func(error) error {
	return func(err error) error {
		r, ok := errors.AsType[*mqtt.ReasonError](err)
		if !ok || likely[r.Code] == "" {
			return err
		}
		return &Refusal{Service: service, Likely: likely[r.Code], Err: err}
	}
}

// eventGridLikely is what Event Grid's codes mean. The service says only that they are those of the standard.
var eventGridLikely = map[packet.ReasonCode]string{
	packet.NotAuthorized: "the credential is wrong or has expired, it has no role for topic spaces, the session belongs to another name, or the webhook said no; " +
		"a new role takes minutes to have effect",
	packet.BadAuthenticationMethod:             "the namespace does not know the authentication method",
	packet.QuotaExceeded:                       "the namespace's limit of sessions per authentication name, offline ones included, or its throughput is exhausted",
	packet.ConnectionRateExceeded:              "more than one attempt in a second for this session",
	packet.ServerUnavailable:                   "the service is unavailable, or the webhook did not answer in time",
	packet.ServerBusy:                          "the service is busy",
	packet.ImplementationSpecificError:         "something in the CONNECT that the service does not take: a will delay above 300 s, a user property",
	packet.SessionTakenOver:                    "another client has connected with this client identifier",
	packet.ReceiveMaximumExceeded:              "too many unacknowledged messages",
	packet.PacketTooLarge:                      "a packet above 512 KiB",
	packet.RetainNotSupported:                  "the namespace has no retained messages",
	packet.QoSNotSupported:                     "QoS 2, which the service does not have",
	packet.SharedSubscriptionsNotSupported:     "a shared subscription, which the service does not have",
	packet.SubscriptionIdentifiersNotSupported: "a subscription identifier, which the service does not have",
}

// hubLikely is what IoT Hub's codes mean.
var hubLikely = map[packet.ReasonCode]string{
	packet.NotAuthorized:         "the device is unknown or disabled, the key or certificate is not its own, or the clock is wrong",
	packet.BadUserNameOrPassword: "the device is unknown or disabled, the key or certificate is not its own, or the clock is wrong",
	packet.ServerUnavailable:     "the service is unavailable, or throttles new connections",
}

// operationsLikely is what the codes of the broker of IoT Operations mean.
var operationsLikely = map[packet.ReasonCode]string{
	packet.NotAuthorized: "the token has expired, is for another audience than the listener's (aio-internal by default), or its service account " +
		"has no authorization",
	packet.BadUserNameOrPassword:   "the user name or the password is wrong",
	packet.BadAuthenticationMethod: "the listener's authentication has no service account tokens (K8S-SAT)",
	packet.SessionTakenOver:        "another client has connected with this client identifier",
}

// terminal decides as the client does by default, and of what only this package knows.
func terminal(err error) bool {
	if _, ok := errors.AsType[*TokenTooLargeError](err); ok {
		return true
	}
	if _, ok := errors.AsType[*ConfigError](err); ok {
		return true
	}
	return mqtt.IsTerminal(err)
}

// ConfigError says what in the client's configuration the service cannot take. The client does not try again.
type ConfigError struct {
	Field string // of mqtt.Config
	Want  string
}

// Error names the field and what is wanted.
func (e *ConfigError) Error() string {
	return fmt.Sprintf("azureiot: mqtt.Config.%s: want %s", e.Field, e.Want)
}
