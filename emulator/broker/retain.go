package broker

import (
	"slices"
	"strings"

	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// retainedStore holds the last retained message of each topic, by the levels of the topics.
type retainedStore struct {
	root       retainedNode
	count      int
	bytes      int64
	order      uint64
	expirySeen Instant // no message expires earlier; 0: none expires at all
}

type retainedNode struct {
	children map[string]*retainedNode
	msg      *message
}

// fits reports whether there is room for a retained message, in place of the one that the topic may have. Where there is
// not, expired messages make room.
func (r *retainedStore) fits(b *Broker, p *packet.Publish) bool {
	if len(p.Payload) == 0 {
		return true
	}
	room := func() bool {
		count, bytes := r.count, r.bytes
		if old := r.get(p.Topic); old != nil {
			count, bytes = count-1, bytes-int64(old.size())
		}
		return count < b.limits.MaxRetained && bytes+int64(publishSize(p)) <= b.limits.MaxRetainedBytes
	}
	if !room() && r.expirySeen != 0 && b.now >= r.expirySeen {
		r.sweep(b.now)
	}
	return room()
}

// sweep removes expired messages.
func (r *retainedStore) sweep(now Instant) {
	var all []*message
	r.root.all(false, &all)
	r.expirySeen = 0
	for _, m := range all {
		if m.expired(now) {
			r.remove(&r.root, m.pkt.Topic)
		} else {
			r.seeExpiry(m)
		}
	}
}

// seeExpiry notes when the next message expires.
func (r *retainedStore) seeExpiry(m *message) {
	if m.pkt.MessageExpiry.IsSet() && (r.expirySeen == 0 || m.expireAt < r.expirySeen) {
		r.expirySeen = m.expireAt
	}
}

func (r *retainedStore) get(topic string) *message {
	n := &r.root
	for level := range strings.SplitSeq(topic, "/") {
		if n = n.children[level]; n == nil {
			return nil
		}
	}
	return n.msg
}

// store replaces the retained message of the topic [MQTT-3.3.1-5], or removes it where the payload is empty
// [MQTT-3.3.1-6] [MQTT-3.3.1-7].
func (r *retainedStore) store(b *Broker, pub *publication) {
	topic := pub.pkt.Topic
	if len(pub.pkt.Payload) == 0 {
		r.remove(&r.root, topic)
		return
	}
	if !r.fits(b, pub.pkt) { // a will: others were refused before
		return
	}
	n := &r.root
	for level := range strings.SplitSeq(topic, "/") {
		next := n.children[level]
		if next == nil {
			if n.children == nil {
				n.children = map[string]*retainedNode{}
			}
			next = &retainedNode{}
			n.children[level] = next
		}
		n = next
	}
	r.drop(n)
	m := *pub.own() // with an order of its own: the message may also be in queues
	r.order++
	m.order = r.order
	n.msg = &m
	r.count++
	r.bytes += int64(m.size())
	r.seeExpiry(n.msg)
}

func (r *retainedStore) drop(n *retainedNode) {
	if n.msg != nil {
		r.count--
		r.bytes -= int64(n.msg.size())
		n.msg = nil
	}
}

// remove deletes a topic's message and reports whether the node has become empty.
func (r *retainedStore) remove(n *retainedNode, topic string) bool {
	level, rest, more := strings.Cut(topic, "/")
	child := n.children[level]
	if child == nil {
		return false
	}
	empty := !more
	if more {
		empty = r.remove(child, rest)
	} else {
		r.drop(child)
	}
	if empty && child.msg == nil && len(child.children) == 0 {
		delete(n.children, level)
		return true
	}
	return false
}

// match returns the retained messages that a filter matches, oldest first. It removes those that have expired.
func (r *retainedStore) match(filter string, now Instant) []*message {
	var found []*message
	r.root.match(filter, true, &found)
	slices.SortFunc(found, func(a, b *message) int { return int(int64(a.order) - int64(b.order)) })
	return slices.DeleteFunc(found, func(m *message) bool {
		if m.expired(now) {
			r.remove(&r.root, m.pkt.Topic)
			return true
		}
		return false
	})
}

func (n *retainedNode) match(filter string, first bool, found *[]*message) {
	level, rest, more := strings.Cut(filter, "/")
	switch level {
	case "#": // the parent level too
		n.all(first, found)
	case "+":
		for name, child := range n.children {
			if !first || !strings.HasPrefix(name, "$") { // [MQTT-4.7.2-1]
				child.next(rest, more, found)
			}
		}
	default:
		if child := n.children[level]; child != nil {
			child.next(rest, more, found)
		}
	}
}

func (n *retainedNode) next(rest string, more bool, found *[]*message) {
	if more {
		n.match(rest, false, found)
	} else if n.msg != nil {
		*found = append(*found, n.msg)
	}
}

func (n *retainedNode) all(first bool, found *[]*message) {
	if n.msg != nil {
		*found = append(*found, n.msg)
	}
	for name, child := range n.children {
		if !first || !strings.HasPrefix(name, "$") {
			child.all(false, found)
		}
	}
}

// sendRetained answers a new subscription with what is retained [MQTT-3.3.1-9].
func (c *conn) sendRetained(sub *subscription) {
	var ids []uint32
	if sub.id != 0 {
		ids = []uint32{sub.id} // [MQTT-3.3.4-3]
	}
	for _, m := range c.b.retained.match(sub.filter, c.b.now) {
		if sub.noLocal && m.from == c.client.ID { // [MQTT-3.8.3-3]
			continue
		}
		c.session.deliverRetained(m, min(sub.qos, m.pkt.QoS), ids)
		c.session.pump() // what is sent takes no place in the queue
	}
}
