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
	actReplace
	actReauth
	actDrop
	actRestart
	numActs
)

var actNames = [numActs]string{"publish", "flood", "retain", "subscribe", "unsubscribe", "cancel", "disconnect", "replace connection",
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
	case actReplace:
		a.replace()
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
			m.accepted = c.wall()
			m.expires = m.accepted + engine.Instant(time.Duration(m.seconds)*time.Second)
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

// replace ends the connection when the broker has acknowledged all that was sent, so that nothing has to be sent again. What
// is submitted meanwhile waits. An application that has waited for long enough gives up.
func (a *app) replace() {
	c := a.c
	c.settle()
	if !c.e.Connected() || c.paused || c.storing() || c.e.Pending() || len(c.out) > 0 {
		return
	}
	c.paused = true
	c.e.Hold(c.now(), true)
	c.w.sched.set(&c.patience, c.w.now+c.w.within(time.Second, 2*time.Minute))
}

// goOn ends a pause that came to nothing.
func (c *client) goOn() {
	if c.e == nil || !c.paused || c.asleep(&c.patience) {
		return
	}
	c.paused = false
	c.e.Hold(c.now(), false)
	c.settle()
}

// replaced ends a connection on which nothing is under way any more.
func (c *client) replaced() {
	if !c.paused || c.storing() || !c.e.Connected() || !c.e.Settled() {
		return
	}
	c.w.note(c.name, "replaces its connection", 0)
	c.paused = false
	if err := c.e.Disconnect(c.now(), nil); err != nil {
		c.w.violate(kindModel, "Disconnect: %v", err)
	}
	c.watch.settledAll()
	c.flush()
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
