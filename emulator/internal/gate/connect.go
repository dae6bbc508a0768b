package gate

import (
	"fmt"
	"strings"

	"github.com/gneiss-mqtt/gneiss-go/core/packet"
	"github.com/gneiss-mqtt/gneiss-go/emulator/broker"
	"github.com/gneiss-mqtt/gneiss-go/emulator/internal/account"
)

// Door is what the driver tells of a connection, as its Context.
type Door struct {
	// Principal is who has come in, where that is known before CONNECT.
	Principal *account.Principal
	// ServerName is that of TLS, Headers and Query are those of a WebSocket's upgrade: for a custom authorizer.
	ServerName string
	Headers    map[string]string
	Query      string
}

// connect decides on a CONNECT.
func (g *Gate) connect(now broker.Instant, c *broker.Client, p *packet.Connect) broker.ConnectDecision {
	if !g.connects.each(now, g.quotas.AccountConnects) {
		return refuse(packet.QuotaExceeded, "the account connects too often")
	}
	if !g.mayConnect(now, c.ID) {
		return refuse(packet.QuotaExceeded, "this client identifier connects too often")
	}
	if strings.HasPrefix(c.ID, "$") && p.ClientID != "" {
		return refuse(packet.ClientIdentifierNotValid, "a client identifier must not begin with $")
	}
	door, _ := c.Info.Context.(*Door)
	switch {
	case door == nil:
		return refuse(packet.NotAuthorized, "the client has not shown who it is")
	case door.Principal == nil:
		return g.ask(now, c, p, door)
	}
	return g.admit(now, c, p, door.Principal)
}

func refuse(code packet.ReasonCode, reason string) broker.ConnectDecision {
	return broker.ConnectDecision{Code: code, ReasonString: reason}
}

// admit lets a client in whose principal is known.
func (g *Gate) admit(now broker.Instant, c *broker.Client, p *packet.Connect, who *account.Principal) broker.ConnectDecision {
	if w := p.Will; w != nil && len(w.Payload) > clamp(g.quotas.Payload, 1<<30) {
		return refuse(packet.QuotaExceeded, "the will is too large")
	}
	a := attempt{who: who, client: c.ID}
	if p.Will != nil {
		a.attributes, a.willTopic = append(a.attributes, "LastWill"), p.Will.Topic
	}
	if persistent(c.Version, p) {
		a.attributes = append(a.attributes, "PersistentConnect")
	}
	if why := g.denied(&a, actionConnect, "client/"+c.ID); why != "" {
		return refuse(packet.NotAuthorized, why)
	}
	if p.Will != nil && !g.opts.HonourWillDelay {
		p.Will.DelayInterval = 0
	}
	d := broker.ConnectDecision{}
	if g.next.Connect != nil {
		d = g.next.Connect(now, c, p)
	}
	if !d.Pending && d.Code == packet.Success {
		d = g.disturbConnect(c, d)
	}
	if d.Drop || d.Code != packet.Success {
		return d
	}
	// A client whose user has postponed the decision is here already, since nobody asks again.
	if d.Identity == nil {
		d.Identity = who // for when the connection is gone
	}
	peer := &peer{id: c.ID, principal: who, session: g.sessionID()}
	g.peers[c.Conn] = peer
	if door, _ := c.Info.Context.(*Door); door != nil && door.Headers != nil && g.quotas.WebSocketLife > 0 {
		peer.endAt, peer.endReason = now.Add(g.quotas.WebSocketLife), "WEBSOCKET_TTL_EXPIRATION"
		g.watch(peer.endAt)
	}
	return d
}

// who returns the principal of a client, connected or not; nil where a hook of the user has put something else there.
func (g *Gate) who(c *broker.Client) *account.Principal {
	if p := g.peers[c.Conn]; p != nil {
		return p.principal
	}
	p, _ := c.Identity.(*account.Principal)
	return p
}

// persistent reports whether a client asks for a session that outlives its connection.
func persistent(v packet.Version, p *packet.Connect) bool {
	if v == packet.V5 {
		return p.SessionExpiry > 0
	}
	return !p.CleanStart
}

// AssignID makes up a client identifier as the service does: one that it does not take from a client.
func (g *Gate) AssignID() string { return "$GEN/" + g.sessionID() }

// sessionID returns a random UUID.
func (g *Gate) sessionID() string {
	a, b := g.random.Uint64(), g.random.Uint64()
	a = a&^0xf000 | 0x4000
	b = b&^(3<<62) | 2<<62
	return fmt.Sprintf("%08x-%04x-%04x-%04x-%012x", a>>32, a>>16&0xffff, a&0xffff, b>>48, b&(1<<48-1))
}
