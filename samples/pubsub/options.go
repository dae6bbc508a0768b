package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/builders/direct"
	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

var errUsage = errors.New("wrong usage")

type options struct {
	url, ca, cert, key string
	version            string
	clientID, username string
	passwordFile       string
	subscribe, retain  bool
	topic, message     string
	qos, count         int
	timeout            time.Duration
	messageSet         bool
}

func parse(args []string, log io.Writer) (*options, error) {
	o := new(options)
	f := flag.NewFlagSet("pubsub", flag.ContinueOnError)
	f.SetOutput(log)
	f.StringVar(&o.url, "url", "mqtt://localhost:1883", "the broker: mqtt://host:port, mqtts://host:port or unix:///path")
	f.StringVar(&o.ca, "ca", "", "PEM `file` of the authority to trust besides those of the system")
	f.StringVar(&o.cert, "cert", "", "PEM `file` of the client's certificate, for mutual TLS")
	f.StringVar(&o.key, "key", "", "PEM `file` of its private key")
	f.StringVar(&o.version, "version", "5", "MQTT version: 5 or 3.1.1")
	f.StringVar(&o.clientID, "id", fmt.Sprintf("pubsub-%d", os.Getpid()), "client identifier")
	f.StringVar(&o.username, "user", "", "user name")
	f.StringVar(&o.passwordFile, "password-file", "", "`file` with the password; default: $MQTT_PASSWORD")
	f.BoolVar(&o.subscribe, "sub", false, "subscribe to -topic instead of publishing")
	f.StringVar(&o.topic, "topic", "", "topic, or with -sub topic filter")
	f.IntVar(&o.qos, "qos", 0, "quality of service: 0, 1 or 2")
	f.StringVar(&o.message, "message", "", "what to publish; without it, each line of the standard input")
	f.BoolVar(&o.retain, "retain", false, "the broker keeps the message for later subscribers")
	f.IntVar(&o.count, "count", 0, "publish -message so often, or with -sub end after so many messages; 0: once, or never")
	f.DurationVar(&o.timeout, "timeout", 30*time.Second, "how long to wait for the first connection")
	if err := f.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return nil, err
		}
		return nil, errUsage
	}
	f.Visit(func(set *flag.Flag) { o.messageSet = o.messageSet || set.Name == "message" })
	if wrong := o.check(f.NArg()); wrong != "" {
		fmt.Fprintln(log, "pubsub:", wrong)
		f.Usage()
		return nil, errUsage
	}
	return o, nil
}

func (o *options) check(rest int) string {
	switch {
	case rest > 0:
		return "there are words that belong to no flag"
	case o.topic == "":
		return "-topic is needed"
	case o.qos < 0 || o.qos > 2:
		return "-qos is 0, 1 or 2"
	case o.version != "5" && o.version != "3.1.1":
		return "-version is 5 or 3.1.1"
	case o.count < 0 || o.timeout <= 0:
		return "-count must not be negative, and -timeout must be positive"
	case (o.cert == "") != (o.key == ""):
		return "-cert and -key go together"
	case o.subscribe && (o.messageSet || o.retain):
		return "-message and -retain are for publishing"
	case !o.subscribe && o.count > 0 && !o.messageSet:
		return "-count needs -message or -sub"
	}
	return ""
}

// config makes the client's configuration.
func (o *options) config(log io.Writer) (mqtt.Config, error) {
	endpoint, err := direct.URL(o.url, func(d *direct.Options) {
		if o.ca != "" {
			d.RootCAs = []direct.PEM{direct.File(o.ca)}
		}
		if o.cert != "" {
			d.CertificatePEM, d.KeyPEM = direct.File(o.cert), direct.File(o.key)
		}
	})
	if err != nil {
		return mqtt.Config{}, err
	}
	password, err := o.password()
	if err != nil {
		return mqtt.Config{}, err
	}
	c := mqtt.Config{Endpoint: endpoint, ClientID: o.clientID, Username: o.username, Password: password}
	if o.version == "3.1.1" {
		c.Version, c.CleanStart = packet.V311, true
	}
	c.Trace = &mqtt.Trace{
		ConnectFailed: func(err *mqtt.ConnectError, wait time.Duration) {
			fmt.Fprintf(log, "pubsub: %v; next attempt in %v\n", err, wait.Round(time.Millisecond))
		},
		Disconnected: func(err error) {
			if !errors.Is(err, mqtt.ErrClosed) {
				fmt.Fprintln(log, "pubsub: disconnected:", err)
			}
		},
	}
	return c, nil
}

func (o *options) password() ([]byte, error) {
	if o.passwordFile == "" {
		if p, ok := os.LookupEnv("MQTT_PASSWORD"); ok {
			return []byte(p), nil
		}
		return nil, nil
	}
	p, err := os.ReadFile(o.passwordFile)
	return bytes.TrimRight(p, "\r\n"), err
}
