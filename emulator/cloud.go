package emulator

import (
	"math/rand/v2"
	"net/http"
	"reflect"

	"github.com/gneiss-mqtt/gneiss-go/emulator/broker"
	"github.com/gneiss-mqtt/gneiss-go/emulator/internal/account"
	"github.com/gneiss-mqtt/gneiss-go/emulator/internal/gate"
)

// cloud is what the AWS profile has beside the broker. The server's lock guards it.
type cloud struct {
	s       *Server
	account *account.Account
	gate    *gate.Gate
	handler http.Handler // of the HTTP API; nil without one
	web     *web
}

// newCloud makes an account without things.
func (s *Server) newCloud() error {
	o := s.opts.IoT.WithDefaults()
	c := &cloud{s: s, account: account.New(o.Account, o.Region)}
	services, handler := newServices(host{s}, c.account)
	c.handler = handler
	c.gate = gate.New(gate.Config{
		Options: o, Account: c.account, Services: services, Epoch: s.opts.Epoch, Next: s.opts.Hooks,
		Random: rand.NewPCG(s.opts.Seed, 1),
	})
	s.cloud = c
	return nil
}

// follow tells the gate what has happened and does what it asks for. It reports whether that can have led to more.
func (c *cloud) follow(list []broker.Event) bool {
	now := c.s.now()
	c.gate.Observe(now, list)
	a := c.gate.TakeActions()
	c.s.core.Reply(now, a.Replies...)
	for _, k := range a.Kicks {
		c.s.core.End(now, k.Conn, k.Code, k.Reason)
	}
	return !a.Empty()
}

// overlay returns the limits with those of other that are not zero in their place.
func overlay(limits, other broker.Limits) broker.Limits {
	to, from := reflect.ValueOf(&limits).Elem(), reflect.ValueOf(other)
	for i := range from.NumField() {
		if f := from.Field(i); !f.IsZero() {
			to.Field(i).Set(f)
		}
	}
	return limits
}
