package broker

import "math/rand/v2"

// Options configures a [Broker]. The zero value accepts everyone and everything the specification allows.
type Options struct {
	Limits Limits
	Hooks  Hooks
	// Events selects what [Broker.TakeEvents] reports; 0 reports nothing.
	Events EventKind
	// AssignID makes up a client identifier; nil means one of this package's.
	AssignID func() string
	// Random is the source of assigned client identifiers; nil means a fixed sequence.
	Random rand.Source
}
