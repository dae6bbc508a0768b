package broker

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// ErrNoClient is returned for a client identifier without a connection or, where that is enough, without a session.
var ErrNoClient = errors.New("broker: no such client")

// Publish distributes a message of the server's own, to which no hook is asked. It is copied where it has to be kept.
func (b *Broker) Publish(now Instant, p packet.Publish) error {
	b.tick(now)
	if err := b.checkOwn(&p); err != nil {
		return err
	}
	if p.Retain && !b.retained.fits(b, &p) {
		return fmt.Errorf("broker: publish: too many retained messages")
	}
	pub := publication{b: b, pkt: &p}
	b.reportPublished(&pub, &Client{}, false)
	b.distribute(&pub, nil)
	b.settle()
	return nil
}

// Send delivers a message to one client whether or not it has subscribed to the topic.
func (b *Broker) Send(now Instant, clientID string, p packet.Publish) error {
	b.tick(now)
	s := b.sessions[clientID]
	if s == nil {
		return ErrNoClient
	}
	if err := b.checkOwn(&p); err != nil {
		return err
	}
	pub := publication{b: b, pkt: &p}
	s.deliver(&pub, p.QoS, false, nil, nil)
	b.settle()
	return nil
}

func (b *Broker) checkOwn(p *packet.Publish) error {
	p.Dup, p.ID, p.TopicAlias, p.SubscriptionIDs = false, 0, 0, nil
	if err := p.Validate(packet.V5, b.limits.StrictText); err != nil {
		return fmt.Errorf("broker: publish: %w", err)
	}
	if err := b.checkTopicLimits(p.Topic); err != nil {
		return fmt.Errorf("broker: publish: %w", err)
	}
	n, err := p.Size(packet.V5)
	if err != nil {
		return fmt.Errorf("broker: publish: %w", err)
	}
	if n > int(b.limits.MaxPacketSize) {
		return fmt.Errorf("broker: publish: the message is over the maximum packet size of %d bytes", b.limits.MaxPacketSize)
	}
	return nil
}

// Disconnect ends a client's connection with a DISCONNECT, which MQTT 3.1.1 does not have, and closes it. Its will is
// sent.
func (b *Broker) Disconnect(now Instant, clientID string, code packet.ReasonCode, reason string) error {
	b.tick(now)
	s := b.sessions[clientID]
	if s == nil || s.conn == nil {
		return ErrNoClient
	}
	s.conn.fail(code, CauseServer, reason)
	b.settle()
	return nil
}

// Drop closes a client's connection without a word.
func (b *Broker) Drop(now Instant, clientID string) error {
	b.tick(now)
	s := b.sessions[clientID]
	if s == nil || s.conn == nil {
		return ErrNoClient
	}
	s.conn.drop()
	b.settle()
	return nil
}

func (c *conn) drop() {
	c.silent = true
	c.end(packet.UnspecifiedError, CauseServer, "dropped")
}

// EndSession ends a client's connection and forgets its session. A will that is waiting is sent.
func (b *Broker) EndSession(now Instant, clientID string) error {
	b.tick(now)
	s := b.sessions[clientID]
	if s == nil {
		return ErrNoClient
	}
	s.expiry = 0
	if s.conn != nil {
		s.conn.fail(packet.AdministrativeAction, CauseServer, "the session was ended")
		b.settle()
		return nil
	}
	b.endSession(s)
	b.settle()
	return nil
}

// DropAll closes every connection without a word, as a crash does. Sessions, wills and retained messages stay.
func (b *Broker) DropAll(now Instant) {
	b.tick(now)
	for _, id := range slices.Sorted(maps.Keys(b.conns)) {
		b.conns[id].drop()
	}
	b.settle()
}

// Shutdown ends every connection with a DISCONNECT that says so.
func (b *Broker) Shutdown(now Instant) {
	b.tick(now)
	for _, id := range slices.Sorted(maps.Keys(b.conns)) {
		b.conns[id].fail(packet.ServerShuttingDown, CauseServer, "the server is shutting down")
	}
	b.settle()
}

// ClientInfo describes a session and its connection.
type ClientInfo struct {
	Client
	Connected     bool
	Subscriptions []string // sorted
	Waiting       int      // messages that wait
	Inflight      int      // messages sent and not acknowledged
	Expiry        uint32   // seconds that the session outlives its connection
}

// Clients lists the sessions by client identifier.
func (b *Broker) Clients() []ClientInfo {
	list := make([]ClientInfo, 0, len(b.sessions))
	for _, id := range slices.Sorted(maps.Keys(b.sessions)) {
		s := b.sessions[id]
		list = append(list, ClientInfo{
			Client: s.client, Connected: s.conn != nil, Subscriptions: slices.Sorted(maps.Keys(s.subs)),
			Waiting: s.waiting.n, Inflight: s.flying.n, Expiry: s.expiry,
		})
	}
	return list
}

// Retained returns the retained messages that a filter matches, in the order in which they were stored.
func (b *Broker) Retained(now Instant, filter string) []packet.Publish {
	b.tick(now)
	var list []packet.Publish
	for _, m := range b.retained.match(filter, b.now) {
		list = append(list, *clonePublish(&m.pkt))
	}
	return list
}
