package mqttws

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
)

// URL returns an endpoint for ws://host[:port][/path][?query] or wss://host[:port][/path][?query]. The default ports
// are 80 and 443, the default path is /mqtt.
func URL(address string, optFns ...func(*Options)) (mqtt.Endpoint, error) {
	u, err := parse(address)
	if err != nil {
		return mqtt.Endpoint{}, fmt.Errorf("mqttws: URL: %w", err)
	}
	var o Options
	for _, f := range optFns {
		if f != nil {
			f(&o)
		}
	}
	d, err := newDialer(u, o)
	if err != nil {
		return mqtt.Endpoint{}, err
	}
	return mqtt.Endpoint{Name: nameOf(u), Dial: d.dial}, nil
}

// parse quotes nothing of the address in its errors but what cannot be a secret.
func parse(address string) (*url.URL, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, errors.New("not well-formed (is a special character in it not escaped?)")
	}
	u.Scheme = strings.ToLower(u.Scheme)
	switch {
	case u.Scheme != "ws" && u.Scheme != "wss":
		return nil, fmt.Errorf("scheme %q is neither ws nor wss", u.Scheme)
	case u.User != nil:
		return nil, errors.New("a user name has no meaning here: use Config.Username, or Options.Header for HTTP's own")
	case u.Fragment != "":
		return nil, errors.New("a fragment has no meaning here")
	case u.Opaque != "" || u.Hostname() == "":
		return nil, fmt.Errorf("want %s://host/path", u.Scheme)
	}
	if port := u.Port(); port != "" {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return nil, errors.New("the port is a number from 1 to 65535")
		}
	} else if strings.HasSuffix(u.Host, ":") {
		return nil, errors.New("the host ends in a colon without a port")
	}
	if u.Path == "" {
		u.Path = "/mqtt"
	}
	return u, nil
}
