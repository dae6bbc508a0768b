package interop

import (
	"slices"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/interop/internal/broker"
)

// quirk is a way in which a broker is different from what the specification, or all others, say.
type quirk string

const (
	noAliasesOut        quirk = "uses no topic aliases towards clients, as it may"
	noAliasesIn         quirk = "announces no topic alias maximum, so that clients must not use any"
	copyPerSubscription quirk = "sends a client one copy for each of its subscriptions that match, as it may"
	willPropertiesLost  quirk = "keeps no property of a will but user properties"
	willNeedsProperties quirk = "does not read the reason code of a DISCONNECT that ends with it, and so publishes no will on request"
	expiryAdded         quirk = "gives messages without an expiry interval one"
	exceedsWindow       quirk = "sends more than the client's receive maximum when several acknowledgements come at once [MQTT-3.3.4-9]"
	windowLocks         quirk = "stops sending at QoS 1 once the client's receive maximum was reached, and may lock itself up"
	breaksOrder         quirk = "sends again in any order [MQTT-4.6.0-6]"
	resendsAliases      quirk = "queues messages with an alias in place of their topic, though another connection will carry them [MQTT-3.3.2-7]"
	losesOnReturn       quirk = "acknowledges before it looks for subscribers, and may lose what it does not find them for while one comes back"
	publishesReleased   quirk = "publishes again after a restart what it had released at QoS 2 before [MQTT-4.3.3-6]"
	takesOverSilently   quirk = "closes the old connection of a session that is taken over without the DISCONNECT [MQTT-3.1.4-3]"
	grantsDenied        quirk = "grants subscriptions to topics that may not be read, and then sends nothing"
	plusHidesParent     quirk = "does not match the parent level where a filter ends with +/# [4.7.1.2]"
	disconnects311      quirk = "sends DISCONNECT to clients of MQTT 3.1.1, in which servers have none"
	endsLate            quirk = "closes the connection of a client before it has ended its session, and resumes it for whoever is quick"
	deniedHangsUp       quirk = "hangs up on a client that publishes where it may not, in MQTT 3.1.1 before the end of the exchange"
)

// quirks is what is known of the brokers. A test that meets one says so where it looks the quirk up; it asks no less of
// the other brokers.
var quirks = map[broker.Kind][]quirk{
	broker.Mosquitto: {noAliasesOut, exceedsWindow, publishesReleased, takesOverSilently, grantsDenied, deniedHangsUp},                                                                                       // 2.0.11
	broker.Mochi:     {deniedHangsUp, noAliasesIn, willPropertiesLost, expiryAdded, windowLocks, breaksOrder, willNeedsProperties, resendsAliases, losesOnReturn, plusHidesParent, disconnects311, endsLate}, // 2.7.9
	broker.Emulator:  {},
}

func (w *world) has(q quirk) bool { return slices.Contains(quirks[w.broker.Kind], q) }

// expiryTakes is after how long a message with an expiry interval of one second is surely gone. Brokers count in whole
// seconds, and some wait until one more has begun; mochi-mqtt also looks only once a second.
func (w *world) expiryTakes() time.Duration {
	if w.broker.Kind == broker.Mochi {
		return 4 * time.Second
	}
	return 2500 * time.Millisecond
}
