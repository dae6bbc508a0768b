package emulator

import (
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/packet"
	"github.com/gneiss-mqtt/gneiss-go/emulator/broker"
	"github.com/gneiss-mqtt/gneiss-go/emulator/internal/account"
	"github.com/gneiss-mqtt/gneiss-go/emulator/internal/gate"
	"github.com/gneiss-mqtt/gneiss-go/emulator/internal/service"
)

// host is the server, to the handlers of HTTP requests.
type host struct{ s *Server }

var _ service.Host = host{}

func (h host) Do(f func(now time.Time, a *account.Account) []service.Message) error {
	return h.s.do(func(now broker.Instant) error {
		h.s.core.Reply(now, gate.Replies(f(h.s.cloud.gate.Wall(now), h.s.cloud.account))...)
		return nil
	})
}

func (h host) Publish(p *account.Principal, m packet.Publish) error {
	return h.s.do(func(now broker.Instant) error {
		replies, consumed, err := h.s.cloud.gate.Request(now, p, &m)
		if err != nil {
			return err
		}
		if consumed {
			h.s.core.Reply(now, replies...)
			return nil
		}
		return h.s.core.Publish(now, m)
	})
}

func (h host) Allowed(p *account.Principal, action, resource string) bool {
	h.s.mu.Lock()
	defer h.s.mu.Unlock()
	return h.s.cloud.gate.Allowed(p, action, resource)
}

func (h host) Retained(filter string) []packet.Publish { return h.s.Retained(filter) }

func (h host) Disconnect(clientID string, clean, will bool) bool {
	found := false
	_ = h.s.do(func(now broker.Instant) error { // not running: nobody is connected
		found = h.s.core.Remove(now, clientID, clean, will)
		return nil
	})
	return found
}

func (h host) StatusChanged(certificateID string) {
	_ = h.s.do(func(now broker.Instant) error { // not running: nobody is connected
		h.s.cloud.gate.StatusChanged(certificateID)
		return nil
	})
}

func (h host) NewCertificate(csr []byte) (cert, key []byte, err error) {
	return h.s.ca.Device("AWS IoT Certificate", csr)
}
