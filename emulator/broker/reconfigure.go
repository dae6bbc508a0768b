package broker

import "errors"

// ErrConnected is returned by [Broker.Reconfigure] while there are connections.
var ErrConnected = errors.New("broker: there are connections")

// Reconfigure changes the limits, as a restart with another configuration does: there must be no connection. Sessions,
// subscriptions and what waits for them stay as they are.
func (b *Broker) Reconfigure(l Limits) error {
	if len(b.conns) > 0 {
		return ErrConnected
	}
	l = l.withDefaults()
	if err := l.validate(); err != nil {
		return err
	}
	b.limits, b.trie.below = l, l.HashBelowOnly
	return nil
}
