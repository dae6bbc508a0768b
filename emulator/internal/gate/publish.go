package gate

import (
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
	"github.com/gneiss-mqtt/gneiss-go/emulator/broker"
	"github.com/gneiss-mqtt/gneiss-go/emulator/internal/account"
	"github.com/gneiss-mqtt/gneiss-go/emulator/internal/service"
	"github.com/gneiss-mqtt/gneiss-go/emulator/iotcore"
)

// publish decides on a PUBLISH.
func (g *Gate) publish(now broker.Instant, c *broker.Client, p *packet.Publish) broker.PublishDecision {
	peer := g.peers[c.Conn]
	if peer == nil {
		return broker.PublishDecision{Code: packet.NotAuthorized, Disconnect: true}
	}
	if !peer.in.each(now, g.quotas.PublishesIn) || !g.in.each(now, g.quotas.AccountPublishesIn) {
		if p.QoS == packet.QoS0 || c.Version != packet.V5 {
			return broker.PublishDecision{Consume: true, Answer: broker.Answer{Omit: true}}
		}
		return g.refusePublish(c, p, packet.QuotaExceeded, "too many messages in a second")
	}
	f := g.strike(iotcore.OnPublish, c.ID, p.Topic)
	if f != nil && f.Code.Failed() {
		return g.refusePublish(c, p, f.Code, "a fault")
	}
	d := g.judge(now, c.ID, peer.principal, p)
	if d.Code.Failed() && !d.Disconnect {
		return g.refusePublish(c, p, d.Code, d.ReasonString)
	}
	if !d.Disconnect && !d.Consume && g.next.Publish != nil {
		d = g.next.Publish(now, c, p)
	}
	if f != nil {
		d.Answer = answerOf(f)
	}
	return d
}

// will decides on a will. Wills to reserved topics go nowhere.
func (g *Gate) will(now broker.Instant, c *broker.Client, p *packet.Publish) broker.PublishDecision {
	if reserved(p.Topic) {
		return broker.PublishDecision{Consume: true}
	}
	if who := g.who(c); who != nil {
		if d := g.judge(now, c.ID, who, p); d.Code.Failed() {
			return d
		}
	}
	if next := g.next.Will; next != nil {
		return next(now, c, p)
	}
	if next := g.next.Publish; next != nil {
		return next(now, c, p)
	}
	return broker.PublishDecision{}
}

// refusePublish answers as the client can be answered: PUBACK has a code in MQTT 5 only.
func (g *Gate) refusePublish(c *broker.Client, p *packet.Publish, code packet.ReasonCode, reason string) broker.PublishDecision {
	end := c.Version != packet.V5 || p.QoS == packet.QoS0 || g.opts.EndOnDenied && code == packet.NotAuthorized
	return broker.PublishDecision{Code: code, ReasonString: reason, Disconnect: end}
}

// judge applies the rules that hold for a message whichever way it comes. It may lower the packet's message expiry.
func (g *Gate) judge(now broker.Instant, client string, who *account.Principal, p *packet.Publish) broker.PublishDecision {
	if wrong := g.checkTopic(p.Topic); wrong != "" {
		return broker.PublishDecision{Code: packet.TopicNameInvalid, ReasonString: wrong}
	}
	if wrong := g.checkSize(p); wrong != "" {
		return broker.PublishDecision{Code: packet.QuotaExceeded, ReasonString: wrong}
	}
	a := attempt{who: who, client: client}
	why := g.denied(&a, actionPublish, "topic/"+p.Topic)
	if why == "" && p.Retain {
		why = g.denied(&a, actionRetain, "topic/"+p.Topic)
	}
	if why != "" {
		return broker.PublishDecision{Code: packet.NotAuthorized, ReasonString: why}
	}
	if e, ok := p.MessageExpiry.Get(); ok {
		p.MessageExpiry = packet.Some(min(max(e, 1), seconds(g.quotas.MessageExpiry)))
	}
	if reserved(p.Topic) {
		return g.consume(now, client, who, p)
	}
	return broker.PublishDecision{}
}

// Replies returns the messages of a service as those of the broker.
func Replies(list []service.Message) []broker.Reply {
	out := make([]broker.Reply, len(list))
	for i, m := range list {
		out[i] = broker.Reply{Publish: m.Packet, To: m.To, Only: !m.Fan}
	}
	return out
}

func (g *Gate) checkSize(p *packet.Publish) string {
	if len(p.Payload) > clamp(g.quotas.Payload, 1<<30) {
		return "the payload is too large"
	}
	n := 0
	for _, u := range p.UserProperties {
		n += len(u.Key) + len(u.Value)
	}
	if n > clamp(g.quotas.UserProperties, 1<<30) {
		return "the user properties are too large"
	}
	return ""
}

// consume hands a message on a reserved topic to its service. Nobody else gets it.
func (g *Gate) consume(now broker.Instant, client string, who *account.Principal, p *packet.Publish) broker.PublishDecision {
	if p.Retain {
		return broker.PublishDecision{Code: packet.TopicNameInvalid, ReasonString: "a reserved topic cannot retain"}
	}
	r := service.Request{Now: g.Wall(now), ClientID: client, Topic: p.Topic, Payload: p.Payload}
	if who.Kind == account.ByDevice {
		r.CertificateID = who.ID
	}
	for _, s := range g.services {
		if out, ours := s.Handle(&r); ours {
			return broker.PublishDecision{Consume: true, Replies: Replies(out)}
		}
	}
	if !known(p.Topic) && g.opts.EndOnReserved {
		return broker.PublishDecision{Code: packet.TopicNameInvalid, ReasonString: "the service has no such topic", Disconnect: true}
	}
	return broker.PublishDecision{Consume: true}
}
