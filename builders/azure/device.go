package azureiot

import (
	"errors"
	"strings"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// APIVersion is the version of IoT Hub's interface that this package speaks.
const APIVersion = "2021-04-12"

// Device names a device of an IoT Hub, or a module on one.
type Device struct {
	// ID is up to 128 ASCII letters, digits and - . % _ * ? ! ( ) , : = @ $ '. Case counts.
	ID string
	// Module is of the same kind. Empty: the device itself.
	Module string
}

// ClientID is the client identifier that IoT Hub wants.
func (d Device) ClientID() string {
	if d.Module == "" {
		return d.ID
	}
	return d.ID + "/" + d.Module
}

// events is the topic of telemetry, without its properties.
func (d Device) events() string {
	if d.Module == "" {
		return "devices/" + d.ID + "/messages/events/"
	}
	return "devices/" + d.ID + "/modules/" + d.Module + "/messages/events/"
}

// resource is what a shared access signature is for.
func (d Device) resource(hub string) string {
	if d.Module == "" {
		return hub + "/devices/" + d.ID
	}
	return hub + "/devices/" + d.ID + "/modules/" + d.Module
}

// username is the user name of a connection.
func (d Device) username(hub string) string {
	return hub + "/" + d.ClientID() + "/?api-version=" + APIVersion
}

func (d Device) check() error {
	switch {
	case d.ID == "":
		return errors.New("azureiot: the device has no ID")
	case len(d.ID) > 128 || len(d.Module) > 128:
		return errors.New("azureiot: the ID of a device or module is longer than 128 characters")
	case strings.ContainsFunc(d.ID+d.Module, forbidden):
		return errors.New("azureiot: the ID of a device or module has characters that IoT Hub does not take")
	}
	return nil
}

// forbidden reports what is not in IoT Hub's identities: ASCII letters and digits, and some punctuation. A plus could be in no
// topic.
func forbidden(r rune) bool {
	alphanumeric := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
	return !alphanumeric && !strings.ContainsRune("-.%_*?!(),:=@$'", r)
}

// Defaults returns the configuration with what the device's IoT Hub needs, whatever was there:
//
//   - Version: MQTT 3.1.1.
//   - ClientID: that of the device.
//
// and what suits it in the fields that are zero:
//
//   - KeepAlive: 60 s; the service takes up to 1,177 s.
//   - ConnectTimeout: 60 s, as long as the service takes for a CONNACK at most.
//   - ResumeUnknown, unless CleanStart is set: cloud-to-device messages that wait are kept in the session, and at QoS 1,
//     all that the service has, nothing can go wrong with one that an earlier process had.
//   - SlowStart and MaxInterrupted 2, where neither is set: the service answers what it does not take by closing the
//     connection, and it would be sent again on every new one.
func (d Device) Defaults(cfg mqtt.Config) mqtt.Config {
	cfg.Version, cfg.ClientID = packet.V311, d.ClientID()
	if cfg.KeepAlive == 0 {
		cfg.KeepAlive = 60 * time.Second
	}
	if cfg.ConnectTimeout == 0 {
		cfg.ConnectTimeout = 60 * time.Second
	}
	cfg.ResumeUnknown = cfg.ResumeUnknown || !cfg.CleanStart
	if !cfg.SlowStart && cfg.MaxInterrupted == 0 {
		cfg.SlowStart, cfg.MaxInterrupted = true, 2
	}
	return cfg
}
