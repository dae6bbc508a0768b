package emulator

import (
	"context"
	"math/rand/v2"
	"net/http"
	"reflect"

	"github.com/gneiss-mqtt/gneiss-go/emulator/broker"
	"github.com/gneiss-mqtt/gneiss-go/emulator/internal/account"
	"github.com/gneiss-mqtt/gneiss-go/emulator/internal/gate"
	"github.com/gneiss-mqtt/gneiss-go/emulator/internal/httpapi"
	"github.com/gneiss-mqtt/gneiss-go/emulator/internal/service"
	"github.com/gneiss-mqtt/gneiss-go/emulator/internal/statedir"
)

// cloud is what the AWS profile has beside the broker. The server's lock guards it.
type cloud struct {
	s        *Server
	account  *account.Account
	gate     *gate.Gate
	services *services
	handler  http.Handler    // of the HTTP API; nil without one
	life     context.Context // ends when the server stops
	end      context.CancelFunc
	state    *statedir.Dir // nil where nothing is kept, as keeper is
	keeper   *keeper
	keys     keys
}

// newCloud makes an account without things.
func (s *Server) newCloud() error {
	o := s.opts.IoT.WithDefaults()
	c := &cloud{s: s, account: account.New(o.Account, o.Region)}
	c.services = newServices(host{s}, c.account, o)
	c.handler = httpapi.New(httpapi.Config{
		Host: host{s}, Shadow: c.services.shadow, Jobs: c.services.jobs, Provisioning: c.services.provisioning,
		Commands: c.services.commands, Endpoint: s.endpointOf,
	})
	c.gate = gate.New(gate.Config{
		Options: o, Account: c.account, Services: []service.Service{c.services.faults}, Epoch: s.opts.Epoch, Next: s.opts.Hooks,
		Random: rand.NewPCG(s.opts.Seed, 1),
	})
	s.cloud = c
	return nil
}

// begin makes a context for what the server waits for.
func (c *cloud) begin() { c.life, c.end = context.WithCancel(context.Background()) }

// follow tells the gate what has happened and does what it asks for. It reports whether that can have led to more.
func (c *cloud) follow(list []broker.Event) bool {
	now := c.s.now()
	c.gate.Observe(now, list)
	a := c.gate.TakeActions()
	c.s.core.Reply(now, a.Replies...)
	for _, k := range a.Kicks {
		c.s.core.End(now, k.Conn, k.Code, k.Reason)
	}
	for _, ask := range a.Asks {
		c.s.wg.Go(func() { c.put(c.life, ask) })
	}
	c.s.callHooks()
	c.s.orderKeys()
	if c.keeper != nil && c.services.faults.TakeBusy() {
		c.keeper.note()
	}
	return !a.Empty()
}

// put asks a custom authorizer and brings its answer.
func (c *cloud) put(ctx context.Context, a *gate.Ask) {
	ctx, cancel := context.WithTimeout(ctx, gate.AuthorizerTime)
	defer cancel()
	d, err := a.Put(ctx)
	if err != nil {
		c.s.log.Info("custom authorizer failed", "client", a.Event.ClientID, "error", err)
	}
	_ = c.s.do(func(now broker.Instant) error { // a server that is not running has no client that waits
		if answer := c.gate.Answer(now, a, d, err); answer != nil {
			c.s.core.ResolveConnect(now, a.Conn, *answer)
			c.s.unblock(a.Conn)
		}
		return nil
	})
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
