package broker

import (
	"slices"

	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// group is the members of one shared subscription: the same group name and the same filter [section 4.8.2].
type group struct {
	name    string
	node    *node
	members []*subscription
	turn    int // whose turn it is
}

// group returns the node's group of a name, which is made where it does not exist.
func (n *node) group(name string) *group {
	for _, g := range n.groups {
		if g.name == name {
			return g
		}
	}
	g := &group{name: name, node: n}
	n.groups = append(n.groups, g)
	return g
}

// remove takes a member out. An empty group goes.
func (g *group) remove(sub *subscription) {
	i := slices.Index(g.members, sub)
	if i < 0 {
		return
	}
	g.members = slices.Delete(g.members, i, i+1)
	if i < g.turn {
		g.turn--
	}
	if len(g.members) == 0 {
		if i := slices.Index(g.node.groups, g); i >= 0 {
			g.node.groups = slices.Delete(g.node.groups, i, i+1)
		}
	}
}

// choose picks who gets the next message, in turn or at random: among those who are connected and read, else among those
// who are connected, else, at QoS 1 and 2, among those who are away but keep a session. It returns nil where nobody can
// get it.
func (g *group) choose(qos packet.QoS) *subscription {
	best, rank := -1, 0
	if n := len(g.members); n > 1 && g.members[0].session.b.limits.SharedAtRandom {
		g.turn = g.members[0].session.b.random.IntN(n)
	}
	for i := range g.members {
		i = (g.turn + i) % len(g.members)
		if r := g.members[i].rank(qos); r > rank {
			if best, rank = i, r; r == ready {
				break
			}
		}
	}
	if best < 0 {
		return nil
	}
	g.turn = best + 1
	return g.members[best]
}

// ready is the rank of a member that can have a message at once.
const ready = 3

func (sub *subscription) rank(qos packet.QoS) int {
	s := sub.session
	switch {
	case s.conn == nil || !s.conn.live():
		if min(qos, sub.qos) > packet.QoS0 && s.expiry > 0 && s.waiting.n < s.b.limits.MaxQueued {
			return 1
		}
		return 0
	case !s.conn.roomy():
		return 2
	}
	return ready
}

// redistribute gives the messages of an ended session that came by shared subscriptions to other members: those at QoS
// 1, and those at QoS 2 that were never sent. A QoS 2 delivery that had begun goes to nobody [MQTT-4.8.2-5].
func (b *Broker) redistribute(s *session) {
	for _, list := range []*deliveryList{&s.flying, &s.waiting} {
		for d := list.first; d != nil; d = d.next {
			if d.group == nil || d.qos == packet.QoS2 && d.sent != 0 || d.msg.expired(b.now) {
				continue
			}
			sub := d.group.choose(d.msg.pkt.QoS)
			if sub == nil {
				b.dropped(s, &d.msg.pkt, CauseLost)
				continue
			}
			pub := publication{b: b, pkt: &d.msg.pkt, from: d.msg.from, msg: d.msg}
			var ids []uint32
			if sub.id != 0 {
				ids = []uint32{sub.id}
			}
			sub.session.deliver(&pub, min(sub.qos, d.msg.pkt.QoS), false, ids, d.group)
		}
	}
}
