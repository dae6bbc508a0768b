package azureiot

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/builders/direct"
	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
)

// environment reads variables and remembers what was wrong with them.
type environment struct {
	get  func(string) string
	errs []error
}

func (e *environment) bool(name string, def bool) bool {
	text := e.get(name)
	if text == "" {
		return def
	}
	v, err := strconv.ParseBool(text)
	if err != nil {
		e.errs = append(e.errs, fmt.Errorf("azureiot: %s is %q: want true or false", name, text))
	}
	return v
}

func (e *environment) uint(name string, def uint64, bits int) uint64 {
	text := e.get(name)
	if text == "" {
		return def
	}
	v, err := strconv.ParseUint(text, 10, bits)
	if err != nil {
		e.errs = append(e.errs, fmt.Errorf("azureiot: %s is %q: want a number of at most %d bits", name, text, bits))
	}
	return v
}

func (e *environment) fail(text string) { e.errs = append(e.errs, errors.New("azureiot: "+text)) }

// OperationsFromEnv returns the configuration that the environment of a pod describes, with the variables of the SDKs for
// Azure IoT Operations:
//
//	AIO_BROKER_HOSTNAME, AIO_BROKER_TCP_PORT (8883), AIO_MQTT_USE_TLS (true), AIO_TLS_CA_FILE,
//	AIO_TLS_CERT_FILE, AIO_TLS_KEY_FILE, AIO_TLS_KEY_PASSWORD_FILE,
//	AIO_MQTT_CLIENT_ID, AIO_MQTT_CLEAN_START (false), AIO_MQTT_KEEP_ALIVE (60), AIO_MQTT_SESSION_EXPIRY (3600),
//	AIO_SAT_FILE, or AIO_MQTT_USERNAME and AIO_MQTT_PASSWORD_FILE
//
// All that is wrong is told at once. What is not in the environment may be set in the result.
func OperationsFromEnv(optFns ...func(*Options)) (mqtt.Config, error) {
	return operationsFrom(&environment{get: os.Getenv}, optFns)
}

func operationsFrom(env *environment, optFns []func(*Options)) (mqtt.Config, error) {
	cfg := mqtt.Config{
		ClientID:      env.get("AIO_MQTT_CLIENT_ID"),
		Username:      env.get("AIO_MQTT_USERNAME"),
		CleanStart:    env.bool("AIO_MQTT_CLEAN_START", false),
		KeepAlive:     time.Duration(env.uint("AIO_MQTT_KEEP_ALIVE", 60, 16)) * time.Second,
		SessionExpiry: time.Duration(env.uint("AIO_MQTT_SESSION_EXPIRY", 3600, 32)) * time.Second,
	}
	if cfg.KeepAlive == 0 {
		cfg.KeepAlive = -1 // off; zero would be the client's default
	}
	cfg.ResumeUnknown = !cfg.CleanStart
	host, port := env.get("AIO_BROKER_HOSTNAME"), env.uint("AIO_BROKER_TCP_PORT", PortMQTTS, 16)
	useTLS := env.bool("AIO_MQTT_USE_TLS", true)
	token, password := env.get("AIO_SAT_FILE"), env.get("AIO_MQTT_PASSWORD_FILE")
	cert, key := env.get("AIO_TLS_CERT_FILE"), env.get("AIO_TLS_KEY_FILE")
	switch {
	case host == "":
		env.fail("AIO_BROKER_HOSTNAME is not set")
	case port == 0:
		env.fail("AIO_BROKER_TCP_PORT is 0")
	case cfg.ClientID == "":
		env.fail("AIO_MQTT_CLIENT_ID is not set")
	}
	if token != "" && (cfg.Username != "" || password != "") {
		env.fail("AIO_SAT_FILE excludes AIO_MQTT_USERNAME and AIO_MQTT_PASSWORD_FILE")
	}
	if (cert == "") != (key == "") {
		env.fail("AIO_TLS_CERT_FILE and AIO_TLS_KEY_FILE belong together")
	}
	if err := errors.Join(env.errs...); err != nil {
		return mqtt.Config{}, err
	}
	address := net.JoinHostPort(strings.Trim(host, "[]"), strconv.FormatUint(port, 10))
	e, o, err := plainOrTLS(env, address, useTLS, cert, key, optFns)
	if err != nil {
		return mqtt.Config{}, err
	}
	if token != "" {
		withTokenFile(&e, token, o)
	}
	if password != "" {
		withPasswordFile(&e, password)
	}
	cfg.Endpoint = e
	return cfg, nil
}

func plainOrTLS(env *environment, address string, useTLS bool, cert, key string, optFns []func(*Options)) (mqtt.Endpoint, Options, error) {
	if !useTLS {
		o, err := newOptions(optFns)
		if err != nil {
			return mqtt.Endpoint{}, o, err
		}
		e, err := direct.TCP(address, o.Direct)
		operationsRules(&e)
		return e, o, err
	}
	var id Identity
	if cert != "" {
		id = Files(cert, key)
	}
	passphrase := env.get("AIO_TLS_KEY_PASSWORD_FILE")
	return operations(address, id, append(optFns[:len(optFns):len(optFns)], func(o *Options) {
		if ca := env.get("AIO_TLS_CA_FILE"); ca != "" {
			o.RootCAs = append(o.RootCAs, direct.File(ca))
		}
		if set := o.Direct; passphrase != "" {
			o.Direct = func(d *direct.Options) {
				if set != nil {
					set(d)
				}
				d.Passphrase = func(context.Context) ([]byte, error) {
					text, err := readSmall(passphrase, 4096)
					return []byte(text), err
				}
			}
		}
	}))
}
