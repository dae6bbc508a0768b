package awsiot

import (
	"strings"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

func publishGrant(f *facts) string {
	actions := []string{"iot:Publish"}
	if f.op == nil && f.last.retain {
		actions = append(actions, "iot:RetainPublish")
	}
	return f.grant([]string{"topic/" + f.topic()}, actions...)
}

func subscribeGrant(f *facts) string {
	var resources []string
	for _, filter := range f.filters() {
		resources = append(resources, "topicfilter/"+filter)
	}
	if len(resources) == 0 {
		return ""
	}
	return f.grant(resources, "iot:Subscribe")
}

// subscribePolicy is what to look at in a policy for subscriptions.
var subscribePolicy = []string{
	"that a policy allows iot:Subscribe on topicfilter/... with the filter as it is: + and # are no wildcards there, * is",
	"that iot:Receive is allowed on topic/... for what the filter matches",
	"where the policy uses variables, that they have values: the client identifier as thing name, the thing attached",
}

var publishPolicy = []string{
	"that a policy allows iot:Publish on topic/... for this topic, and iot:RetainPublish where the message is retained",
	"where the policy uses variables, that they have values: the client identifier as thing name, the thing attached",
}

// What a DISCONNECT of the service stands for.
var disconnectRows = []row{
	{
		cause:  CauseDuplicate,
		when:   func(f *facts) bool { return f.carries(packet.DISCONNECT, packet.SessionTakenOver) },
		likely: "another connection has come with the client identifier {client}",
		check:  []string{"whether two devices, or two processes, have the same client identifier", "whether an image with the identifier in it was copied"},
	},
	{
		cause: CausePolicy,
		when: func(f *facts) bool {
			return f.carries(packet.DISCONNECT, packet.NotAuthorized) && f.blames(packet.PUBLISH)
		},
		likely: "no policy allows to publish to a topic; the last one was {topic}",
		check:  publishPolicy,
		grant:  publishGrant,
	},
	{
		cause: CausePolicy,
		when: func(f *facts) bool {
			return f.carries(packet.DISCONNECT, packet.NotAuthorized) && f.blames(packet.SUBSCRIBE)
		},
		likely: "no policy allows a subscription; the last ones were to {filters}",
		check:  subscribePolicy,
		grant:  subscribeGrant,
	},
	{
		cause:  CausePolicy,
		when:   func(f *facts) bool { return f.carries(packet.DISCONNECT, packet.NotAuthorized) },
		likely: "a policy does not allow something that the connection did, or allows it no more",
		check: []string{
			"iot:Receive on topic/... for what arrives: it is checked on every message",
			"with a custom authorizer, the policy that it returned when it was asked again",
		},
	},
	{
		cause:  CauseKeepAlive,
		when:   func(f *facts) bool { return f.carries(packet.DISCONNECT, packet.KeepAliveTimeout) },
		likely: "the service has heard nothing for one and a half keep alive intervals",
		check:  []string{"the network", "whether the device slept", "Config.KeepAlive: the service takes 30 s to 1,200 s"},
	},
	{
		cause:  CauseTopic,
		when:   func(f *facts) bool { return f.carries(packet.DISCONNECT, packet.TopicFilterInvalid) },
		likely: "the service does not take a topic filter; the last ones were {filters}",
		check:  []string{"their length, at most 256 bytes and 7 slashes without $share/<name>/", "reserved topics: not every $aws/... can be subscribed to"},
	},
	{
		cause:  CauseTopic,
		when:   func(f *facts) bool { return f.carries(packet.DISCONNECT, packet.TopicNameInvalid) },
		likely: "the service does not take a topic; the last one was {topic}",
		check:  []string{"its length, at most 256 bytes and 7 slashes without $aws/rules/<rule>/", "reserved topics: not every $aws/... can be published to"},
	},
	{
		cause:  CauseQuota,
		when:   func(f *facts) bool { return f.carries(packet.DISCONNECT, packet.ReceiveMaximumExceeded) },
		likely: "there were more than 100 messages at QoS 1 under way",
		check:  []string{"that one client only uses the connection: this one keeps to the service's receive maximum"},
	},
	{
		cause:  CauseAliases,
		when:   func(f *facts) bool { return f.carries(packet.DISCONNECT, packet.TopicAliasInvalid) },
		likely: "the service does not take a topic alias",
		check:  []string{"that Publish.TopicAlias is at most 8"},
	},
	{
		cause:  CausePayload,
		when:   func(f *facts) bool { return f.carries(packet.DISCONNECT, packet.PacketTooLarge) },
		likely: "a packet was too large; the last payload had {payload} bytes",
		check:  []string{"the payload, at most 128 KiB, and the user properties, at most 8 KB"},
	},
	{
		cause: CauseSubscribe,
		when: func(f *facts) bool {
			return f.carries(packet.DISCONNECT, packet.QuotaExceeded) && f.blames(packet.SUBSCRIBE)
		},
		likely: "there are too many subscriptions",
		check:  []string{"their number: 50 in a connection, and 8 in a SUBSCRIBE", "wildcards, or several connections"},
	},
	{
		cause: CauseQuota,
		when: func(f *facts) bool {
			return f.carries(packet.DISCONNECT, packet.QuotaExceeded, packet.MessageRateTooHigh)
		},
		likely: "the connection does more than its quota allows",
		check:  []string{"the rates: 100 publishes and 512 KiB in a second, each way"},
	},
	{
		cause:  CauseAdministrator,
		when:   func(f *facts) bool { return f.carries(packet.DISCONNECT, packet.AdministrativeAction) },
		likely: "somebody has ended the connection",
		check:  []string{"DeleteConnection in the account's CloudTrail", "the status of the certificate, and Device Defender's mitigation actions"},
	},
	{
		cause:  CauseQoS,
		when:   func(f *facts) bool { return f.carries(packet.DISCONNECT, packet.QoSNotSupported) },
		likely: "the service has no QoS 2",
		check:  []string{"the QoS of publishes and subscriptions: 0 or 1"},
	},
	{
		cause:  CauseIdentifiers,
		when:   func(f *facts) bool { return f.carries(packet.DISCONNECT, packet.SubscriptionIdentifiersNotSupported) },
		likely: "the service has no subscription identifiers",
		check:  []string{"NoSubscriptionIDs in the Limits of the endpoint, which is set unless somebody changed it"},
	},
	{
		cause:  CauseService,
		when:   func(f *facts) bool { return f.carries(packet.DISCONNECT, packet.ServerShuttingDown, packet.ServerBusy) },
		likely: "the service moves the connection elsewhere, as it does now and then",
	},
	{
		cause:  CauseService,
		when:   func(f *facts) bool { return f.carries(packet.DISCONNECT, packet.MalformedPacket, packet.ProtocolError) },
		likely: "the service could not read a packet, or did not expect it",
		check:  []string{"whether something on the way changes the bytes", "this client: please report it, with what it was doing"},
	},
}

// age of a connection at which AWS IoT Core ends it.
const (
	webSocketLife  = 24 * time.Hour
	connectionLife = 7 * 24 * time.Hour
	authorizerLife = 300 * time.Second // the least that an authorizer can ask for
)

// What a hang-up without a word stands for. MQTT 3.1.1 has no other answer to most mistakes.
var hangUpRows = []row{
	{
		cause:  CauseSubscribe,
		when:   func(f *facts) bool { return f.droppedAfter(packet.SUBSCRIBE) && len(f.last.filters) > maxFilters },
		likely: "the service hung up after a SUBSCRIBE with more than 8 filters",
		check:  []string{"FiltersPerSubscribe in the Limits of the endpoint"},
	},
	{
		cause:  CauseTopic,
		when:   func(f *facts) bool { return f.droppedAfter(packet.SUBSCRIBE) && anyOverlong(f.last.filters) },
		likely: "the service hung up after a SUBSCRIBE with a filter of more than 256 bytes or 7 slashes: {filters}",
		check:  []string{"the filters"},
	},
	{
		cause:  CausePolicy,
		when:   func(f *facts) bool { return f.droppedAfter(packet.SUBSCRIBE) },
		likely: "the service hung up after a SUBSCRIBE: most likely no policy allows {filters}",
		check:  append([]string{"the number of subscriptions of the connection, at most 50"}, subscribePolicy...),
		grant:  subscribeGrant,
	},
	{
		cause:  CauseQoS,
		when:   func(f *facts) bool { return f.droppedAfter(packet.PUBLISH) && f.last.qos == packet.QoS2 },
		likely: "the service hung up after a PUBLISH at QoS 2, which it does not have",
		check:  []string{"the QoS: 0 or 1"},
	},
	{
		cause:  CausePayload,
		when:   func(f *facts) bool { return f.droppedAfter(packet.PUBLISH) && f.last.payload > maxPayload },
		likely: "the service hung up after a PUBLISH of {payload} bytes",
		check:  []string{"the payload, at most 128 KiB: Amazon S3 takes larger ones"},
	},
	{
		cause:  CauseTopic,
		when:   func(f *facts) bool { return f.droppedAfter(packet.PUBLISH) && overlong(f.last.topic) },
		likely: "the service hung up after a PUBLISH to a topic of more than 256 bytes or 7 slashes: {topic}",
		check:  []string{"the topic"},
	},
	{
		cause:  CauseTopic,
		when:   func(f *facts) bool { return f.droppedAfter(packet.PUBLISH) && strings.HasPrefix(f.last.topic, "$") },
		likely: "the service hung up after a PUBLISH to the reserved topic {topic}: there is none of this name, or no policy allows it",
		check:  append([]string{"the spelling: reserved topics are listed in the developer guide", "that the message is not retained"}, publishPolicy...),
		grant:  publishGrant,
	},
	{
		cause:  CausePolicy,
		when:   func(f *facts) bool { return f.droppedAfter(packet.PUBLISH) && f.last.topic != "" },
		likely: "the service hung up after a PUBLISH: most likely no policy allows the topic {topic}",
		check:  publishPolicy,
		grant:  publishGrant,
	},
	{
		cause: CauseAuthorizer,
		when: func(f *facts) bool {
			return f.mode == modeCustomAuth && f.accepted && f.silent && f.age >= authorizerLife
		},
		likely: "the connection has ended after {age}: the custom authorizer's decision has run out, or was not renewed",
		check:  []string{"disconnectAfterInSeconds and refreshAfterInSeconds of its answer", "that it answers when it is asked again"},
	},
	{
		cause: CauseLifetime,
		when: func(f *facts) bool {
			return f.mode == modeSigV4 && f.accepted && f.silent && f.age >= webSocketLife-time.Hour
		},
		likely: "the connection has ended after {age}: the service closes a WebSocket after 24 hours",
	},
	{
		cause:  CauseLifetime,
		when:   func(f *facts) bool { return f.accepted && f.silent && f.age >= connectionLife },
		likely: "the connection has ended after {age}: the service closes connections after a week or two",
	},
	{
		cause: CauseDuplicate,
		when: func(f *facts) bool {
			return f.version == packet.V311 && f.accepted && f.silent && f.age > 0 && f.age < 5*time.Minute
		},
		likely: "the service hung up without a reason: another connection may have come with the client identifier {client}",
		check: []string{
			"whether two devices, or two processes, have the same client identifier",
			"iot:Receive on topic/... for what arrives: it is checked on every message",
			"the network",
		},
	},
}
