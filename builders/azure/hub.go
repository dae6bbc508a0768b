package azureiot

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// pathHub is the path of IoT Hub's WebSockets.
const pathHub = "$iothub/websocket"

// IoTHub returns an endpoint for a device or module of an IoT Hub, with its key. The host is <hub>.azure-devices.net, with or
// without a port. Make the configuration with [Device.Defaults].
//
// The hub has one connection for each identity: a program that runs twice takes it from itself, again and again.
//
// A signature is made at every attempt. MQTT 3.1.1 cannot renew it in place: when 85 % of its time are over, the connection is
// replaced as [mqtt.Client.Reconnect] does, without losing a publish at QoS 1.
func IoTHub(host string, d Device, key SAS, optFns ...func(*Options)) (mqtt.Endpoint, error) {
	if err := key.check(); err != nil {
		return mqtt.Endpoint{}, err
	}
	e, name, err := hub(host, d, Identity{}, optFns)
	if err != nil {
		return e, err
	}
	s := &signer{key: key, resource: d.resource(name)}
	check := e.Prepare
	e.Prepare = func(ctx context.Context, c *packet.Connect) error {
		if err := check(ctx, c); err != nil {
			return err
		}
		token, err := s.token()
		c.Password, c.HasPassword = []byte(token), true
		return err
	}
	e.Renew = s.renew
	return e, nil
}

// IoTHubX509 returns an endpoint for a device or module of an IoT Hub, with a certificate. It is read at every attempt.
func IoTHubX509(host string, d Device, id Identity, optFns ...func(*Options)) (mqtt.Endpoint, error) {
	if id.IsZero() {
		return mqtt.Endpoint{}, errors.New("azureiot: IoTHubX509 needs an identity, such as Files")
	}
	e, _, err := hub(host, d, id, optFns)
	return e, err
}

// hub makes an endpoint with what IoT Hub allows.
func hub(host string, d Device, id Identity, optFns []func(*Options)) (e mqtt.Endpoint, name string, err error) {
	if err := d.check(); err != nil {
		return e, "", err
	}
	o, err := newOptions(optFns)
	if err != nil {
		return e, "", err
	}
	name, port, err := splitHost(host)
	if err != nil {
		return e, "", err
	}
	if e, err = o.dial(name, port, pathHub, id); err != nil {
		return e, "", err
	}
	e.Limits = mqtt.Limits{NoQoS2: true, MaxPayload: maxHubMessage}
	e.Explain, e.Terminal = explain("IoT Hub", hubLikely), terminal
	username := d.username(name)
	e.Prepare = func(_ context.Context, c *packet.Connect) error {
		c.HasUsername, c.Username = true, username
		return prepareHub(d, c)
	}
	return e, name, nil
}

// maxHubMessage is the largest message to the hub, in bytes: 256 KB, and one less as Microsoft's SDKs have it.
const maxHubMessage = 256<<10 - 1

func prepareHub(d Device, c *packet.Connect) error {
	switch {
	case c.Version != packet.V311:
		return &ConfigError{Field: "Version", Want: "packet.V311, as Device.Defaults sets it"}
	case c.ClientID != d.ClientID():
		return &ConfigError{Field: "ClientID", Want: "that of the device, as Device.Defaults sets it"}
	case c.KeepAlive > 1177:
		return &ConfigError{Field: "KeepAlive", Want: "at most 1,177 s"}
	case c.Will != nil && c.Will.QoS > packet.QoS1:
		return &ConfigError{Field: "Will.QoS", Want: "0 or 1"}
	case c.Will != nil && !strings.HasPrefix(c.Will.Topic, d.events()):
		return &ConfigError{Field: "Will.Topic", Want: "the topic of telemetry, " + d.events()}
	}
	return nil
}

// signer makes the password of each attempt and knows when it is due.
type signer struct {
	key      SAS
	resource string

	mu  sync.Mutex
	due time.Time
}

func (s *signer) token() (string, error) {
	now, ttl := time.Now(), s.key.ttl()
	s.mu.Lock()
	s.due = now.Add(ttl / 100 * 85)
	s.mu.Unlock()
	return s.key.Token(s.resource, now.Add(ttl))
}

// renew waits until the signature has to be replaced.
func (s *signer) renew(ctx context.Context, last error) error {
	s.mu.Lock()
	wait := time.Until(s.due)
	s.mu.Unlock()
	return sleep(ctx, wait)
}
