package sim

import (
	"fmt"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/engine"
	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// The kinds of operation of an application.
const (
	actPublish = iota
	actFlood
	actRetain
	actSubscribe
	actUnsubscribe
	actCancel
	actDisconnect
	actReauth
	actDrop
	actRestart
	numActs
)

var actNames = [numActs]string{"publish", "flood", "retain", "subscribe", "unsubscribe", "cancel", "disconnect",
	"re-authenticate", "drop session", "restart"}

// act does one random thing.
func (a *app) act() {
	c := a.c
	w := c.w
	if c.e == nil || c.asleep(&a.timer) {
		return
	}
	if w.calm {
		return
	}
	w.sched.set(&a.timer, w.now+w.about(w.plan.opEvery))
	kind := w.weigh(w.plan.acts[:])
	w.stats.Acts[kind]++
	switch kind {
	case actPublish:
		a.publishAny()
	case actFlood:
		for range 2 + w.IntN(w.plan.flood) {
			a.publishAny()
		}
	case actRetain:
		a.publish(a.topic(), packet.QoS(w.IntN(3)), func(m *message, p *packet.Publish) { p.Retain = true })
	case actSubscribe:
		a.subscribe(w.plan.someFilters(w.chance, c.plan.engine.Version))
	case actUnsubscribe:
		a.unsubscribe(w.plan.someFilters(w.chance, packet.V311)[0].Filter)
	case actCancel:
		if n := len(a.requests); n > 0 {
			a.cancel(a.requests[w.IntN(n)])
		}
	case actDisconnect:
		a.disconnect()
	case actReauth:
		a.reauthenticate()
	case actDrop:
		c.dropSession()
	case actRestart:
		c.shutdown()
		return
	}
	if c.e != nil {
		c.settle()
	}
}

func (a *app) topic() string {
	w := a.c.w
	switch w.IntN(4) {
	case 0:
		return pick(w.chance, "all/0", "all/1", "all/2")
	case 1:
		return pick(w.chance, "s/0", "s/1")
	}
	return fmt.Sprintf("p/%s/%d", a.c.name, w.IntN(3))
}

func (a *app) publishAny() {
	c := a.c
	w := c.w
	v5 := c.plan.engine.Version == packet.V5
	qos := packet.QoS(w.weigh(w.plan.qos[:]))
	a.publish(a.topic(), qos, func(m *message, p *packet.Publish) {
		if v5 && w.percent(w.plan.expiring) {
			m.seconds = uint32(1 + w.IntN(w.plan.longestExpiry))
			m.expires = c.wall() + engine.Instant(time.Duration(m.seconds)*time.Second)
			p.MessageExpiry = packet.Some(m.seconds)
		}
		if v5 && c.plan.engine.Aliases == engine.AliasManual && w.one(2) {
			p.TopicAlias = uint16(1 + w.IntN(4))
		}
		m.refused = qos > 0 && w.percent(w.plan.refused)
		m.poison = qos > 0 && c.plan.engine.MaxInterrupted > 0 && w.percent(w.plan.poison)
	})
}

func (a *app) cancel(r *request) {
	c := a.c
	r.canceled = true
	if c.e.Cancel(c.now(), r.op) {
		c.w.stats.Canceled++
	}
}

// disconnect ends the connection in order; the client comes back after a while.
func (a *app) disconnect() {
	c := a.c
	w := c.w
	if !c.e.Connected() {
		return
	}
	p := &packet.Disconnect{}
	if c.plan.engine.Version == packet.V5 && w.one(3) {
		p.Code = packet.DisconnectWithWill
	}
	if c.plan.connect.SessionExpiry > 0 && c.plan.engine.Version == packet.V5 && w.one(4) {
		p.SessionExpiry = packet.Some(uint32(w.IntN(60)))
	}
	if err := c.e.Disconnect(c.now(), p); err != nil {
		w.violate(kindModel, "Disconnect: %v", err)
	}
}

func (a *app) reauthenticate() {
	c := a.c
	if c.plan.connect.AuthMethod == "" || !c.e.Connected() || c.reauth {
		return
	}
	c.reauth = true
	if err := c.e.Authenticate(c.now(), &packet.Auth{Code: packet.ReAuthenticate, Data: []byte("a")}); err != nil {
		c.w.violate(kindModel, "%s: Authenticate: %v", c.name, err)
	}
}

// authenticate answers the broker's step.
func (c *client) authenticate(p *packet.Auth) {
	if p.Code == packet.Success {
		c.reauth = false
		return
	}
	if c.e.Err() != nil {
		return
	}
	if err := c.e.Authenticate(c.now(), &packet.Auth{Code: packet.ContinueAuthentication, Data: p.Data}); err != nil {
		c.w.violate(kindModel, "%s: Authenticate: %v", c.name, err)
	}
}
