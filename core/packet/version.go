package packet

import "fmt"

// Version is the protocol level that a CONNECT announces.
type Version byte

// The two versions this package speaks.
const (
	V311 Version = 4 // MQTT 3.1.1
	V5   Version = 5 // MQTT 5.0
)

// v5 treats the zero value as MQTT 5, in both directions.
func (v Version) v5() bool { return v != V311 }

// String returns "MQTT 3.1.1" or "MQTT 5".
func (v Version) String() string {
	switch v {
	case V311:
		return "MQTT 3.1.1"
	case V5:
		return "MQTT 5"
	}
	return fmt.Sprintf("MQTT level %d", byte(v))
}

// QoS is the quality of service of a message or a subscription.
type QoS byte

// The three qualities of service.
const (
	QoS0 QoS = 0 // at most once
	QoS1 QoS = 1 // at least once
	QoS2 QoS = 2 // exactly once
)

// PayloadFormat says what a payload is: the Payload Format Indicator of MQTT 5.
type PayloadFormat byte

// The two payload formats. FormatBytes, the default, is not written to the wire: absent means the same.
const (
	FormatBytes PayloadFormat = 0
	FormatUTF8  PayloadFormat = 1
)

// A UserProperty is one name and value pair. Order and duplicates are kept [MQTT-3.1.3-10].
type UserProperty struct {
	Key, Value string
}

// Opt is a property whose absence means something other than its zero value.
type Opt[T comparable] struct {
	value T
	set   bool
}

// Some returns a property that is present.
func Some[T comparable](v T) Opt[T] { return Opt[T]{value: v, set: true} }

// Get returns the value and whether it is present.
func (o Opt[T]) Get() (T, bool) { return o.value, o.set }

// Or returns the value, or def where it is absent.
func (o Opt[T]) Or(def T) T {
	if o.set {
		return o.value
	}
	return def
}

// IsSet reports whether the property is present.
func (o Opt[T]) IsSet() bool { return o.set }

// String formats the value, or "absent".
func (o Opt[T]) String() string {
	if !o.set {
		return "absent"
	}
	return fmt.Sprint(o.value)
}
