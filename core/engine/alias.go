package engine

import "github.com/gneiss-mqtt/gneiss-go/core/packet"

// aliasSender gives topic aliases to outbound topics, on one connection. An alias counts as known to the broker only
// once the packet that binds it is encoded; a packet that fails before leaves no trace.
type aliasSender struct {
	mode  AliasMode
	limit int // aliases 1 to limit may be used; 0 for none

	manual []string // AliasManual: the topic of each alias, index alias-1

	byTopic    map[string]*lruEntry
	head, tail *lruEntry // most and least recently used
}

type lruEntry struct {
	topic      string
	alias      uint16
	prev, next *lruEntry
}

// reset forgets all aliases, which never outlive a connection [MQTT-3.3.2-7], and takes the broker's maximum.
func (a *aliasSender) reset(cfg Config, brokerMax uint16) {
	*a = aliasSender{mode: cfg.Aliases, limit: int(brokerMax)}
	switch a.mode {
	case AliasNone:
		a.limit = 0
	case AliasLRU:
		a.limit = min(a.limit, cfg.AliasSize)
	}
}

// apply rewrites a copy of the packet.
func (a *aliasSender) apply(p *packet.Publish) error {
	if a.mode == AliasManual && p.TopicAlias != 0 {
		if int(p.TopicAlias) > a.limit { // [MQTT-3.2.2-17]
			return &LimitError{Packet: packet.PUBLISH, Code: packet.TopicAliasInvalid, Clause: "MQTT-3.2.2-17",
				Detail: "the topic alias is above the broker's maximum"}
		}
		if i := int(p.TopicAlias) - 1; i < len(a.manual) && a.manual[i] == p.Topic {
			p.Topic = ""
		}
		return nil
	}
	p.TopicAlias = 0
	if a.mode != AliasLRU || a.limit == 0 {
		return nil
	}
	if entry := a.byTopic[p.Topic]; entry != nil {
		p.Topic, p.TopicAlias = "", entry.alias
		return nil
	}
	if len(a.byTopic) < a.limit {
		p.TopicAlias = uint16(len(a.byTopic) + 1)
	} else {
		p.TopicAlias = a.tail.alias // bound anew to this topic
	}
	return nil
}

// commit notes that the broker will know the alias by the time it sees the next packet.
func (a *aliasSender) commit(alias uint16, topic string) {
	switch {
	case alias == 0:
	case a.mode == AliasManual:
		for len(a.manual) < int(alias) {
			a.manual = append(a.manual, "")
		}
		a.manual[alias-1] = topic
	default:
		a.use(alias, topic)
	}
}

func (a *aliasSender) use(alias uint16, topic string) {
	entry := a.byTopic[topic]
	switch {
	case entry != nil:
		a.unlink(entry)
	case len(a.byTopic) < a.limit:
		entry = &lruEntry{alias: alias}
	default:
		entry = a.tail
		a.unlink(entry)
		delete(a.byTopic, entry.topic)
	}
	entry.topic = topic
	if a.byTopic == nil {
		a.byTopic = make(map[string]*lruEntry)
	}
	a.byTopic[topic] = entry
	entry.prev, entry.next = nil, a.head
	if a.head != nil {
		a.head.prev = entry
	}
	if a.head = entry; a.tail == nil {
		a.tail = entry
	}
}

func (a *aliasSender) unlink(entry *lruEntry) {
	if entry.prev != nil {
		entry.prev.next = entry.next
	} else {
		a.head = entry.next
	}
	if entry.next != nil {
		entry.next.prev = entry.prev
	} else {
		a.tail = entry.prev
	}
}
