package dps

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	azureiot "github.com/gneiss-mqtt/gneiss-go/builders/azure"
	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// Options say who registers where. One of Key, GroupKey and Identity is needed.
type Options struct {
	// Scope is the ID scope of the service, such as 0ne00000001.
	Scope string
	// RegistrationID names the device in its enrollment.
	RegistrationID string
	// Key is that of the enrollment, or the device's own that was derived from the group's, in base64.
	Key string
	// GroupKey is that of an enrollment group, of which the device's key is derived. It belongs on a gateway or a factory's
	// machine, not on a device.
	GroupKey string
	// Identity is a certificate, whose common name is the registration ID.
	Identity azureiot.Identity
	// Payload is for the service's allocation policy, and sent as JSON; nil: nothing.
	Payload any
	// Host is the service's. Default [azureiot.ProvisioningHost].
	Host string
	// Azure sets options of the connection, such as a WebSocket or a proxy. nil: nothing to set.
	Azure func(*azureiot.Options)
	// Config may change the client's configuration, as for a logger. nil: nothing to change.
	Config func(*mqtt.Config)
}

// Assignment is what the service decided.
type Assignment struct {
	Hub       string          `json:"assignedHub"`
	DeviceID  string          `json:"deviceId"` // may differ from the registration ID
	Substatus string          `json:"substatus"`
	ETag      string          `json:"etag"`
	Payload   json.RawMessage `json:"payload"` // from the allocation policy

	key func() string // fmt cannot look into a function; nil with a certificate
	id  azureiot.Identity
}

// Endpoint returns the endpoint of the assigned IoT Hub, with the credential that registered. It needs the Assignment that
// [Register] returned: what is kept of it, as in JSON, is without that credential, and [azureiot.IoTHub] takes it instead.
func (a *Assignment) Endpoint(optFns ...func(*azureiot.Options)) (mqtt.Endpoint, azureiot.Device, error) {
	d := azureiot.Device{ID: a.DeviceID}
	if a.key == nil {
		e, err := azureiot.IoTHubX509(a.Hub, d, a.id, optFns...)
		return e, d, err
	}
	e, err := azureiot.IoTHub(a.Hub, d, azureiot.SAS{Key: a.key()}, optFns...)
	return e, d, err
}

// ErrAnswer says that an answer of the service makes no sense.
var ErrAnswer = errors.New("dps: the service's answer is invalid")

// Error is a refusal by the service.
type Error struct {
	Status     int    `json:"-"` // as in HTTP
	State      string `json:"-"` // "failed" or "disabled" where the registration ended so
	Code       int    `json:"errorCode"`
	TrackingID string `json:"trackingId"` // for Microsoft's support
	Message    string `json:"message"`
}

// Error gives the service's words.
func (e *Error) Error() string {
	if e.State != "" {
		return fmt.Sprintf("dps: the registration is %.64s: %.256q (%d)", e.State, e.Message, e.Code)
	}
	return fmt.Sprintf("dps: status %d: %.256q (%d, tracking ID %.64s)", e.Status, e.Message, e.Code, e.TrackingID)
}

// Transient reports whether the service asks to try later. [Register] does so by itself.
func (e *Error) Transient() bool { return e.Status == 429 || e.Status >= 500 }

// Register registers the device and waits for its hub, asking as often as the service says, 2 s apart at least and 10
// minutes at most. It ends with the context, to which a deadline of some minutes is due. What the service refuses, the
// credential or the registration, ends it at once with a [*azureiot.Refusal] or an [*Error]; where it throttles or has
// trouble, it is asked again.
func Register(ctx context.Context, o Options) (*Assignment, error) {
	e, key, err := o.endpoint()
	if err != nil {
		return nil, err
	}
	terminal := e.Terminal
	e.Terminal = func(err error) bool {
		r, ok := errors.AsType[*mqtt.ReasonError](err)
		return ok && (r.Code == packet.NotAuthorized || r.Code == packet.BadUserNameOrPassword) || terminal(err)
	}
	cfg := mqtt.Config{Endpoint: e, ClientID: o.RegistrationID, Version: packet.V311, CleanStart: true}
	if o.Config != nil {
		o.Config(&cfg)
	}
	c, err := mqtt.New(cfg)
	if err != nil {
		return nil, err
	}
	defer func() {
		bye, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = c.Shutdown(bye)
	}()
	if err := c.Start(); err != nil {
		return nil, err
	}
	if _, err := c.Connected(ctx); err != nil {
		return nil, err
	}
	r := &registration{c: c, o: &o, answers: make(chan answer, 16)}
	a, err := r.run(ctx)
	if err != nil {
		return nil, err
	}
	if a.id = o.Identity; key != "" {
		a.key = func() string { return key }
	}
	return a, nil
}

// endpoint chooses the credential.
func (o *Options) endpoint() (e mqtt.Endpoint, key string, err error) {
	switch certificate := !o.Identity.IsZero(); {
	case o.GroupKey != "" && o.Key != "":
		return e, "", errors.New("dps: Options.Key excludes Options.GroupKey")
	case certificate && o.Key+o.GroupKey != "":
		return e, "", errors.New("dps: Options.Identity excludes Options.Key and Options.GroupKey")
	case !certificate && o.Key+o.GroupKey == "":
		return e, "", errors.New("dps: want one of Options.Key, Options.GroupKey and Options.Identity")
	}
	if key = o.Key; o.GroupKey != "" {
		if key, err = azureiot.DeriveKey(o.GroupKey, o.RegistrationID); err != nil {
			return e, "", err
		}
	}
	if key == "" {
		e, err = azureiot.ProvisioningX509(o.Host, o.Scope, o.RegistrationID, o.Identity, o.Azure)
		return e, "", err
	}
	e, err = azureiot.Provisioning(o.Host, o.Scope, o.RegistrationID, azureiot.SAS{Key: key}, o.Azure)
	return e, key, err
}
