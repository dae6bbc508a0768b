package azureiot

import (
	"cmp"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"github.com/gneiss-mqtt/gneiss-go/builders/direct"
	mqttws "github.com/gneiss-mqtt/gneiss-go/builders/websocket"
)

// Options are what all ways into Azure have in common. The zero value is right for most devices.
type Options struct {
	// WebSocket connects with a WebSocket on port 443, which passes most firewalls, in place of TLS on port 8883.
	WebSocket bool
	// Path is that of the WebSocket. Default: /mqtt for Event Grid, which only a sample names, and IoT Operations;
	// $iothub/websocket for IoT Hub and the Device Provisioning Service.
	Path string
	// Port overrides the one of the host, if it has any. Default 8883, 443 with a WebSocket, 18883 for IoT Operations.
	Port int
	// RootCAs are trusted in addition to those of the system. Public services need none; a container from scratch,
	// emulators and IoT Operations do.
	RootCAs []direct.PEM
	// Direct sets options of the connection below: proxies, pass phrases of encrypted keys, a dialer. It sees empty
	// options. nil: nothing to set.
	Direct func(*direct.Options)
	// OpenWebSocket sets options of the WebSocket, where there is one. nil: nothing to set.
	OpenWebSocket func(*mqttws.Options)
	// Scope is the audience asked for in [EventGrid], in the form of a scope. Default [EventGridScope]; sovereign clouds
	// may have another.
	Scope string
	// Method is the authentication method for [EventGridToken]. Default CUSTOM-JWT, which Microsoft's documentation names
	// for namespaces with an issuer of their own.
	Method string
	// MaxToken is the largest token that is sent, in bytes. Default 8,192, which Event Grid takes as authentication data.
	MaxToken int
}

func newOptions(optFns []func(*Options)) (Options, error) {
	var o Options
	for _, fn := range optFns {
		if fn != nil {
			fn(&o)
		}
	}
	switch {
	case o.Port < 0 || o.Port > 65535:
		return o, fmt.Errorf("azureiot: Options.Port is %d: want a number from 1 to 65535", o.Port)
	case !o.WebSocket && (o.Path != "" || o.OpenWebSocket != nil):
		return o, fmt.Errorf("azureiot: Options.Path and Options.OpenWebSocket need Options.WebSocket")
	case o.MaxToken < 0 || o.MaxToken > 65535:
		return o, fmt.Errorf("azureiot: Options.MaxToken is %d: MQTT takes at most 65,535 bytes", o.MaxToken)
	}
	o.MaxToken = cmp.Or(o.MaxToken, 8192)
	return o, nil
}

// below is what Direct sets, with the identity and the roots.
func (o *Options) below(id Identity) func(*direct.Options) {
	return func(d *direct.Options) {
		if o.Direct != nil {
			o.Direct(d)
		}
		d.RootCAs = append(d.RootCAs, o.RootCAs...)
		if id.apply != nil {
			id.apply(d)
		}
	}
}

// String names the fields in use, and of their values only what is no secret.
func (o Options) String() string {
	var names []string
	add := func(set bool, name string) {
		if set {
			names = append(names, name)
		}
	}
	add(o.WebSocket, "WebSocket")
	add(o.Path != "", "Path: "+o.Path)
	add(o.Port != 0, fmt.Sprintf("Port: %d", o.Port))
	add(len(o.RootCAs) > 0, "RootCAs")
	add(o.Direct != nil, "Direct")
	add(o.OpenWebSocket != nil, "OpenWebSocket")
	add(o.Scope != "", "Scope: "+o.Scope)
	add(o.Method != "", "Method: "+o.Method)
	add(o.MaxToken != 0, fmt.Sprintf("MaxToken: %d", o.MaxToken))
	return "azureiot.Options{" + strings.Join(names, ", ") + "}"
}

// Format prints String for every verb.
func (o Options) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, o.String()) }

// LogValue logs String.
func (o Options) LogValue() slog.Value { return slog.StringValue(o.String()) }
