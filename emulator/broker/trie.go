package broker

import (
	"slices"
	"strings"

	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// trie holds the subscriptions by the levels of their filters.
type trie struct {
	root  node
	below bool // a/# does not match a
}

type node struct {
	parent   *node
	level    string
	children map[string]*node // by literal level
	plus     *node            // the level +
	hash     *node            // the level #, always a leaf
	subs     []*subscription
	groups   []*group
}

// subscription is one filter of one session.
type subscription struct {
	session *session
	filter  string // as the client wrote it
	node    *node
	group   *group // nil unless shared
	id      uint32 // subscription identifier, 0 for none
	qos     packet.QoS
	noLocal bool
	rap     bool
}

// find returns the node of a filter, which is made where it does not exist.
func (t *trie) find(filter string) *node {
	n := &t.root
	for level := range strings.SplitSeq(filter, "/") {
		n = n.child(level)
	}
	return n
}

func (n *node) child(level string) *node {
	switch level {
	case "+":
		if n.plus == nil {
			n.plus = &node{parent: n, level: level}
		}
		return n.plus
	case "#":
		if n.hash == nil {
			n.hash = &node{parent: n, level: level}
		}
		return n.hash
	}
	c := n.children[level]
	if c == nil {
		if n.children == nil {
			n.children = map[string]*node{}
		}
		c = &node{parent: n, level: level}
		n.children[level] = c
	}
	return c
}

// prune removes a node that has become empty, and its parents with it.
func (n *node) prune() {
	for n.parent != nil && len(n.subs)+len(n.groups)+len(n.children) == 0 && n.plus == nil && n.hash == nil {
		p := n.parent
		switch n {
		case p.plus:
			p.plus = nil
		case p.hash:
			p.hash = nil
		default:
			delete(p.children, n.level)
		}
		n = p
	}
}

func (n *node) removeSub(sub *subscription) {
	if i := slices.Index(n.subs, sub); i >= 0 {
		n.subs = slices.Delete(n.subs, i, i+1)
	}
}

// match appends the nodes whose filters match a topic. Wildcards do not match a first level that starts with $
// [MQTT-4.7.2-1].
func (t *trie) match(dst []*node, topic string) []*node {
	if topic != "" && topic[0] == '$' {
		level, rest, more := strings.Cut(topic, "/")
		if n := t.root.children[level]; n != nil {
			return t.next(n, dst, rest, more)
		}
		return dst
	}
	return t.under(&t.root, dst, topic)
}

func (t *trie) under(n *node, dst []*node, topic string) []*node {
	if n.hash != nil {
		dst = append(dst, n.hash)
	}
	level, rest, more := strings.Cut(topic, "/")
	if c := n.children[level]; c != nil {
		dst = t.next(c, dst, rest, more)
	}
	if n.plus != nil {
		dst = t.next(n.plus, dst, rest, more)
	}
	return dst
}

// next goes on below a node that matched a level; a filter a/# also matches a itself [section 4.7.1.2].
func (t *trie) next(n *node, dst []*node, rest string, more bool) []*node {
	if more {
		return t.under(n, dst, rest)
	}
	if len(n.subs)+len(n.groups) > 0 {
		dst = append(dst, n)
	}
	if n.hash != nil && !t.below {
		dst = append(dst, n.hash)
	}
	return dst
}
