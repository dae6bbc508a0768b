package interop

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/gneiss-mqtt/gneiss-go/core/packet"
	"github.com/gneiss-mqtt/gneiss-go/interop/internal/broker"
)

// A feature is one thing the client does with a broker. Features run at the same time on the same broker, each with
// topics and client identifiers of its own.
type feature struct {
	name string
	run  func(t *testing.T, w *world)
	v5   bool // MQTT 3.1.1 has no such thing
}

var features = []feature{
	{name: "QoS", run: testQoS},
	{name: "Order", run: testOrder},
	{name: "Async", run: testAsync},
	{name: "LargePayload", run: testLargePayload},
	{name: "MixedVersions", run: testMixedVersions},
	{name: "Loop", run: testLoop},

	{name: "Retained", run: testRetained},
	{name: "RetainAsPublished", run: testRetainAsPublished, v5: true},
	{name: "RetainHandling", run: testRetainHandling, v5: true},

	{name: "Will", run: testWill},
	{name: "WillNotSent", run: testWillNotSent},
	{name: "WillOnRequest", run: testWillOnRequest, v5: true},
	{name: "WillProperties", run: testWillProperties, v5: true},
	{name: "WillDelay", run: testWillDelay, v5: true},

	{name: "Wildcards", run: testWildcards},
	{name: "Overlapping", run: testOverlapping},
	{name: "SubscriptionIDs", run: testSubscriptionIDs, v5: true},
	{name: "Shared", run: testShared},
	{name: "NoLocal", run: testNoLocal, v5: true},
	{name: "Unsubscribe", run: testUnsubscribe},

	{name: "AliasesOut", run: testAliasesOut, v5: true},
	{name: "AliasesIn", run: testAliasesIn, v5: true},
	{name: "Properties", run: testProperties, v5: true},
	{name: "Expiry", run: testExpiry, v5: true},
	{name: "MaximumPacketSize", run: testMaximumPacketSize, v5: true},

	{name: "ReceiveMaximumOut", run: testReceiveMaximumOut},
	{name: "ReceiveMaximumIn", run: testReceiveMaximumIn},
	{name: "KeepAlive", run: testKeepAlive},

	{name: "Resume", run: testResume},
	{name: "Redelivery", run: testRedelivery},
	{name: "Offline", run: testOffline},
	{name: "SessionEnds", run: testSessionEnds},
	{name: "AssignedID", run: testAssignedID},
	{name: "Takeover", run: testTakeover},

	{name: "Password", run: testPassword},
	{name: "DeniedPublish", run: testDeniedPublish},
	{name: "Poison", run: testPoison},
	{name: "DeniedSubscribe", run: testDeniedSubscribe},
}

// receiveMaximum is what the brokers grant in MQTT 5.
const receiveMaximum = 16

// Conformance: v3:MQTT-3.1.4-2
func TestBrokers(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, kind broker.Kind, v packet.Version) {
		o := broker.Options{}
		if v == packet.V5 {
			o.ReceiveMaximum = receiveMaximum
		}
		b := broker.Start(t, kind, o)
		transports(t, func(t *testing.T, tls bool) {
			for _, f := range features {
				if f.v5 && v != packet.V5 {
					continue
				}
				t.Run(f.name, func(t *testing.T) {
					t.Parallel()
					f.run(t, newWorld(t, b, tls, v))
				})
			}
		})
	})
}

// each runs a test with every broker in both versions.
func each(t *testing.T, run func(t *testing.T, kind broker.Kind, v packet.Version)) {
	for _, kind := range broker.Kinds {
		for _, v := range []packet.Version{packet.V5, packet.V311} {
			t.Run(string(kind)+"-"+strings.TrimPrefix(v.String(), "MQTT "), func(t *testing.T) {
				t.Parallel()
				run(t, kind, v)
			})
		}
	}
}

// transports runs a test over TCP and TLS.
func transports(t *testing.T, run func(t *testing.T, tls bool)) {
	for name, tls := range map[string]bool{"TCP": false, "TLS": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run(t, tls)
		})
	}
}

// atOnce is how many tests run at a time: most of them wait for a broker most of the time.
const atOnce = "12"

func TestMain(m *testing.M) {
	flag.Parse()
	parallel := flag.Lookup("test.parallel")
	if parallel.Value.String() == parallel.DefValue {
		_ = flag.Set("test.parallel", atOnce)
	}
	code := m.Run()
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, "FAIL: goroutines are left:", err)
		code = 1
	}
	if err := broker.RemoveFiles(); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	os.Exit(code)
}
