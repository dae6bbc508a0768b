package emulator

import (
	"github.com/gneiss-mqtt/gneiss-go/emulator/broker"
	"github.com/gneiss-mqtt/gneiss-go/emulator/internal/gate"
	"github.com/gneiss-mqtt/gneiss-go/emulator/internal/provisioning"
)

// maxOrders is how many requests for a certificate with a new key may wait for one.
const maxOrders = 1000

// keys are the orders of devices that want to be given a key. They are made one after the other, in order, and not under
// the server's lock: an RSA key takes between a few milliseconds and a second, when no other client would be served. The
// server's lock guards the fields.
type keys struct {
	orders []provisioning.KeyOrder
	busy   bool // somebody makes keys
}

// orderKeys takes the orders of the service. It is called with mu held.
func (s *Server) orderKeys() {
	k := &s.cloud.keys
	for _, o := range s.cloud.services.provisioning.TakeKeyOrders() {
		if len(k.orders) >= maxOrders {
			s.core.Reply(s.now(), gate.Replies(o.Refuse())...)
			continue
		}
		k.orders = append(k.orders, o)
	}
	if len(k.orders) > 0 && !k.busy {
		k.busy = true
		s.wg.Go(s.makeKeys)
	}
}

// makeKeys makes keys until no order is left. Those of a server that does not run any more are forgotten with its clients.
func (s *Server) makeKeys() {
	k := &s.cloud.keys
	for {
		s.mu.Lock()
		if !s.running || len(k.orders) == 0 {
			k.orders, k.busy = nil, false
			s.mu.Unlock()
			return
		}
		o := k.orders[0]
		k.orders = k.orders[1:]
		s.mu.Unlock()
		certPEM, keyPEM, err := host{s}.NewCertificate(nil)
		if err != nil {
			s.log.Warn("no key could be made", "error", err)
		}
		_ = s.do(func(now broker.Instant) error { // not running: nobody waits for the answer
			v, wall := s.cloud.services, s.wall()
			out := v.faults.Pass(wall, v.provisioning.Deliver(wall, o, certPEM, keyPEM))
			s.core.Reply(now, gate.Replies(out)...)
			return nil
		})
	}
}
