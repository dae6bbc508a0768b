package awsiot

import (
	"errors"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// failedWith reports whether an acknowledgement refused, in whole or in part, with one of the codes.
func (f *facts) failedWith(t packet.Type, codes ...packet.ReasonCode) bool {
	if f.code == nil || f.code.Packet != t {
		return false
	}
	for _, c := range codes {
		if f.code.Code == c {
			return true
		}
		for _, each := range f.code.Codes {
			if each == c {
				return true
			}
		}
	}
	return false
}

// What the refusal of an operation stands for.
var operationRows = []row{
	{
		cause:  CausePolicy,
		when:   func(f *facts) bool { return f.failedWith(packet.PUBACK, packet.NotAuthorized) },
		likely: "no policy allows to publish to {topic}",
		check:  publishPolicy,
		grant:  publishGrant,
	},
	{
		cause:  CauseTopic,
		when:   func(f *facts) bool { return f.failedWith(packet.PUBACK, packet.TopicNameInvalid) },
		likely: "the service does not take the topic {topic}",
		check:  []string{"its length, at most 256 bytes and 7 slashes without $aws/rules/<rule>/", "reserved topics: not every $aws/... can be published to"},
	},
	{
		cause:  CauseQuota,
		when:   func(f *facts) bool { return f.failedWith(packet.PUBACK, packet.QuotaExceeded) },
		likely: "the publish is above a quota",
		check: []string{
			"the rates: 100 publishes and 512 KiB in a second for a connection, and those of the account", "the rates of retained messages",
			"the payload, at most 128 KiB, and the user properties, at most 8 KB",
		},
	},
	{
		cause:  CausePolicy,
		when:   func(f *facts) bool { return f.failedWith(packet.SUBACK, packet.NotAuthorized) },
		likely: "no policy allows a subscription to {filters}",
		check:  subscribePolicy,
		grant:  subscribeGrant,
	},
	{
		cause:  CauseTopic,
		when:   func(f *facts) bool { return f.failedWith(packet.SUBACK, packet.TopicFilterInvalid) },
		likely: "the service does not take the filters {filters}",
		check:  []string{"their length, at most 256 bytes and 7 slashes without $share/<name>/", "reserved topics: not every $aws/... can be subscribed to"},
	},
	{
		cause:  CauseSubscribe,
		when:   func(f *facts) bool { return f.failedWith(packet.SUBACK, packet.QuotaExceeded) },
		likely: "there are too many subscriptions",
		check:  []string{"their number: 50 in a connection, and the members of a shared subscription", "wildcards, or several connections"},
	},
	{
		cause: CauseTopic,
		when: func(f *facts) bool {
			return f.failedWith(packet.SUBACK, packet.UnspecifiedError) && anyOverlong(f.filters())
		},
		likely: "the service does not take a filter of more than 256 bytes or 7 slashes: {filters}",
		check:  []string{"the filters"},
	},
	{
		cause:  CausePolicy,
		when:   func(f *facts) bool { return f.failedWith(packet.SUBACK, packet.UnspecifiedError) },
		likely: "the service does not take a subscription to {filters}: most likely no policy allows it",
		check:  subscribePolicy,
		grant:  subscribeGrant,
	},
	{
		cause:  CauseQoS,
		when:   func(f *facts) bool { return f.limit != nil && f.limit.Code == packet.QoSNotSupported },
		likely: "AWS IoT Core has no QoS 2",
		check:  []string{"the QoS: 1 has the same guarantee but for duplicates, which an application can tell by a number in the payload"},
	},
	{
		cause:  CausePayload,
		when:   func(f *facts) bool { return f.limit != nil && f.limit.Code == packet.PacketTooLarge },
		likely: "AWS IoT Core takes payloads of 128 KiB, and packets of 146 KiB, at most",
		check:  []string{"the payload: Amazon S3 takes larger ones"},
	},
	{
		cause: CauseTopic,
		when: func(f *facts) bool {
			return f.op != nil && f.op.Op == "publish" && errors.Is(f.err, mqtt.ErrInterrupted) && overlong(f.op.Topic)
		},
		likely: "the connection ended several times while a publish to a topic of more than 256 bytes or 7 slashes was under way: {topic}",
		check:  []string{"the topic"},
	},
	{
		cause: CausePolicy,
		when: func(f *facts) bool {
			return f.op != nil && f.op.Op == "publish" && errors.Is(f.err, mqtt.ErrInterrupted)
		},
		likely: "the connection ended several times while a publish to {topic} was under way: most likely AWS IoT Core hangs up because of it",
		check:  append([]string{"the payload, at most 128 KiB, and the topic, at most 256 bytes and 7 slashes"}, publishPolicy...),
		grant:  publishGrant,
	},
	{
		cause: CausePolicy,
		when: func(f *facts) bool {
			return f.op != nil && f.op.Op == "subscribe" && errors.Is(f.err, mqtt.ErrInterrupted)
		},
		likely: "the connection ended several times while a SUBSCRIBE was under way: most likely AWS IoT Core hangs up because of it",
		check:  subscribePolicy,
	},
}
