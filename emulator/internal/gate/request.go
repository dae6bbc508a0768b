package gate

import (
	"maps"
	"slices"

	"github.com/gneiss-mqtt/gneiss-go/core/packet"
	"github.com/gneiss-mqtt/gneiss-go/emulator/broker"
	"github.com/gneiss-mqtt/gneiss-go/emulator/internal/account"
	"github.com/gneiss-mqtt/gneiss-go/emulator/internal/service"
)

// Request judges a message that comes by HTTP. Where a service has consumed it there are replies, else it is to be
// published.
func (g *Gate) Request(now broker.Instant, who *account.Principal, p *packet.Publish) (replies []broker.Reply, consumed bool, err error) {
	d := g.judge(now, "", who, p)
	switch {
	case d.Code.Failed():
		return nil, false, &service.Refusal{Code: d.Code, Reason: d.ReasonString}
	case d.Disconnect:
		return nil, false, &service.Refusal{Code: packet.NotAuthorized, Reason: d.ReasonString}
	}
	return d.Replies, d.Consume, nil
}

// StatusChanged disconnects whoever uses a certificate that is not active any more.
func (g *Gate) StatusChanged(certificateID string) {
	if c := g.account.Certificate(certificateID); c != nil { // it may be named by its ARN
		if certificateID = c.ID; c.Status == account.Active {
			return
		}
	}
	for _, id := range slices.Sorted(maps.Keys(g.peers)) {
		if p := g.peers[id]; p.principal.Kind == account.ByDevice && p.principal.ID == certificateID {
			g.kick(id, p, packet.NotAuthorized, "FORBIDDEN_ACCESS", "the certificate is not active")
		}
	}
}
