package gate

import (
	"fmt"
	"strings"

	"github.com/gneiss-mqtt/gneiss-go/core/packet"
	"github.com/gneiss-mqtt/gneiss-go/emulator/broker"
	"github.com/gneiss-mqtt/gneiss-go/emulator/iotcore"
)

// subscribe decides on one filter.
func (g *Gate) subscribe(now broker.Instant, c *broker.Client, f packet.Filter) broker.SubscribeDecision {
	peer := g.peers[c.Conn]
	if peer == nil {
		return broker.SubscribeDecision{Code: packet.NotAuthorized, Disconnect: true}
	}
	if !g.subscribes.each(now, g.quotas.AccountSubscribes) {
		return broker.SubscribeDecision{Code: packet.QuotaExceeded, ReasonString: "the account subscribes too often"}
	}
	if f.QoS == packet.QoS2 { // never granted as something less
		return broker.SubscribeDecision{Code: packet.QoSNotSupported, Disconnect: true, ReasonString: "there is no QoS 2"}
	}
	if wrong := g.checkTopic(f.Filter); wrong != "" {
		return broker.SubscribeDecision{Code: packet.TopicFilterInvalid, ReasonString: wrong}
	}
	group, inner, shared := packet.SplitShared(f.Filter)
	if !shared {
		inner = f.Filter
	}
	if len(group) > maxGroupName {
		return broker.SubscribeDecision{Code: packet.TopicFilterInvalid, ReasonString: fmt.Sprintf("the group's name is longer than %d bytes", maxGroupName)}
	}
	if reserved(inner) && (strings.HasPrefix(inner, ingest) || !known(inner) && g.opts.EndOnReserved) {
		return broker.SubscribeDecision{Code: packet.TopicFilterInvalid, Disconnect: g.opts.EndOnReserved, ReasonString: "the service has no such topic to subscribe to"}
	}
	if why := g.denied(&attempt{who: peer.principal, client: c.ID}, actionSubscribe, "topicfilter/"+f.Filter); why != "" {
		// MQTT 3.1.1 has a code for it too, but the service closes the connection.
		return broker.SubscribeDecision{Code: packet.NotAuthorized, Disconnect: g.opts.EndOnDenied || c.Version != packet.V5, ReasonString: why}
	}
	var d broker.SubscribeDecision
	if g.next.Subscribe != nil {
		d = g.next.Subscribe(now, c, f)
	}
	if f := g.strike(iotcore.OnSubscribe, c.ID, f.Filter); f != nil {
		if f.Code.Failed() {
			return broker.SubscribeDecision{Code: f.Code, Disconnect: c.Version != packet.V5}
		}
		d.Answer = answerOf(f)
	}
	return d
}

// deliver decides whether a message may go to a client.
func (g *Gate) deliver(now broker.Instant, c *broker.Client, topic string) bool {
	if who := g.who(c); who != nil && g.denied(&attempt{who: who, client: c.ID}, actionReceive, "topic/"+topic) != "" {
		return false
	}
	if f := g.strike(iotcore.OnDeliver, c.ID, topic); f != nil && f.Drop {
		return false
	}
	if peer := g.peers[c.Conn]; peer != nil && !(peer.out.each(now, g.quotas.PublishesOut) && g.out.each(now, g.quotas.AccountPublishesOut)) {
		return false
	}
	return g.next.Deliver == nil || g.next.Deliver(now, c, topic)
}
