package broker

import "github.com/gneiss-mqtt/gneiss-go/core/packet"

// authorize asks the hook, and goes on where it has decided.
func (c *conn) authorize(authData []byte) {
	c.auth.final = authData
	d := ConnectDecision{Identity: c.client.Identity}
	if hook := c.b.opts.Hooks.Connect; hook != nil {
		d = hook(c.b.now, &c.client, c.connect)
	}
	if d.Pending {
		c.state = statePending
		c.auth.deciding = false
		return
	}
	c.decided(d)
}

// ResolveConnect brings the decision that the Connect hook postponed. It is ignored where none is awaited.
func (b *Broker) ResolveConnect(now Instant, id ConnID, d ConnectDecision) {
	b.tick(now)
	if c := b.conns[id]; c != nil && c.state == statePending && !c.auth.deciding && !d.Pending {
		c.state = stateOpen
		c.decided(d)
		c.resume()
	}
	b.settle()
}

func (c *conn) decided(d ConnectDecision) {
	if d.Drop {
		c.silent = true
		c.end(packet.UnspecifiedError, CauseServer, "dropped")
		return
	}
	if d.Code != packet.Success {
		if !d.Code.ValidIn(packet.CONNACK) {
			d.Code = packet.UnspecifiedError
		}
		ack := packet.Connack{Code: d.Code, ServerReference: d.ServerReference, UserProperties: d.UserProperties}
		c.refuseWith(&ack, CauseNotAuthorized, d.ReasonString)
		return
	}
	if d.Identity != nil {
		c.client.Identity = d.Identity
	}
	c.accept(d)
}

// accept takes the session over or makes one, and answers with CONNACK.
func (c *conn) accept(d ConnectDecision) {
	b, p := c.b, c.connect
	ack, expiry := c.negotiate()
	ack.ReasonString, ack.UserProperties = d.ReasonString, d.UserProperties
	if !c.fits(ack) {
		c.silent = true
		c.end(packet.PacketTooLarge, CauseProtocol, "not even CONNACK fits the client's maximum packet size")
		return
	}
	s, present := b.claim(c.client.ID, c.client.Version, p.CleanStart || d.Fresh)
	if s == nil {
		c.refuse(packet.QuotaExceeded, CauseQuota, "too many sessions")
		return
	}
	ack.SessionPresent = present // [MQTT-3.2.2-2] [MQTT-3.2.2-3]
	s.expiry = expiry
	if p.Will != nil {
		s.will = b.newWill(c, p.Will)
	}
	c.session, s.conn, s.client = s, c, c.client
	c.state = stateUp
	c.lastPacket = b.now
	c.connect = nil
	b.timers.stop(&c.timer)
	c.expired(b, &c.timer) // sets the timer anew, for what a connected client can be late with
	c.send(ack)
	b.stats.Connected++
	if b.wants(EventConnected) {
		b.emit(Event{Kind: EventConnected, Client: c.client, SessionPresent: present})
	}
	s.resumeDelivery()
}

// fits reports whether a packet, cut down where need be, is within the client's maximum packet size.
func (c *conn) fits(p packet.Packet) bool {
	if c.maxPacket == 0 {
		return true
	}
	whole, _ := p.Append(nil, c.client.Version)
	if len(whole) <= c.maxPacket {
		return true
	}
	trim(p)
	whole, _ = p.Append(nil, c.client.Version)
	return len(whole) <= c.maxPacket
}

// claim returns the session of a client identifier, taken over from another connection or new, and whether it was
// there. It returns nil where there are too many.
func (b *Broker) claim(id string, v packet.Version, clean bool) (s *session, present bool) {
	if old := b.sessions[id]; old != nil {
		b.takeover(old)
	}
	s = b.sessions[id] // its expiry may have been 0
	if s != nil && (clean || b.limits.SessionPerVersion && s.client.Version != v) {
		b.endSession(s) // [MQTT-3.1.2-4]
		s = nil
	}
	if s == nil {
		if len(b.sessions) >= b.limits.MaxSessions {
			return nil, false
		}
		return b.newSession(id), false
	}
	s.will = nil // a will that was delayed is not sent [MQTT-3.1.3-9]
	b.timers.stop(&s.willTimer)
	b.timers.stop(&s.expiryTimer)
	return s, true
}

// negotiate sets the connection's limits from the CONNECT and returns what CONNACK says of the server's, and how many
// seconds the session outlives the connection.
func (c *conn) negotiate() (ack *packet.Connack, expiry uint32) {
	l, p := &c.b.limits, c.connect
	c.quota = int(l.MaxInflight)
	announce := c.setKeepAlive(p.KeepAlive)
	if p.Version == packet.V311 {
		if !p.CleanStart { // 3.1.1 [MQTT-3.1.2-4] [MQTT-3.1.2-6]
			expiry = min(l.SessionExpiryV311, l.MaxSessionExpiry)
		}
		return &packet.Connack{}, expiry
	}
	if p.ReceiveMaximum != 0 {
		c.quota = min(c.quota, int(p.ReceiveMaximum))
	}
	c.maxAliases = min(p.TopicAliasMaximum, l.TopicAliasOut)
	expiry = min(p.SessionExpiry, l.MaxSessionExpiry)
	ack = &packet.Connack{
		ServerKeepAlive:   announce,
		ReceiveMaximum:    l.ReceiveMaximum,
		MaximumPacketSize: l.MaxPacketSize,
		TopicAliasMaximum: l.TopicAliasIn,
		AuthMethod:        p.AuthMethod, // [MQTT-4.12.0-5]
		AuthData:          c.auth.final,
	}
	if expiry != p.SessionExpiry {
		ack.SessionExpiry = packet.Some(expiry)
	}
	if p.ClientID == "" {
		ack.AssignedClientID = c.client.ID
	}
	if q := l.maximumQoS(); q < packet.QoS2 {
		ack.MaximumQoS = packet.Some(q) // [MQTT-3.2.2-9]
	}
	unavailable := func(no bool) packet.Opt[bool] {
		if no || l.AnnounceAll {
			return packet.Some(!no)
		}
		return packet.Opt[bool]{}
	}
	ack.RetainAvailable = unavailable(l.NoRetain)
	ack.WildcardAvailable = unavailable(l.NoWildcards)
	ack.SharedAvailable = unavailable(l.NoShared)
	ack.SubscriptionIDAvailable = unavailable(l.NoSubscriptionIDs)
	if p.RequestResponseInformation { // [MQTT-3.1.2-28]
		ack.ResponseInformation = l.ResponseInformation
	}
	return ack, expiry
}
