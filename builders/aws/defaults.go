package awsiot

import (
	"crypto/rand"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// limits are what AWS IoT Core allows a connection beyond what its CONNACK says.
func limits() mqtt.Limits {
	return mqtt.Limits{
		FiltersPerSubscribe: maxFilters, // more in one SUBSCRIBE end the connection
		NoSubscriptionIDs:   true,       // one in a SUBSCRIBE ends the connection with 0xA1
		NoQoS2:              true,       // a packet with it ends the connection; MQTT 3.1.1 does not even say so
		MaxPayload:          maxPayload, // a larger one is refused, in MQTT 3.1.1 by closing the connection
		PublishRate:         100,        // more are discarded without a word, and never acknowledged
		PublishBytes:        512 << 10,  // more are delayed; what waits here can still expire or be taken back
	}
}

// Defaults returns the configuration with what suits AWS IoT Core in the fields that are zero. Whatever is set stays; change
// what it returns to go without one of them:
//
//		cfg := awsiot.Defaults(mqtt.Config{Endpoint: endpoint, ClientID: "pump-7"})
//
//	  - ClientID: one that is made up, and kept for the life of the client. The service would assign $GEN/<uuid>, and refuse
//	    that name when the client comes back with it.
//	  - KeepAlive: 60 s. AWS' own SDKs have 1,200 s, the service's maximum: a dead link is found after half an hour. The
//	    service takes 30 s to 1,200 s.
//	  - SessionExpiry, in MQTT 5: 1 hour, the most that an account allows unless it is raised, up to 7 days; 5 minutes where the
//	    client identifier is made up, because no later process can ask for that session. The service's default is 0: what is
//	    published while the device reconnects would be lost.
//	  - ResumeUnknown, where SessionExpiry is not set either: a session of an earlier process is taken over, with the messages
//	    that wait in it. At QoS 0 and 1, all that the service has, nothing can go wrong with that.
//	  - SlowStart and MaxInterrupted 2, in MQTT 3.1.1, where neither is set: the service answers a publish that it does not
//	    allow by closing the connection, and such a publish would be sent again on every new one.
//
// What the service allows a connection comes with the endpoint, in its field Limits, and can be changed there:
//
//   - FiltersPerSubscribe 8: larger subscriptions are split.
//   - NoSubscriptionIDs: none is sent. Messages find their handlers by topic.
//   - NoQoS2: a publish or a subscription at QoS 2 is refused when it is submitted; [Explain] says what to do.
//   - MaxPayload 128 KiB: a larger one is refused when it is submitted.
//   - PublishRate 100 in a second, PublishBytes 512 KiB: what is above it waits. The service counts every PUBLISH, of each QoS,
//     and discards the rest without a word; at QoS 1 it would be sent again on the next connection only. Accounts can have
//     the first raised.
//
// Sources: AWS IoT Core developer guide, "MQTT", and "AWS IoT Core endpoints and quotas".
func Defaults(cfg mqtt.Config) mqtt.Config {
	generated := cfg.ClientID == ""
	if generated {
		cfg.ClientID = makeID()
	}
	if cfg.KeepAlive == 0 {
		cfg.KeepAlive = 60 * time.Second
	}
	switch cfg.Version {
	case packet.V311:
		if !cfg.SlowStart && cfg.MaxInterrupted == 0 {
			cfg.SlowStart, cfg.MaxInterrupted = true, 2
		}
		cfg.ResumeUnknown = cfg.ResumeUnknown || !cfg.CleanStart
	default:
		if cfg.SessionExpiry == 0 && !cfg.CleanStart {
			cfg.SessionExpiry, cfg.ResumeUnknown = time.Hour, true
			if generated {
				cfg.SessionExpiry = 5 * time.Minute
			}
		}
	}
	return cfg
}

// makeID makes a client identifier up.
func makeID() string { return "gneiss-" + rand.Text() }

// generatedID is the client identifier for configurations without one: always the same, so that the session is found again.
func (g *gate) generatedID() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.madeUp == "" {
		g.madeUp = makeID()
	}
	return g.madeUp
}
