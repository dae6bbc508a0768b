package iotcore

import "time"

// Unlimited lifts a quota, as far as MQTT and the emulator's memory allow.
const Unlimited = -1

// Quotas is what a client may use. A zero field means AWS' default, named beside it; [Unlimited] means no limit. What
// happens beyond a quota is named too: a code alone stands for a DISCONNECT, and for a closed connection with MQTT 3.1.1.
type Quotas struct {
	ClientID      int // bytes of a client identifier; 128; CONNACK 0x85
	Topic         int // bytes of a topic or filter, without $aws/rules/RULE/ and $share/GROUP/; 256; as for Slashes
	Slashes       int // slashes of a topic or filter, without those prefixes; 7; PUBACK 0x90, SUBACK 0x8F, at QoS 0 0x90
	Payload       int // bytes of a payload; 131,072; PUBACK 0x97, at QoS 0 0x97
	Packet        int // bytes of a packet; 149,504; 0x95
	Filters       int // filters in a SUBSCRIBE or UNSUBSCRIBE; 8; 0x97
	Subscriptions int // subscriptions of a connection; 50; 0x97
	Unacked       int // messages at QoS 1 without PUBACK, each way; 100; those to the client wait, those from it are 0x93
	TopicAliases  int // topic aliases each way; 8; 0x94

	PublishesIn  int // messages from a connection in a second; 100; PUBACK 0x97, at QoS 0 and with MQTT 3.1.1 discarded
	PublishesOut int // messages to a connection in a second; 100; discarded
	Throughput   int // bytes in a second, each way of a connection; 524,288; they wait

	// Connects is how often a client identifier may connect in a second; 1, after 10 at once, since how the service counts
	// is not documented; CONNACK 0x97.
	Connects int

	Redelivery     int           // messages that a session has kept, to its client in a second; 10; they wait
	UserProperties int           // bytes of user properties in a message; 8,192; PUBACK 0x97
	MessageExpiry  int           // seconds that a message may live; 604,800; cut to it
	SessionExpiry  int           // seconds that a session may outlive its connection; 3,600, and up to 604,800; cut to it
	MinKeepAlive   int           // seconds; 30; raised to it
	MaxKeepAlive   int           // seconds, also for clients that ask for none; 1,200; cut to it
	WebSocketLife  time.Duration // how long a WebSocket lives; 24 h; closed

	// Of all clients of the account together.
	AccountConnections   int // network connections; 500,000; closed at once
	AccountSubscriptions int // subscriptions; 500,000; SUBACK 0x97
	AccountConnects      int // CONNECTs in a second; 500; CONNACK 0x97
	AccountSubscribes    int // filters of SUBSCRIBE in a second; 500; SUBACK 0x97
	AccountPublishesIn   int // messages from clients in a second; 20,000; as for PublishesIn
	AccountPublishesOut  int // messages to clients in a second; 20,000; discarded
}

func orDefault[T comparable](p *T, def T) {
	var zero T
	if *p == zero {
		*p = def
	}
}

func (q Quotas) withDefaults() Quotas {
	orDefault(&q.ClientID, 128)
	orDefault(&q.Topic, 256)
	orDefault(&q.Slashes, 7)
	orDefault(&q.Payload, 128<<10)
	orDefault(&q.Packet, 146<<10)
	orDefault(&q.Filters, 8)
	orDefault(&q.Subscriptions, 50)
	orDefault(&q.Unacked, 100)
	orDefault(&q.TopicAliases, 8)
	orDefault(&q.PublishesIn, 100)
	orDefault(&q.PublishesOut, 100)
	orDefault(&q.Throughput, 512<<10)
	orDefault(&q.Connects, 1)
	orDefault(&q.Redelivery, 10)
	orDefault(&q.UserProperties, 8<<10)
	orDefault(&q.MessageExpiry, 604_800)
	orDefault(&q.SessionExpiry, 3600)
	orDefault(&q.MinKeepAlive, 30)
	orDefault(&q.MaxKeepAlive, 1200)
	orDefault(&q.WebSocketLife, 24*time.Hour)
	orDefault(&q.AccountConnections, 500_000)
	orDefault(&q.AccountSubscriptions, 500_000)
	orDefault(&q.AccountConnects, 500)
	orDefault(&q.AccountSubscribes, 500)
	orDefault(&q.AccountPublishesIn, 20_000)
	orDefault(&q.AccountPublishesOut, 20_000)
	return q
}

// NoQuotas lifts every quota that can be lifted.
func NoQuotas() Quotas {
	const u = Unlimited
	return Quotas{ClientID: u, Topic: u, Slashes: u, Payload: u, Packet: u, Filters: u, Subscriptions: u, Unacked: u, TopicAliases: u,
		PublishesIn: u, PublishesOut: u, Throughput: u, Connects: u, Redelivery: u, UserProperties: u, MessageExpiry: u, SessionExpiry: u,
		MinKeepAlive: u, MaxKeepAlive: u, WebSocketLife: u,
		AccountConnections: u, AccountSubscriptions: u, AccountConnects: u, AccountSubscribes: u, AccountPublishesIn: u, AccountPublishesOut: u}
}
