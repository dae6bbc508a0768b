package gate

import (
	"encoding/json"
	"net"
	"strings"

	"github.com/gneiss-mqtt/gneiss-go/core/packet"
	"github.com/gneiss-mqtt/gneiss-go/emulator/broker"
)

// Observe follows what happens to clients, and publishes it as the service does.
func (g *Gate) Observe(now broker.Instant, list []broker.Event) {
	for i := range list {
		switch e := &list[i]; e.Kind {
		case broker.EventConnected:
			g.connected(e)
		case broker.EventDisconnected:
			g.disconnected(e)
		case broker.EventRefused:
			delete(g.peers, e.Client.Conn)
			delete(g.asked, e.Client.Conn)
		case broker.EventSubscribed:
			g.subscribed(e, "subscribed")
		case broker.EventUnsubscribed:
			g.subscribed(e, "unsubscribed")
		}
	}
}

// lifecycle is the body of an event, with the names of the service.
type lifecycle struct {
	ClientID  string   `json:"clientId"`
	Timestamp int64    `json:"timestamp"` // milliseconds
	EventType string   `json:"eventType"`
	Initiated *bool    `json:"clientInitiatedDisconnect,omitempty"`
	Session   string   `json:"sessionIdentifier"`
	Principal string   `json:"principalIdentifier"`
	Reason    string   `json:"disconnectReason,omitempty"`
	IPAddress string   `json:"ipAddress,omitempty"`
	Version   *int     `json:"versionNumber,omitempty"`
	Topics    []string `json:"topics,omitempty"`
}

func (g *Gate) connected(e *broker.Event) {
	p := g.peers[e.Client.Conn]
	if p == nil {
		return
	}
	h := g.remember(p.id)
	switch {
	case h.here > 0 || h.left != 0 && e.At.Sub(h.left) < memory:
		h.version++
	default:
		h.version = 0
	}
	h.here++
	p.version = h.version
	l := g.lifecycle(e, p, "connected")
	l.IPAddress, _, _ = net.SplitHostPort(e.Client.Info.Remote)
	l.Version = new(p.version)
	g.announce("presence", l)
}

func (g *Gate) disconnected(e *broker.Event) {
	p := g.peers[e.Client.Conn]
	if p == nil {
		return
	}
	delete(g.peers, e.Client.Conn)
	h := g.remember(p.id)
	h.here, h.left = max(0, h.here-1), max(1, e.At)
	l := g.lifecycle(e, p, "disconnected")
	l.Version = new(p.version)
	l.Initiated, l.Reason = new(e.Cause == broker.CauseClient), reasonOf(e)
	if p.reason != "" && !*l.Initiated {
		l.Reason = p.reason
	}
	g.announce("presence", l)
}

func (g *Gate) subscribed(e *broker.Event, what string) {
	if p := g.peers[e.Client.Conn]; p != nil {
		l := g.lifecycle(e, p, what)
		l.Topics = e.Filters
		g.announce("subscriptions", l)
	}
}

func (g *Gate) lifecycle(e *broker.Event, p *peer, what string) *lifecycle {
	return &lifecycle{
		ClientID: p.id, Timestamp: g.Wall(e.At).UnixMilli(), EventType: what, Session: p.session, Principal: p.principal.ID,
	}
}

// announce publishes an event. Client identifiers that would be wildcards get none.
func (g *Gate) announce(kind string, l *lifecycle) {
	if strings.ContainsAny(l.ClientID, "+#") {
		return
	}
	body, err := json.Marshal(l)
	if err != nil {
		return // strings and numbers always are JSON
	}
	g.actions.Replies = append(g.actions.Replies, broker.Reply{Publish: packet.Publish{
		Topic: "$aws/events/" + kind + "/" + l.EventType + "/" + l.ClientID, Payload: body, QoS: packet.QoS1,
	}})
}

// reasonOf returns the service's word for the end of a connection.
func reasonOf(e *broker.Event) string {
	switch e.Cause {
	case broker.CauseClient:
		return "CLIENT_INITIATED_DISCONNECT"
	case broker.CauseLost:
		return "CONNECTION_LOST"
	case broker.CauseKeepAlive:
		return "MQTT_KEEP_ALIVE_TIMEOUT"
	case broker.CauseTakenOver:
		return "DUPLICATE_CLIENTID"
	case broker.CauseProtocol, broker.CauseStalled:
		return "CLIENT_ERROR"
	case broker.CauseNotAuthorized:
		if e.Code == packet.QuotaExceeded {
			return "THROTTLED"
		}
		return "AUTH_ERROR"
	case broker.CauseQuota:
		return "THROTTLED"
	case broker.CauseServer:
		if e.Code == packet.AdministrativeAction {
			return "API_INITIATED_DISCONNECT"
		}
		return "SERVER_INITIATED_DISCONNECT"
	}
	return "UNKNOWN"
}
