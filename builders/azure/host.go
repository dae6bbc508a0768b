package azureiot

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"

	"github.com/gneiss-mqtt/gneiss-go/builders/direct"
	mqttws "github.com/gneiss-mqtt/gneiss-go/builders/websocket"
	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
)

// The ports of Azure's MQTT services.
const (
	PortMQTTS      = 8883
	PortHTTPS      = 443   // WebSockets
	PortOperations = 18883 // of the default listener of IoT Operations
)

// splitHost reads host and host:port. port is 0 where there is none.
func splitHost(endpoint string) (name string, port int, err error) {
	switch {
	case endpoint == "":
		return "", 0, errors.New("azureiot: the host is empty")
	case strings.Contains(endpoint, "://"):
		return "", 0, errors.New("azureiot: the host is a URL: want the name alone")
	case strings.ContainsFunc(endpoint, notInHost):
		return "", 0, errors.New("azureiot: the host has characters that no name has: want the name alone, such as hub.azure-devices.net")
	}
	name = strings.ToLower(endpoint)
	if strings.Contains(name, ":") {
		var text string
		name, text, err = net.SplitHostPort(name)
		if err != nil {
			return "", 0, fmt.Errorf("azureiot: host %q: want host, host:port or [IPv6]:port", endpoint)
		}
		n, err := strconv.ParseUint(text, 10, 16)
		if err != nil || n == 0 {
			return "", 0, fmt.Errorf("azureiot: host %q: the port is a number from 1 to 65535", endpoint)
		}
		port = int(n)
	}
	if name == "" {
		return "", 0, errors.New("azureiot: the host is empty")
	}
	return name, port, nil
}

// notInHost reports what is in no name or address. Such a host is not quoted in errors: it may be a connection string, or a
// URL with a password.
func notInHost(r rune) bool {
	return r <= ' ' || r == 0x7F || strings.ContainsRune("/?#@=;,&+\"'\\", r)
}

// eventGridHost refuses the host of a namespace that speaks HTTP: the two differ by one label.
func eventGridHost(name string) error {
	if strings.HasSuffix(name, ".eventgrid.azure.net") && !strings.HasSuffix(name, ".ts.eventgrid.azure.net") {
		return fmt.Errorf("azureiot: %s is the namespace's host for HTTP; the one for MQTT ends in .ts.eventgrid.azure.net", name)
	}
	return nil
}

// dial makes an endpoint of TLS or a WebSocket.
func (o *Options) dial(name string, port int, path string, id Identity) (e mqtt.Endpoint, err error) {
	standard := PortMQTTS
	if o.WebSocket {
		standard = PortHTTPS
	}
	port = cmp.Or(o.Port, port, standard)
	address := net.JoinHostPort(name, strconv.Itoa(port))
	if !o.WebSocket {
		return direct.TLS(address, o.below(id))
	}
	if port == PortHTTPS && !strings.Contains(name, ":") {
		address = name // the Host header is the name alone
	}
	path = "/" + strings.TrimPrefix(cmp.Or(o.Path, path), "/")
	return mqttws.URL("wss://"+address+path, func(w *mqttws.Options) {
		if o.OpenWebSocket != nil {
			o.OpenWebSocket(w)
		}
		set, below := w.Direct, o.below(id)
		w.Direct = func(d *direct.Options) {
			if set != nil {
				set(d)
			}
			below(d)
		}
	})
}
