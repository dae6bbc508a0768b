package azureiot

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// methodSAT is the authentication method for service account tokens of Kubernetes.
const methodSAT = "K8S-SAT"

// watchInterval is how often the file of a service account token is read. Kubernetes replaces it when four fifths of its
// time are over, an hour as a rule; to read is more robust than to be told, on every file system.
const watchInterval = 10 * time.Second

// Operations returns an endpoint for the broker of Azure IoT Operations, with the service account token in a file, which is
// mounted into the pod. The default listener is aio-broker, port 18883, and has a private authority: set
// [Options.RootCAs].
//
// The file is read at every attempt; when its content changes, the client re-authenticates in place. Where the broker puts
// that off, it is tried again. MQTT 5 only.
func Operations(host, tokenFile string, optFns ...func(*Options)) (mqtt.Endpoint, error) {
	if tokenFile == "" {
		return mqtt.Endpoint{}, errors.New("azureiot: Operations needs the file of a service account token")
	}
	e, o, err := operations(host, Identity{}, optFns)
	if err != nil {
		return e, err
	}
	withTokenFile(&e, tokenFile, o)
	return e, nil
}

// OperationsX509 is [Operations] with a client certificate.
func OperationsX509(host string, id Identity, optFns ...func(*Options)) (mqtt.Endpoint, error) {
	if id.IsZero() {
		return mqtt.Endpoint{}, errors.New("azureiot: OperationsX509 needs an identity, such as Files")
	}
	e, _, err := operations(host, id, optFns)
	return e, err
}

func operations(host string, id Identity, optFns []func(*Options)) (mqtt.Endpoint, Options, error) {
	o, err := newOptions(optFns)
	if err != nil {
		return mqtt.Endpoint{}, o, err
	}
	name, port, err := splitHost(host)
	if err != nil {
		return mqtt.Endpoint{}, o, err
	}
	if !o.WebSocket {
		port = cmp.Or(port, PortOperations)
	}
	e, err := o.dial(name, port, "/mqtt", id)
	operationsRules(&e)
	return e, o, err
}

// operationsRules sets what the broker does not have, and what its refusals mean.
func operationsRules(e *mqtt.Endpoint) {
	e.Limits = mqtt.Limits{NoQoS2: true, NoSubscriptionIDs: true}
	e.Explain, e.Terminal = explain("IoT Operations", operationsLikely), terminal
}

func withTokenFile(e *mqtt.Endpoint, file string, o Options) {
	b := &bearer{method: methodSAT, watch: watchInterval, get: newFetcher(func(context.Context) (azcore.AccessToken, error) {
		token, err := readSmall(file, o.MaxToken)
		return azcore.AccessToken{Token: token}, err
	}, o.MaxToken)}
	e.Auth, e.Renew = b, b.renew
}

// withPasswordFile reads a password at every attempt.
func withPasswordFile(e *mqtt.Endpoint, file string) {
	e.Prepare = func(_ context.Context, c *packet.Connect) error {
		password, err := readSmall(file, 65535)
		c.Password, c.HasPassword = []byte(password), true
		return err
	}
}

// readSmall reads a file of at most limit bytes, without the end of its last line.
func readSmall(name string, limit int) (string, error) {
	f, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, int64(limit)+3))
	if err != nil {
		return "", err
	}
	s := strings.TrimRight(string(text), "\r\n")
	if len(s) > limit {
		return "", &fileTooLargeError{name, limit}
	}
	return s, nil
}

type fileTooLargeError struct {
	name  string
	limit int
}

func (e *fileTooLargeError) Error() string {
	return fmt.Sprintf("azureiot: %s has more than %d bytes", e.name, e.limit)
}
