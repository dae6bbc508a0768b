package gate

import (
	"math"

	"github.com/gneiss-mqtt/gneiss-go/core/packet"
	"github.com/gneiss-mqtt/gneiss-go/emulator/broker"
	"github.com/gneiss-mqtt/gneiss-go/emulator/iotcore"
)

// Limits returns what the broker itself has to know. CONNACK follows from it: it is that of the real service.
func Limits(o iotcore.Options) broker.Limits {
	q := o.WithDefaults().Quotas
	return broker.Limits{
		MaxClientID:       clamp(q.ClientID, math.MaxUint16),
		MaxPacketSize:     uint32(clamp(q.Packet, 64<<20)),
		ReceiveMaximum:    uint16(clamp(q.Unacked, math.MaxUint16)),
		MaxInflight:       uint16(clamp(q.Unacked, math.MaxUint16)),
		TopicAliasIn:      uint16(clamp(q.TopicAliases, math.MaxUint16)),
		TopicAliasOut:     uint16(clamp(q.TopicAliases, math.MaxUint16)),
		MaxFilters:        clamp(q.Filters, math.MaxUint16),
		MaxSubscriptions:  clamp(q.Subscriptions, 1<<20),
		MaxConnections:    clamp(q.AccountConnections, 1<<20),
		AllSubscriptions:  clamp(q.AccountSubscriptions, 1<<24),
		MaxSessionExpiry:  seconds(q.SessionExpiry),
		SessionExpiryV311: seconds(q.SessionExpiry),
		MinKeepAlive:      uint16(max(0, q.MinKeepAlive)),
		MaxKeepAlive:      uint16(clamp(q.MaxKeepAlive, math.MaxUint16)),
		AlwaysKeepAlive:   true,
		AnnounceAll:       true,
		MaximumQoS:        packet.Some(packet.QoS1),
		NoSubscriptionIDs: true,
		PlainSuccess:      true,
		StoredPerSecond:   max(0, q.Redelivery),

		HashBelowOnly:       true,
		RetainedToExactOnly: true,
		SessionPerVersion:   true,
		NoDup:               true,
		SharedAtRandom:      true,
		EndAtSubscriptions:  true,
	}
}

// seconds returns a quota as a time in a packet, where the largest number stands for no limit.
func seconds(q int) uint32 {
	if q < 0 {
		return broker.Forever
	}
	return uint32(min(uint64(q), broker.Forever))
}

// clamp returns a quota as a number that a field can hold.
func clamp(q, most int) int {
	if q < 0 {
		return most
	}
	return min(q, most)
}
