package packet

import (
	"fmt"
	"slices"
)

// propertyReader walks the properties of one packet and applies the rules common to all of them.
type propertyReader struct {
	reader
	in   Type // packet type, or will
	id   propertyID
	seen uint64
	run  textRun
}

// textRun holds one copy of user properties that follow each other, from which their names and values are cut: one
// allocation for all of them.
type textRun struct {
	text   string
	behind int // how many bytes of the section follow the run
}

// properties opens the property section at the cursor and moves the cursor behind it.
func (r *reader) properties(in Type) propertyReader {
	p := propertyReader{reader: reader{packet: r.packet, strict: r.strict}, in: in}
	if r.err == nil && len(r.b) == 0 {
		r.fail(malformed(r.packet, "MQTT-2.2.2-1", "the property length is missing"))
		return p
	}
	n := r.varint()
	if r.err != nil {
		return p
	}
	if n > len(r.b) {
		r.fail(malformed(r.packet, "2.2.2.1", "the property length runs past the packet"))
		return p
	}
	p.b = r.b[:n]
	r.b = r.b[n:]
	return p
}

// next returns the next property identifier, 0 at the end or after an error.
func (p *propertyReader) next() propertyID {
	if p.err != nil || len(p.b) == 0 {
		return 0
	}
	n := p.varint()
	if p.err != nil {
		return 0
	}
	if n >= propertyCount || propertyNames[n] == "" {
		p.fail(malformed(p.packet, "2.2.2.2", fmt.Sprintf("unknown property 0x%02X", n)))
		return 0
	}
	id := propertyID(n)
	if propertyMasks[p.in]&(1<<id) == 0 {
		p.fail(malformed(p.packet, "2.2.2.2", id.String()+" does not belong in this packet"))
		return 0
	}
	if p.seen&(1<<id) != 0 && id != propUserProperty && (id != propSubscriptionID || p.in != PUBLISH) {
		p.fail(protocolError(p.packet, propertySection(p.in, id), id.String()+" appears twice"))
		return 0
	}
	p.seen |= 1 << id
	p.id = id
	return id
}

// invalid refuses the value of the property that was read last.
func (p *propertyReader) invalid(what string) {
	if p.err == nil {
		p.fail(protocolError(p.packet, propertySection(p.in, p.id), p.id.String()+" is "+what))
	}
}

func (p *propertyReader) text() string { return p.string(p.id.String()) }

func (p *propertyReader) user(list []UserProperty) []UserProperty {
	if len(p.b) <= p.run.behind || list == nil {
		n, size := p.userRun()
		if n == 0 {
			p.fail(cut(p.packet))
			return list
		}
		p.run = textRun{text: string(p.b[:size]), behind: len(p.b) - size}
		if list == nil {
			list = make([]UserProperty, 0, n)
		} else if cap(list)-len(list) < n { // other properties came between: room for all that can still come
			list = slices.Grow(list, 1+len(p.b)/5)
		}
	}
	u := UserProperty{Key: p.fromRun("user property name")}
	u.Value = p.fromRun("user property value")
	if p.err != nil {
		return list
	}
	return append(list, u)
}

// userRun counts the user properties that follow each other at the cursor, and their bytes.
func (p *propertyReader) userRun() (n, size int) {
	for b := p.b; ; b = b[1:] {
		for range 2 {
			if b = skipField(b); b == nil {
				return n, size
			}
		}
		n, size = n+1, len(p.b)-len(b)
		if len(b) == 0 || b[0] != byte(propUserProperty) {
			return n, size
		}
	}
}

// fromRun reads a string that the run holds already, and therefore whole.
func (p *propertyReader) fromRun(field string) string {
	n := len(p.binary())
	if p.err != nil {
		return ""
	}
	end := len(p.run.text) + p.run.behind - len(p.b)
	s := p.run.text[end-n : end]
	p.check(s, field)
	return s
}

// bool reads a byte that may only be 0 or 1.
func (p *propertyReader) bool() bool {
	v := p.uint8()
	if v > 1 {
		p.invalid("neither 0 nor 1")
	}
	return v == 1
}

// nonZero16 reads a two byte integer for which zero is a protocol error.
func (p *propertyReader) nonZero16() uint16 {
	v := p.uint16()
	if v == 0 {
		p.invalid("0")
	}
	return v
}

func (p *propertyReader) nonZero32() uint32 {
	v := p.uint32()
	if v == 0 {
		p.invalid("0")
	}
	return v
}

// subscriptionID reads a subscription identifier: 1 to 268,435,455.
func (p *propertyReader) subscriptionID() uint32 {
	n := p.varint()
	if n == 0 {
		p.invalid("0")
	}
	return uint32(n)
}

// topicAlias reads a topic alias, which has a reason code of its own for zero.
func (p *propertyReader) topicAlias() uint16 {
	v := p.uint16()
	if v == 0 && p.err == nil {
		p.fail(&Error{Packet: p.packet, Code: TopicAliasInvalid, Clause: "MQTT-3.3.2-8", Detail: "topic alias is 0"})
	}
	return v
}

// responseTopic reads a response topic, which is a topic name [MQTT-3.3.2-13].
func (p *propertyReader) responseTopic() string {
	s := p.text()
	switch {
	case p.err != nil:
		return ""
	case s == "":
		p.fail(protocolError(p.packet, "MQTT-4.7.3-1", "response topic is empty"))
	case HasWildcard(s):
		p.fail(protocolError(p.packet, "MQTT-3.3.2-14", "response topic has a wildcard"))
	}
	return s
}

// close hands the first error inside the properties to the packet's reader.
func (p *propertyReader) close(r *reader) {
	if p.err != nil {
		r.fail(p.err)
	}
}
