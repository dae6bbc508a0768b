package mqtt

import (
	"slices"
	"strings"

	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// router finds the subscriptions of a message. Its fields are guarded by the client's mutex.
//
// Where the broker says by subscription identifiers for which SUBSCRIBE it sends a copy, only that one's filters are
// looked at: a broker that sends one copy per overlapping subscription would otherwise have each delivered twice.
type router struct {
	routes map[string]*route // by filter as subscribed
	byID   map[uint32][]*route
	root   node
	cache  map[string][]*Subscription // by topic
	last   string                     // the topic found last, and its subscriptions
	found  []*Subscription
	nextID uint32
}

// route is one filter and the subscriptions that have it.
type route struct {
	filter string // as subscribed
	inner  string // without $share/group/
	id     uint32 // the subscription identifier it was subscribed with last
	subs   []*Subscription
	last   string // the topic that matched last
}

// matches judges what the broker has judged already, because the broker may mean another SUBSCRIBE: the session of an
// earlier process has identifiers that are used again.
func (at *route) matches(topic string) bool {
	if at.last == topic {
		return true
	}
	if !packet.Match(at.inner, topic) {
		return false
	}
	at.last = topic
	return true
}

// node is one level of the tree of filters.
type node struct {
	children map[string]*node
	plus     *node
	here     []*route // filters that end at this level
	hash     []*route // filters that end with # below this level
}

// maxCached bounds the memory for topics whose subscriptions are known.
const maxCached = 1024

func (r *router) changed() { r.cache, r.last, r.found = nil, "", nil }

// add gives a filter to a subscription.
func (r *router) add(filter string, s *Subscription) {
	r.changed()
	if r.routes == nil {
		r.routes, r.byID = make(map[string]*route), make(map[uint32][]*route)
	}
	at := r.routes[filter]
	if at == nil {
		at = &route{filter: filter, inner: filter}
		if _, inner, ok := packet.SplitShared(filter); ok {
			at.inner = inner
		}
		r.routes[filter] = at
		n, hash := r.root.descend(at.inner)
		if hash {
			n.hash = append(n.hash, at)
		} else {
			n.here = append(n.here, at)
		}
	}
	if !slices.Contains(at.subs, s) {
		at.subs = append(at.subs, s)
	}
	if s.id != 0 {
		r.identify(at, s.id)
	}
}

// identifier returns one for the next SUBSCRIBE. After 268,435,455 of them they start over.
func (r *router) identifier() uint32 {
	if r.nextID++; r.nextID > maxIdentifier {
		r.nextID = 1
	}
	return r.nextID
}

const maxIdentifier = 268_435_455

// identify moves a route to the identifier it is subscribed with now: the broker replaces the old one [MQTT-3.8.4-3].
func (r *router) identify(at *route, id uint32) {
	if at.id == id {
		return
	}
	r.forgetID(at)
	if at.id = id; id != 0 {
		r.byID[id] = append(r.byID[id], at)
	}
}

func (r *router) forgetID(at *route) {
	if at.id == 0 {
		return
	}
	left := slices.DeleteFunc(r.byID[at.id], func(x *route) bool { return x == at })
	if r.byID[at.id] = left; len(left) == 0 {
		delete(r.byID, at.id)
	}
}

// remove takes a filter from a subscription and reports whether no other has it.
func (r *router) remove(filter string, s *Subscription) (last bool) {
	at := r.routes[filter]
	if at == nil {
		return true
	}
	r.changed()
	at.subs = slices.DeleteFunc(at.subs, func(x *Subscription) bool { return x == s })
	if len(at.subs) > 0 {
		return false
	}
	delete(r.routes, filter)
	r.forgetID(at)
	r.root.prune(at.inner, at)
	return true
}

// sole reports whether a filter belongs to no other subscription than s, and those that are being closed.
func (r *router) sole(filter string, s *Subscription) bool {
	at := r.routes[filter]
	return at == nil || !slices.ContainsFunc(at.subs, func(x *Subscription) bool { return x != s && !x.closing })
}

// descend returns the node of a filter, making what is missing, and whether the filter ends with #.
func (n *node) descend(filter string) (at *node, hash bool) {
	for level := range strings.SplitSeq(filter, "/") {
		switch {
		case level == "#":
			return n, true
		case level == "+":
			if n.plus == nil {
				n.plus = new(node)
			}
			n = n.plus
		default:
			if n.children == nil {
				n.children = make(map[string]*node)
			}
			if n.children[level] == nil {
				n.children[level] = new(node)
			}
			n = n.children[level]
		}
	}
	return n, false
}

// prune removes a route and the nodes that only it needed; it reports whether n itself is not needed any more.
func (n *node) prune(filter string, at *route) bool {
	level, rest, more := strings.Cut(filter, "/")
	drop := func(list []*route) []*route {
		return slices.DeleteFunc(list, func(x *route) bool { return x == at })
	}
	if level == "#" {
		n.hash = drop(n.hash)
		return n.empty()
	}
	child := n.plus
	if level != "+" {
		child = n.children[level]
	}
	if child == nil {
		return n.empty()
	}
	gone := false
	if more {
		gone = child.prune(rest, at)
	} else {
		child.here = drop(child.here)
		gone = child.empty()
	}
	if gone && level == "+" {
		n.plus = nil
	} else if gone {
		delete(n.children, level)
	}
	return n.empty()
}

func (n *node) empty() bool {
	return len(n.children) == 0 && n.plus == nil && len(n.here) == 0 && len(n.hash) == 0
}

// find returns the subscriptions of a message, each once.
func (r *router) find(topic string, ids []uint32) []*Subscription {
	if len(ids) > 0 {
		if subs := r.findByID(topic, ids); subs != nil {
			return subs
		}
	}
	if topic == r.last && topic != "" {
		return r.found
	}
	subs, ok := r.cache[topic]
	if !ok {
		subs = r.root.collect(nil, topic, topic != "" && topic[0] == '$')
		if r.cache == nil || len(r.cache) >= maxCached {
			r.cache = make(map[string][]*Subscription)
		}
		r.cache[topic] = subs
	}
	r.last, r.found = topic, subs
	return subs
}

func (r *router) findByID(topic string, ids []uint32) (subs []*Subscription) {
	for _, id := range ids {
		routes := r.byID[id]
		for _, at := range routes {
			if !at.matches(topic) {
				continue
			}
			if len(routes) == 1 && len(ids) == 1 {
				return at.subs // nearly always
			}
			subs = addAll(subs, at.subs)
		}
	}
	return subs
}

// collect walks the tree. A leading wildcard does not match a topic that starts with $ [MQTT-4.7.2-1].
func (n *node) collect(subs []*Subscription, topic string, dollar bool) []*Subscription {
	if !dollar {
		for _, at := range n.hash {
			subs = addAll(subs, at.subs)
		}
	}
	level, rest, more := strings.Cut(topic, "/")
	next := func(child *node) {
		if child == nil {
			return
		}
		if more {
			subs = child.collect(subs, rest, false)
			return
		}
		for _, at := range child.here {
			subs = addAll(subs, at.subs)
		}
		for _, at := range child.hash { // a/# also matches a
			subs = addAll(subs, at.subs)
		}
	}
	next(n.children[level])
	if !dollar {
		next(n.plus)
	}
	return subs
}

func addAll(to, subs []*Subscription) []*Subscription {
	for _, s := range subs {
		if !slices.Contains(to, s) {
			to = append(to, s)
		}
	}
	return to
}
