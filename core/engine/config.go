package engine

import (
	"errors"

	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// OfflinePolicy says which operations wait for a connection, when there is none and when it is lost.
// Messages at QoS 1 and 2 of which a byte may have left are always kept until CONNACK tells whether the session is still
// there; only where it is not does the policy decide.
type OfflinePolicy uint8

// The offline policies.
const (
	// KeepAcknowledged keeps everything the broker acknowledges; publishes at QoS 0 fail. The default.
	KeepAcknowledged OfflinePolicy = iota
	// KeepAll also keeps publishes at QoS 0 of which no byte can have left.
	KeepAll
	// KeepPublishes keeps publishes at QoS 1 and 2 only.
	KeepPublishes
	// KeepNone fails everything.
	KeepNone
)

func (p OfflinePolicy) keeps(o *Op) bool {
	switch p {
	case KeepAll:
		return true
	case KeepAcknowledged:
		return o.acknowledged()
	case KeepPublishes:
		return o.Kind == OpPublish && o.Publish.QoS > 0
	}
	return false
}

// AliasMode says how topic aliases are used towards the broker.
type AliasMode uint8

// The alias modes.
const (
	// AliasNone uses none. The default.
	AliasNone AliasMode = iota
	// AliasManual uses Publish.TopicAlias as the application sets it.
	AliasManual
	// AliasLRU gives aliases to the topics used last.
	AliasLRU
)

// Config is fixed for the life of an engine. The zero value of a field is its default.
type Config struct {
	Version packet.Version // default V5
	Strict  bool           // forgive nothing the specification does not

	Offline    OfflinePolicy
	QueueCount int // operations that may wait or be under way; default 10,000; negative: no limit
	QueueBytes int // bytes they may hold; default 64 MiB; negative: no limit

	AckTimeout  Duration // default 60 s; negative: none
	PingTimeout Duration // default 30 s, never above half the keep alive

	OutLimit int // bytes to write above which new work waits; default 64 KiB

	Aliases   AliasMode
	AliasSize int // of AliasLRU; default 32, at most what the broker allows

	// Durable makes the engine produce records of what must survive the process.
	Durable bool
	// Epoch is the wall time of Instant 0, in nanoseconds since 1970: messages that expire go on to while no process runs.
	Epoch int64

	// MaxInflight bounds the messages at QoS 1 and 2 that may be under way towards the broker, below the receive maximum
	// that it announces. Default in MQTT 3.1.1, which has no such announcement, 20; in MQTT 5 no limit of our own.
	MaxInflight int

	// InboundBytes is the memory of unacknowledged messages up to which a broker that exceeds our receive maximum is
	// forgiven. Default 1 MiB; in strict mode it is not.
	InboundBytes int

	ManualAcks bool // a message at QoS 2 is taken when acknowledged, not when delivered

	// ResumeUnknown accepts a session that the broker kept although this engine has no state of it, as after a
	// restart without a durable store. The specification asks to close such a connection [MQTT-3.2.2-4].
	ResumeUnknown bool

	SlowStart bool // after a reconnect, one acknowledged operation at a time until what was interrupted is over
	// MaxInterrupted fails an operation with ErrInterrupted that was under way at the end of more connections; 0: no
	// limit. The last try is made as in slow start, so that none fails for what another has done.
	MaxInterrupted uint8
	FiltersPerOp   int // filters in one SUBSCRIBE when subscriptions are restored; default 64

	NoQoS2       bool // refuse QoS 2 when it is submitted, for a service that has none and may not say so
	MaxPayload   int  // bytes; refuse larger payloads when they are submitted; 0: no limit
	PublishRate  int  // PUBLISH packets sent in a second; 0: no limit
	PublishBytes int  // bytes of PUBLISH packets sent in a second; 0: no limit
}

const (
	defaultQueueCount  = 10_000
	defaultQueueBytes  = 64 << 20
	defaultAckTimeout  = 60 * Second
	defaultPingTimeout = 30 * Second
	defaultOutLimit    = 64 << 10
	defaultAliasSize   = 32
	defaultFilters     = 64
	defaultInbound     = 1 << 20
	defaultInflight    = 20 // what brokers of MQTT 3.1.1 take without being asked
)

func (c *Config) setDefaults() error {
	if c.Version == 0 {
		c.Version = packet.V5
	}
	if c.Version != packet.V5 && c.Version != packet.V311 {
		return errors.New("mqtt: version is neither V5 nor V311")
	}
	if c.Offline > KeepNone {
		return errors.New("mqtt: unknown offline policy")
	}
	if c.Aliases > AliasLRU {
		return errors.New("mqtt: unknown alias mode")
	}
	def(&c.QueueCount, defaultQueueCount)
	def(&c.QueueBytes, defaultQueueBytes)
	def(&c.AckTimeout, defaultAckTimeout)
	def(&c.PingTimeout, defaultPingTimeout)
	def(&c.OutLimit, defaultOutLimit)
	def(&c.AliasSize, defaultAliasSize)
	def(&c.FiltersPerOp, defaultFilters)
	def(&c.InboundBytes, defaultInbound)
	if c.Version == packet.V311 {
		def(&c.MaxInflight, defaultInflight)
	}
	if c.PingTimeout < 0 || c.OutLimit < 0 || c.AliasSize < 0 || c.AliasSize > maxIDs || c.FiltersPerOp < 0 || c.MaxInflight < 0 {
		return errors.New("mqtt: ping timeout, out limit, alias size, filters per subscribe and messages in flight must not be negative")
	}
	if c.PublishRate < 0 || c.PublishBytes < 0 || c.MaxPayload < 0 {
		return errors.New("mqtt: rates and limits must not be negative")
	}
	return nil
}

func (c *Config) maximumQoS() packet.QoS {
	if c.NoQoS2 {
		return packet.QoS1
	}
	return packet.QoS2
}

func def[T int | Duration](v *T, d T) {
	if *v == 0 {
		*v = d
	}
}
