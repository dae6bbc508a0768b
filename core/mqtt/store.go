package mqtt

import "github.com/gneiss-mqtt/gneiss-go/core/engine"

// SessionStore keeps the session of one client across restarts of its process and losses of power: messages at QoS 1
// and 2 that are not acknowledged, and which messages at QoS 2 have been received. [New] loads it, and the client closes
// it when it is done.
//
// A store is a map from keys to values. After a crash it holds the result of a prefix of all changes it was ever
// given, one that reaches at least to the end of the last Apply that returned nil. Package
// [github.com/gneiss-mqtt/gneiss-go/core/filestore] is one; package mqtttest has a conformance suite for others.
//
// Calls do not overlap.
type SessionStore interface {
	// Load calls yield for every key, in ascending order, and returns the first error of yield. The value is valid
	// until yield returns.
	Load(yield func(key uint64, value []byte) error) error
	// Apply makes changes, in order. When it returns nil they survive. Many changes at once cost little more than
	// one. After an error nothing or a part may have been made; the client tries the same changes again later.
	Apply(changes []Change) error
	// Close releases the store. Another process may open it then.
	Close() error
}

// Change is a value put under a key, or, where Value is nil, a key deleted. Stores must not keep Value.
type Change = engine.Record
