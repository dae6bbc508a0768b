package mqtt

import (
	"log/slog"
	"slices"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/engine"
)

// happened handles an event of the engine. c.mu is held.
func (c *Client) happened(ev *engine.Event) {
	switch ev.Kind {
	case engine.EventConnected:
		n := c.session.Number
		if n == 0 || !ev.Connack.SessionPresent {
			n++
		}
		c.session = Session{Negotiated: c.engine.Negotiated(), ResponseInformation: ev.Connack.ResponseInformation,
			ServerReference: ev.Connack.ServerReference, UserProperties: ev.Connack.UserProperties,
			Number: n, Restoring: c.engine.Restoring()}
		if l := c.link; l != nil && l.auth != nil {
			l.auth.final = ev.Connack.AuthData
		}
	case engine.EventAuth:
		c.challenged(ev.Auth)
	case engine.EventTimedOut:
		if k, ok := ev.Op.User.(*call); ok {
			k.overdue(c)
		}
	case engine.EventSubscriptionRestored:
		c.announce(subscriptionRestored(ev.Filter))
	case engine.EventSubscriptionLost:
		c.subscriptionLost(ev.Filter, ev.Err)
	case engine.EventSubscriptionDelayed:
		filter, err, wait := ev.Filter, ev.Err, time.Duration(ev.Wait)
		if f := c.cfg.Trace.SubscriptionDelayed; f != nil {
			c.tell(func() { f(filter, err, wait) })
		}
		c.logLater(slog.LevelWarn, "subscription delayed", logFilter, filter, logError, err, logWait, wait)
	case engine.EventForgiven:
		err := ev.Err
		if f := c.cfg.Trace.Forgiven; f != nil {
			c.tell(func() { f(err) })
		}
	}
}

// subscriptionLost takes a filter that the broker refused to restore from its subscriptions. One that has none left
// ends.
func (c *Client) subscriptionLost(filter string, err error) {
	c.announce(subscriptionLost(filter, err))
	c.logLater(slog.LevelError, "subscription lost", logFilter, filter, logError, err)
	at := c.router.routes[filter]
	if at == nil {
		return
	}
	for _, s := range slices.Clone(at.subs) {
		c.router.remove(filter, s)
		s.filters = slices.DeleteFunc(s.filters, func(f string) bool { return f == filter })
		if len(s.filters) == 0 {
			s.end(err)
		}
	}
}
