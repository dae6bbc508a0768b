package direct

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// URL returns the endpoint that a URL describes:
//
//	mqtt://host:port    as TCP  (also tcp://)
//	mqtts://host:port   as TLS  (also ssl:// and tls://)
//	unix:///path        as Unix
//
// A user name and password in it go into CONNECT, unless the client's own configuration has some. A path, query or
// fragment is refused, except for unix.
func URL(address string, optFns ...func(*Options)) (mqtt.Endpoint, error) {
	u, err := url.Parse(address)
	if err != nil {
		// The error would quote the URL, in whole or in part, and with it the password.
		return mqtt.Endpoint{}, errors.New("direct: not a well-formed URL (is a special character in it not escaped?)")
	}
	endpoint, err := endpointOf(u, optFns)
	if err != nil || u.User == nil {
		return endpoint, err
	}
	endpoint.Prepare = credentials(u.User)
	return endpoint, nil
}

func endpointOf(u *url.URL, optFns []func(*Options)) (mqtt.Endpoint, error) {
	scheme := strings.ToLower(u.Scheme)
	switch {
	case scheme == "":
		return mqtt.Endpoint{}, errors.New("direct: URL: no scheme; want mqtt, mqtts or unix")
	case u.Opaque != "":
		return mqtt.Endpoint{}, fmt.Errorf("direct: URL: want %s://", scheme)
	case u.RawQuery != "" || u.Fragment != "":
		return mqtt.Endpoint{}, errors.New("direct: URL: a query or fragment has no meaning here")
	case scheme == "unix" && u.Host != "":
		return mqtt.Endpoint{}, errors.New("direct: URL: want unix:///path, with three slashes")
	case scheme != "unix" && u.Path != "" && u.Path != "/":
		return mqtt.Endpoint{}, errors.New("direct: URL: a path has no meaning here")
	}
	switch scheme {
	case "mqtt", "tcp":
		return TCP(u.Host, optFns...)
	case "mqtts", "ssl", "tls":
		return TLS(u.Host, optFns...)
	case "unix":
		return Unix(u.Path, optFns...)
	case "ws", "wss":
		return mqtt.Endpoint{}, errors.New("direct: URL: WebSocket is not spoken here; builders/websocket does")
	}
	return mqtt.Endpoint{}, fmt.Errorf("direct: URL: scheme %q is none of mqtt, mqtts, unix", scheme)
}

// credentials fills in what the configuration leaves open. MQTT 3.1.1 has no password without a user name
// [MQTT-3.1.2-22], and neither has a URL.
func credentials(user *url.Userinfo) func(context.Context, *packet.Connect) error {
	name := user.Username()
	password, hasPassword := user.Password()
	return func(_ context.Context, c *packet.Connect) error {
		if c.HasUsername || c.HasPassword {
			return nil
		}
		c.HasUsername, c.Username = true, name
		if hasPassword {
			c.HasPassword, c.Password = true, []byte(password)
		}
		return nil
	}
}
