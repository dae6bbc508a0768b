package interop

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	awsiot "github.com/gneiss-mqtt/gneiss-go/builders/aws"
	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// join is a client that gets in by its certificate.
func (a *account) join(t *testing.T, id string, edit func(*mqtt.Config)) *awsClient {
	t.Helper()
	endpoint, err := awsiot.MTLS(a.Endpoint(), awsiot.Files(a.files.Cert, a.files.Key), a.options(nil))
	must(t, err)
	c := a.client(t, endpoint, func(cfg *mqtt.Config) {
		cfg.ClientID = id
		edit(cfg)
	})
	_, err = c.Connected(within(t))
	must(t, err)
	return c
}

// A client that publishes more than the service takes in a second loses nothing of it: it waits. Without its limits it
// would.
func TestAWSRate(t *testing.T) {
	t.Parallel()
	a := newAccount(t)
	for name, unlimited := range map[string]bool{"with the rate": false, "without": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := a.join(t, "rate", func(cfg *mqtt.Config) {
				cfg.ClientID += strings.ReplaceAll(name, " ", "")
				if unlimited {
					cfg.Endpoint.Limits.PublishRate = 0
				}
			})
			const messages = 250
			results := make(chan error, messages)
			for range messages {
				must(t, c.PublishAsync(mqtt.Publish{Topic: "rate", QoS: 1}, func(_ mqtt.PublishResult, err error) { results <- err }))
			}
			var refused []error
			for range messages {
				if err := <-results; err != nil {
					refused = append(refused, err)
				}
			}
			switch {
			case !unlimited && len(refused) > 0:
				t.Errorf("%d were refused, the first with %v", len(refused), refused[0])
			case unlimited && len(refused) == 0:
				t.Error("nothing was refused: the emulator has no rate")
			case unlimited:
				if r, ok := errors.AsType[*awsiot.Refusal](awsiot.Explain(refused[0])); !ok || r.Cause != awsiot.CauseQuota {
					t.Errorf("explained as %v", awsiot.Explain(refused[0]))
				}
			}
		})
	}
}

// Twenty filters come and go, eight at a time.
func TestAWSManyFilters(t *testing.T) {
	t.Parallel()
	a := newAccount(t)
	for _, version := range []packet.Version{packet.V5, packet.V311} {
		c := a.join(t, "filters-"+itoa(int(version)), func(cfg *mqtt.Config) { cfg.Version = version })
		var filters []mqtt.Filter
		for i := range 20 {
			filters = append(filters, mqtt.Filter{Filter: "filters/" + itoa(i), QoS: 1})
		}
		sub, err := c.Subscribe(within(t), filters...)
		must(t, err)
		must(t, sub.Close(within(t)))
		if failed := c.took(); len(failed) > 0 {
			t.Errorf("%v: %v", version, failed)
		}
	}
}

// What goes beyond a limit of the service is explained, by what the client did last where the service says nothing.
func TestAWSLimitsAreExplained(t *testing.T) {
	t.Parallel()
	a := newAccount(t)
	publish := func(p mqtt.Publish) func(*testing.T, *awsClient) error {
		return func(t *testing.T, c *awsClient) error {
			_, err := c.Publish(within(t), p)
			return err
		}
	}
	subscribe := func(n int, name string) func(*testing.T, *awsClient) error {
		return func(t *testing.T, c *awsClient) error {
			for i := range n {
				if _, err := c.Subscribe(within(t), mqtt.Filter{Filter: name + itoa(i), QoS: 1}); err != nil {
					return err
				}
			}
			return nil
		}
	}
	for name, c := range map[string]struct {
		do    func(*testing.T, *awsClient) error
		cause awsiot.Cause
		or    awsiot.Cause // in MQTT 3.1.1, where that is another guess
	}{
		"payload":       {publish(mqtt.Publish{Topic: "t", Payload: bytes.Repeat([]byte("x"), 128<<10+1), QoS: 1}), awsiot.CausePayload, ""},
		"topic":         {publish(mqtt.Publish{Topic: strings.Repeat("t", 257), QoS: 1}), awsiot.CauseTopic, ""},
		"levels":        {publish(mqtt.Publish{Topic: "1/2/3/4/5/6/7/8/9", QoS: 1}), awsiot.CauseTopic, ""},
		"filter":        {subscribe(1, "1/2/3/4/5/6/7/8/9"), awsiot.CauseTopic, ""},
		"subscriptions": {subscribe(51, "f"), awsiot.CauseSubscribe, awsiot.CausePolicy},
		"taken over": {func(t *testing.T, c *awsClient) error {
			a.join(t, c.id, func(cfg *mqtt.Config) { cfg.Version = c.version })
			return nil
		}, awsiot.CauseDuplicate, ""},
	} {
		for _, version := range []packet.Version{packet.V5, packet.V311} {
			t.Run(name+"/"+version.String(), func(t *testing.T) {
				t.Parallel()
				client := a.join(t, "limits-"+itoa(int(worlds.Add(1))), func(cfg *mqtt.Config) {
					cfg.Version, cfg.SlowStart, cfg.MaxInterrupted = version, true, 2 // gives up what the service hangs up for
				})
				want := c.cause
				if version == packet.V311 && c.or != "" {
					want = c.or
				}
				var got []error
				if err := c.do(t, client); err != nil {
					got = append(got, awsiot.Explain(err))
				}
				defer func() {
					if t.Failed() {
						t.Errorf("what failed: %v", errors.Join(got...))
					}
				}()
				eventually(t, "explained as "+string(want), func() bool {
					for _, err := range got {
						if r, ok := errors.AsType[*awsiot.Refusal](err); ok && r.Cause == want {
							return true
						}
					}
					got = append(got, client.took()...)
					return false
				})
			})
		}
	}
}
