package awsiot

import (
	"cmp"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/builders/direct"
	mqttws "github.com/gneiss-mqtt/gneiss-go/builders/websocket"
)

// Options are what all ways into AWS IoT Core have in common. The zero value is right for most devices.
type Options struct {
	// Port overrides the one of the endpoint, if it has any. Default 443, which passes most firewalls. With a client
	// certificate 8883 serves as well; other ports are for emulators and domain configurations.
	Port int
	// RootCAs are trusted in addition to those of the system, which have Amazon's as a rule. Needed where the system has
	// none, as in a container from scratch (AmazonRootCA1.pem and AmazonRootCA3.pem), for emulators, and for networks that
	// look into TLS.
	RootCAs []direct.PEM
	// Direct sets options of the connection below: proxies, pass phrases of encrypted keys, the TLS configuration, a dialer.
	// It sees empty options; what it leaves open is set as the mode asks. nil: nothing to set.
	Direct func(*direct.Options)
	// WebSocket sets options of the WebSocket, where there is one. Its Prepare runs before the request is signed.
	WebSocket func(*mqttws.Options)
	// Region is the region to sign for, and the one named in explanations. Default: the one in the name of the endpoint, then
	// the one of the AWS configuration. Custom domains do not carry it.
	Region string
	// Metrics tells the service in the user name which SDK connects, as AWS' own SDKs do. Default: nothing is told.
	Metrics bool
	// Now is the clock that signatures and the expiry of credentials go by. Default time.Now.
	Now func() time.Time
}

func newOptions(h host, optFns []func(*Options)) (Options, error) {
	var o Options
	for _, fn := range optFns {
		if fn != nil {
			fn(&o)
		}
	}
	if o.Port < 0 || o.Port > 65535 {
		return o, fmt.Errorf("awsiot: Options.Port is %d: want a number from 1 to 65535", o.Port)
	}
	o.Port = cmp.Or(o.Port, h.port, PortHTTPS)
	o.Region = cmp.Or(o.Region, h.region)
	if o.Now == nil {
		o.Now = time.Now
	}
	return o, nil
}

// below is what Direct sets, with the identity and the roots; d is what the mode asks for.
func (o *Options) below(id Identity, alpn string) func(*direct.Options) {
	return func(d *direct.Options) {
		if o.Direct != nil {
			o.Direct(d)
		}
		d.RootCAs = append(d.RootCAs, o.RootCAs...)
		// Port 8883 has one meaning and needs no ALPN; elsewhere it decides what the connection is for.
		if d.NextProtos == nil && alpn != "" && o.Port != PortMQTTS {
			d.NextProtos = []string{alpn}
		}
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
	add(o.Port != 0, fmt.Sprintf("Port: %d", o.Port))
	add(len(o.RootCAs) > 0, "RootCAs")
	add(o.Direct != nil, "Direct")
	add(o.WebSocket != nil, "WebSocket")
	add(o.Region != "", "Region: "+o.Region)
	add(o.Metrics, "Metrics")
	add(o.Now != nil, "Now")
	return "awsiot.Options{" + strings.Join(names, ", ") + "}"
}

// Format prints String for every verb.
func (o Options) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, o.String()) }

// LogValue logs String.
func (o Options) LogValue() slog.Value { return slog.StringValue(o.String()) }
