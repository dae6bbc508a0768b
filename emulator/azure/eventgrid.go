package azure

import (
	"errors"
	"sync"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/packet"
	"github.com/gneiss-mqtt/gneiss-go/emulator"
	"github.com/gneiss-mqtt/gneiss-go/emulator/broker"
)

// Ending is what the broker does with a re-authentication, or with a connection whose token has expired.
type Ending uint8

// The endings.
const (
	Accept Ending = iota // AUTH 0x00 for a good token, else as Refuse; a connection that has expired goes on
	Later                // AUTH 0x18: not now
	Refuse               // DISCONNECT 0x87
	Drop                 // the connection is closed without a word
	Ignore               // no answer
)

// EventGridOptions configures an Event Grid namespace.
type EventGridOptions struct {
	// Server says where it listens. Profile, Limits, Hooks, OnEvent, Events and WSPath are the namespace's own.
	Server emulator.Options
	// Issuer's tokens are taken, as OAUTH2-JWT and as CUSTOM-JWT. nil: none are.
	Issuer *Issuer
	// Webhook decides about clients without a token: those with a certificate are taken where it is nil, others refused.
	Webhook func(c *broker.Client, p *packet.Connect) packet.ReasonCode
	// Connect may refuse an attempt with a code, before anything else is looked at. It is told how many there were before.
	Connect func(n int) packet.ReasonCode
	// Reauthenticate chooses the ending of a re-authentication; it is told how many there were before. nil: Accept.
	Reauthenticate func(n int) Ending
	// Expired is what becomes of a connection whose token has expired: Refuse (by default), Drop or Ignore.
	Expired Ending
	// NoRetain is a namespace without retained messages.
	NoRetain bool
	// MaxExpiry is how many seconds a session may outlive its connection. Default 3,600, at most 28,800.
	MaxExpiry uint32
}

// EventGrid is an Event Grid namespace.
type EventGrid struct {
	*emulator.Server
	o        EventGridOptions
	expiries expiries

	mu       sync.Mutex
	attempts map[string]time.Time // by client identifier
	seen     EventGridStats
}

// EventGridStats counts.
type EventGridStats struct {
	Attempts          int // CONNECT packets
	TooSoon           int // of those, less than a second after the last of the session
	Reauthentications int // asked for
	Accepted          int // of those
	Repeated          int // of those asked for, with the token that the broker had already
	Expired           int // connections whose token expired
}

// StartEventGrid starts a namespace.
func StartEventGrid(o EventGridOptions) (*EventGrid, error) {
	if o.MaxExpiry == 0 {
		o.MaxExpiry = 3600
	}
	switch {
	case o.MaxExpiry > 28800:
		return nil, errors.New("azure: EventGridOptions.MaxExpiry is above 28,800 s")
	case o.Expired == Later:
		return nil, errors.New("azure: EventGridOptions.Expired cannot be Later")
	case o.Expired == Accept:
		o.Expired = Refuse
	}
	g := &EventGrid{o: o, attempts: make(map[string]time.Time)}
	server := o.Server
	server.Profile, server.WSPath = emulator.Generic, "/mqtt"
	server.Limits = broker.Limits{
		MaxPacketSize:     512 << 10,
		MaximumQoS:        packet.Some(packet.QoS1),
		MaxKeepAlive:      1160,
		MaxSessionExpiry:  o.MaxExpiry,
		SessionExpiryV311: o.MaxExpiry,
		MaxQueued:         100,
		MaxQueuedBytes:    1 << 20,
		MaxInflight:       16,
		TopicAliasIn:      10,
		MaxTopicLength:    256,
		MaxTopicLevels:    15,
		MaxFilters:        10,
		MaxSubscriptions:  50,
		MaxRetained:       10_000,
		NoShared:          true,
		NoSubscriptionIDs: true,
		NoRetain:          o.NoRetain,
		PlainSuccess:      true,
		NoUserProperties:  true,
	}
	server.Hooks = broker.Hooks{Auth: g.authenticate, Connect: g.connect}
	server.OnEvent, server.Events = g.event, broker.EventDisconnected|broker.EventRefused|broker.EventDropped
	var err error
	g.Server, err = emulator.Start(server)
	return g, err
}

// Close ends the server and everything that was to come.
func (g *EventGrid) Close() error {
	g.expiries.close()
	return g.Server.Close()
}

// Seen returns the counters.
func (g *EventGrid) Seen() EventGridStats {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.seen
}

// bearer is the identity of a client with a token.
type bearer struct {
	subject, token string
	expires        time.Time
}

// authenticate is the hook for enhanced authentication.
func (g *EventGrid) authenticate(_ broker.Instant, c *broker.Client, step broker.AuthStep) broker.AuthDecision {
	if g.o.Issuer == nil || step.Method != "OAUTH2-JWT" && step.Method != "CUSTOM-JWT" {
		return broker.AuthDecision{Code: packet.BadAuthenticationMethod}
	}
	ending := Accept
	if step.Again {
		ending = g.ending(c, step)
	}
	switch ending {
	case Later:
		return broker.AuthDecision{Later: true}
	case Refuse:
		return broker.AuthDecision{Code: packet.NotAuthorized, ReasonString: "scripted"}
	case Drop:
		id := c.ID
		g.expiries.later(func() { _ = g.Server.DropClient(id) })
		return broker.AuthDecision{Pending: true}
	case Ignore:
		return broker.AuthDecision{Pending: true}
	}
	if len(step.Data) > 8192 {
		return broker.AuthDecision{Code: packet.QuotaExceeded, ReasonString: "more than 8 KB of authentication data"}
	}
	subject, expires, err := g.o.Issuer.verify(string(step.Data), time.Now())
	if err != nil {
		return broker.AuthDecision{Code: packet.NotAuthorized, ReasonString: err.Error()}
	}
	if was, ok := c.Identity.(*bearer); ok && was.subject != subject {
		return broker.AuthDecision{Code: packet.NotAuthorized, ReasonString: "the token is of another subject"}
	}
	g.expires(c, expires)
	if step.Again {
		g.count(func(s *EventGridStats) { s.Accepted++ })
	}
	return broker.AuthDecision{Identity: &bearer{subject: subject, token: string(step.Data), expires: expires}}
}

// ending counts a re-authentication and chooses what becomes of it.
func (g *EventGrid) ending(c *broker.Client, step broker.AuthStep) Ending {
	g.mu.Lock()
	n := g.seen.Reauthentications
	g.seen.Reauthentications++
	if was, ok := c.Identity.(*bearer); ok && was.token == string(step.Data) {
		g.seen.Repeated++
	}
	g.mu.Unlock()
	if g.o.Reauthenticate == nil {
		return Accept
	}
	return g.o.Reauthenticate(n)
}

func (g *EventGrid) count(f func(*EventGridStats)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	f(&g.seen)
}

// expires makes the connection end with its token.
func (g *EventGrid) expires(c *broker.Client, at time.Time) {
	id := c.ID
	g.expiries.set(c.Conn, at, func() {
		g.count(func(s *EventGridStats) { s.Expired++ })
		switch g.o.Expired {
		case Refuse:
			_ = g.Server.DisconnectClient(id, packet.NotAuthorized, "the token has expired")
		case Drop:
			_ = g.Server.DropClient(id)
		}
	})
}

// connect is the hook for CONNECT, after a token was judged.
func (g *EventGrid) connect(_ broker.Instant, c *broker.Client, p *packet.Connect) broker.ConnectDecision {
	refuse := func(code packet.ReasonCode, reason string) broker.ConnectDecision {
		g.expiries.forget(c.Conn)
		return broker.ConnectDecision{Code: code, ReasonString: reason}
	}
	now := time.Now()
	g.mu.Lock()
	n := g.seen.Attempts
	g.seen.Attempts++
	last, again := g.attempts[c.ID]
	g.attempts[c.ID] = now
	soon := again && now.Sub(last) < time.Second
	if soon {
		g.seen.TooSoon++
	}
	g.mu.Unlock()
	if g.o.Connect != nil {
		if code := g.o.Connect(n); code.Failed() {
			return refuse(code, "scripted")
		}
	}
	switch token, ok := c.Identity.(*bearer); {
	case soon:
		return refuse(packet.ConnectionRateExceeded, "more than one attempt in a second")
	case len(p.UserProperties) > 0:
		return refuse(packet.ImplementationSpecificError, "user properties in CONNECT")
	case p.Will != nil && p.Will.DelayInterval > 300:
		return refuse(packet.ImplementationSpecificError, "a will delay above 300 s")
	case ok:
		return broker.ConnectDecision{Identity: token}
	case g.o.Webhook != nil:
		if code := g.o.Webhook(c, p); code.Failed() {
			return refuse(code, "the webhook said no")
		}
	case len(c.Info.Certificates) == 0:
		return refuse(packet.NotAuthorized, "neither a token nor a certificate")
	}
	return broker.ConnectDecision{}
}

// event ends what the service ends, and forgets connections.
func (g *EventGrid) event(e broker.Event) {
	switch e.Kind {
	case broker.EventDropped:
		if e.Cause == broker.CauseRefused { // a failing PUBACK
			_ = g.Server.DisconnectClient(e.Client.ID, packet.ProtocolError, "a PUBACK with a failing code")
		}
	default:
		g.expiries.forget(e.Client.Conn)
	}
}
