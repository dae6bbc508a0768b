package broker

import "github.com/gneiss-mqtt/gneiss-go/core/packet"

// will is the message that a client left for the case that its connection ends badly.
type will struct {
	pkt   packet.Publish
	delay uint32 // seconds
}

func (b *Broker) newWill(c *conn, w *packet.Will) *will {
	return &will{delay: w.DelayInterval, pkt: packet.Publish{
		QoS: w.QoS, Retain: w.Retain, Topic: w.Topic, Payload: w.Payload, // [MQTT-3.1.2-14] [MQTT-3.1.2-15]
		PayloadFormat: w.PayloadFormat, MessageExpiry: w.MessageExpiry, ContentType: w.ContentType,
		ResponseTopic: w.ResponseTopic, CorrelationData: w.CorrelationData, UserProperties: w.UserProperties,
	}}
}

// releaseWill decides at the end of a connection what becomes of its will [MQTT-3.1.2-8] [MQTT-3.14.4-3].
func (b *Broker) releaseWill(s *session, keep bool) {
	if s.will == nil {
		return
	}
	if !keep {
		s.will = nil // [MQTT-3.1.2-10]
		return
	}
	if s.will.delay == 0 {
		b.publishWill(s)
		return
	}
	b.timers.set(&s.willTimer, b.now.Add(seconds(s.will.delay)), s) // or at the end of the session, if that is earlier
}

// publishWill sends the will, which is then gone.
func (b *Broker) publishWill(s *session) {
	b.timers.stop(&s.willTimer)
	if s.will == nil {
		return
	}
	pkt := s.will.pkt
	s.will = nil
	b.stats.Wills++
	pub := publication{b: b, pkt: &pkt, from: s.id}
	hook := b.opts.Hooks.Publish
	if b.opts.Hooks.Will != nil {
		hook = b.opts.Hooks.Will
	}
	if hook != nil {
		switch d := hook(b.now, &s.client, &pkt); {
		case d.Disconnect || d.Code.Failed():
			b.stats.RefusedPublishes++
			return
		case d.Consume:
			b.reportPublished(&pub, &s.client, true)
			b.replies = d.Replies
			b.sendReplies()
			return
		default:
			b.replies = d.Replies
		}
	}
	b.reportPublished(&pub, &s.client, false)
	b.distribute(&pub, s)
	b.sendReplies()
}
