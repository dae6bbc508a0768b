package interop

import (
	"errors"
	"strings"
	"testing"

	awsiot "github.com/gneiss-mqtt/gneiss-go/builders/aws"
	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
	"github.com/gneiss-mqtt/gneiss-go/emulator"
	"github.com/gneiss-mqtt/gneiss-go/emulator/iotcore"
)

// devicePolicy allows what a device needs, and no more.
const devicePolicy = `{"Version": "2012-10-17", "Statement": [
	{"Effect": "Allow", "Action": "iot:Connect", "Resource": "arn:aws:iot:us-east-1:123456789012:client/${iot:Connection.Thing.ThingName}"},
	{"Effect": "Allow", "Action": ["iot:Publish", "iot:Receive"], "Resource": "arn:aws:iot:us-east-1:123456789012:topic/allowed/*"},
	{"Effect": "Allow", "Action": "iot:Subscribe", "Resource": "arn:aws:iot:us-east-1:123456789012:topicfilter/allowed/*"}
]}`

// strict is an account whose policies count, and a client in it.
func strict(t *testing.T, version packet.Version, id string) *awsClient {
	t.Helper()
	a := newAccount(t, func(o *emulator.Options) { o.IoT.EnforcePolicies, o.IoT.Quotas = true, iotcore.NoQuotas() })
	must(t, a.CreatePolicy("device", devicePolicy))
	must(t, a.AttachPolicy("device", a.device.CertificateARN))
	endpoint, err := awsiot.MTLS(a.Endpoint(), awsiot.Files(a.files.Cert, a.files.Key), a.options(nil))
	must(t, err)
	return a.client(t, endpoint, func(c *mqtt.Config) { c.ClientID, c.Version = id, version })
}

// What no policy allows is explained with the statement that is missing, and costs nothing else: the service answers in
// MQTT 5, and hangs up in MQTT 3.1.1, where the client gives up what it hangs up for.
func TestAWSPolicies(t *testing.T) {
	t.Parallel()
	for _, version := range []packet.Version{packet.V5, packet.V311} {
		t.Run(version.String(), func(t *testing.T) {
			t.Parallel()
			c := strict(t, version, thing)
			ctx := within(t)
			_, err := c.Subscribe(ctx, mqtt.Filter{Filter: "forbidden/#", QoS: 1})
			explained(t, err, "iot:Subscribe", "forbidden/#")
			_, err = c.Publish(ctx, mqtt.Publish{Topic: "forbidden/topic", QoS: 1})
			explained(t, err, "iot:Publish", "topic/forbidden/topic")
			_, err = c.Connected(ctx) // again, in MQTT 3.1.1
			must(t, err)
			c.took()
			_, err = c.Publish(ctx, mqtt.Publish{Topic: "forbidden/topic", QoS: 0}) // which nobody can answer
			must(t, err)
			var ends []error
			eventually(t, "the connection has ended", func() bool {
				ends = append(ends, c.took()...)
				return len(ends) > 0
			})
			explained(t, ends[0], "iot:Publish", "topic/forbidden/topic")

			sub, err := c.Subscribe(ctx, mqtt.Filter{Filter: "allowed/#", QoS: 1})
			must(t, err)
			_, err = c.Publish(ctx, mqtt.Publish{Topic: "allowed/topic", Payload: []byte("fine"), QoS: 1})
			must(t, err)
			for m, err := range sub.Messages(ctx) {
				must(t, err)
				if m.Topic != "allowed/topic" {
					t.Errorf("received %+v", m)
				}
				break
			}
		})
	}
}

// A client identifier that no policy allows.
func TestAWSClientIDIsRefused(t *testing.T) {
	t.Parallel()
	for _, version := range []packet.Version{packet.V5, packet.V311} {
		t.Run(version.String(), func(t *testing.T) {
			t.Parallel()
			c := strict(t, version, "somebody")
			var failures []error
			eventually(t, "refused", func() bool {
				failures = append(failures, c.took()...)
				return len(failures) > 0
			})
			explained(t, failures[0], "iot:Connect", "client/somebody")
		})
	}
}

func explained(t *testing.T, err error, says ...string) {
	t.Helper()
	r, ok := errors.AsType[*awsiot.Refusal](awsiot.Explain(err))
	if !ok || r.Cause != awsiot.CausePolicy {
		t.Errorf("%v, want the cause %s", err, awsiot.CausePolicy)
		return
	}
	for _, want := range says {
		if !strings.Contains(r.Error(), want) {
			t.Errorf("%v does not say %s", r, want)
		}
	}
}
