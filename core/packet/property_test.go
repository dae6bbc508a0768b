package packet

import (
	"encoding/binary"
	"fmt"
	"slices"
	"testing"
)

// How the value of a property is written (section 2.2.2.2).
const (
	kindByte = iota
	kindTwo
	kindFour
	kindVarint
	kindString // also binary data: both have a length of two bytes
	kindPair
)

type specProperty struct {
	id      byte
	name    string
	kind    int
	packets []Type
}

// specProperties is table 2-4 of the specification, written down a second time; will stands for the will properties.
var specProperties = []specProperty{
	{1, "payload format indicator", kindByte, []Type{PUBLISH, will}},
	{2, "message expiry interval", kindFour, []Type{PUBLISH, will}},
	{3, "content type", kindString, []Type{PUBLISH, will}},
	{8, "response topic", kindString, []Type{PUBLISH, will}},
	{9, "correlation data", kindString, []Type{PUBLISH, will}},
	{11, "subscription identifier", kindVarint, []Type{PUBLISH, SUBSCRIBE}},
	{17, "session expiry interval", kindFour, []Type{CONNECT, CONNACK, DISCONNECT}},
	{18, "assigned client identifier", kindString, []Type{CONNACK}},
	{19, "server keep alive", kindTwo, []Type{CONNACK}},
	{21, "authentication method", kindString, []Type{CONNECT, CONNACK, AUTH}},
	{22, "authentication data", kindString, []Type{CONNECT, CONNACK, AUTH}},
	{23, "request problem information", kindByte, []Type{CONNECT}},
	{24, "will delay interval", kindFour, []Type{will}},
	{25, "request response information", kindByte, []Type{CONNECT}},
	{26, "response information", kindString, []Type{CONNACK}},
	{28, "server reference", kindString, []Type{CONNACK, DISCONNECT}},
	{31, "reason string", kindString, []Type{CONNACK, PUBACK, PUBREC, PUBREL, PUBCOMP, SUBACK, UNSUBACK, DISCONNECT, AUTH}},
	{33, "receive maximum", kindTwo, []Type{CONNECT, CONNACK}},
	{34, "topic alias maximum", kindTwo, []Type{CONNECT, CONNACK}},
	{35, "topic alias", kindTwo, []Type{PUBLISH}},
	{36, "maximum QoS", kindByte, []Type{CONNACK}},
	{37, "retain available", kindByte, []Type{CONNACK}},
	{38, "user property", kindPair, []Type{CONNECT, CONNACK, PUBLISH, will, PUBACK, PUBREC, PUBREL, PUBCOMP, SUBSCRIBE, SUBACK,
		UNSUBSCRIBE, UNSUBACK, DISCONNECT, AUTH}},
	{39, "maximum packet size", kindFour, []Type{CONNECT, CONNACK}},
	{40, "wildcard subscription available", kindByte, []Type{CONNACK}},
	{41, "subscription identifier available", kindByte, []Type{CONNACK}},
	{42, "shared subscription available", kindByte, []Type{CONNACK}},
}

// propertyBytes returns a valid value of a property with its identifier.
func propertyBytes(id byte, kind int) []byte {
	b := []byte{id}
	switch kind {
	case kindByte, kindVarint:
		return append(b, 1)
	case kindTwo:
		return append(b, 0, 1)
	case kindFour:
		return append(b, 0, 0, 0, 1)
	case kindString:
		return append(b, 0, 1, 'x')
	}
	return append(b, 0, 1, 'k', 0, 1, 'v')
}

// carriers are frames of every packet that has properties, made around a property section.
var carriers = map[Type]func(props []byte) Frame{
	will: func(p []byte) Frame {
		body := []byte{0, 4, 'M', 'Q', 'T', 'T', 5, 6, 0, 0, 0, 0, 0}
		return Frame{0x10, append(section(body, p), 0, 1, 't', 0, 0)}
	},
	CONNECT: func(p []byte) Frame {
		return Frame{0x10, append(section([]byte{0, 4, 'M', 'Q', 'T', 'T', 5, 2, 0, 0}, p), 0, 0)}
	},
	CONNACK:     func(p []byte) Frame { return Frame{0x20, section([]byte{0, 0}, p)} },
	PUBLISH:     func(p []byte) Frame { return Frame{0x30, section([]byte{0, 1, 't'}, p)} },
	PUBACK:      func(p []byte) Frame { return Frame{0x40, section([]byte{0, 1, 0}, p)} },
	PUBREC:      func(p []byte) Frame { return Frame{0x50, section([]byte{0, 1, 0}, p)} },
	PUBREL:      func(p []byte) Frame { return Frame{0x62, section([]byte{0, 1, 0}, p)} },
	PUBCOMP:     func(p []byte) Frame { return Frame{0x70, section([]byte{0, 1, 0}, p)} },
	SUBSCRIBE:   func(p []byte) Frame { return Frame{0x82, append(section([]byte{0, 1}, p), 0, 1, 'f', 0)} },
	SUBACK:      func(p []byte) Frame { return Frame{0x90, append(section([]byte{0, 1}, p), 0)} },
	UNSUBSCRIBE: func(p []byte) Frame { return Frame{0xA2, append(section([]byte{0, 1}, p), 0, 1, 'f')} },
	UNSUBACK:    func(p []byte) Frame { return Frame{0xB0, append(section([]byte{0, 1}, p), 0)} },
	DISCONNECT:  func(p []byte) Frame { return Frame{0xE0, section([]byte{0}, p)} },
	AUTH:        func(p []byte) Frame { return Frame{0xF0, section([]byte{0}, p)} },
}

func section(body, props []byte) []byte {
	return append(appendVarint(body, len(props)), props...)
}

// needs are the properties without which a property is a protocol error: data without a method, AUTH without either.
func needs(t Type, id byte) []byte {
	if id != 21 && (id == 22 || t == AUTH) {
		return []byte{21, 0, 1, 'm'}
	}
	return nil
}

// TestPropertyTable puts every property, known or not, into every packet: it is accepted exactly where table 2-4
// allows it, and a second time only where the specification lets it repeat.
//
// Conformance: X-PROP-1, X-PROP-2
func TestPropertyTable(t *testing.T) {
	t.Parallel()
	for typ, carrier := range carriers {
		for id := range 256 {
			row := slices.IndexFunc(specProperties, func(r specProperty) bool { return int(r.id) == id })
			allowed := row >= 0 && slices.Contains(specProperties[row].packets, typ)
			var props []byte
			switch {
			case row >= 0:
				props = propertyBytes(byte(id), specProperties[row].kind)
				if name := specProperties[row].name; propertyID(id).String() != name {
					t.Errorf("property 0x%02X is called %q, want %q", id, propertyID(id), name)
				}
			case id < 0x80:
				props = []byte{byte(id), 0}
			default:
				props = []byte{byte(id), 1, 0}
			}
			extra := needs(typ, byte(id))
			err := decodeFrame(carrier(append(slices.Clone(extra), props...)))
			if allowed != (err == nil) {
				t.Errorf("property 0x%02X in %v: %v, want allowed: %v", id, typ, err, allowed)
			}
			if !allowed {
				expectError(t, err, MalformedPacket, "2.2.2.2", fmt.Sprintf("property 0x%02X in %v", id, typ))
				continue
			}
			twice := decodeFrame(carrier(slices.Concat(extra, props, props)))
			if id == 38 || id == 11 && typ == PUBLISH {
				if twice != nil {
					t.Errorf("property 0x%02X twice in %v: %v", id, typ, twice)
				}
				continue
			}
			expectError(t, twice, ProtocolError, propertySection(typ, propertyID(id)), fmt.Sprintf("property 0x%02X twice in %v", id, typ))
		}
	}
}

// TestPropertyCut cuts the value of every property short, once by the property length and once by the packet.
//
// Conformance: X-PROP-3
func TestPropertyCut(t *testing.T) {
	t.Parallel()
	for _, row := range specProperties {
		whole := propertyBytes(row.id, row.kind)
		for _, typ := range row.packets {
			for n := 1; n < len(whole); n++ {
				what := fmt.Sprintf("%d bytes of property 0x%02X in %v", n, row.id, typ)
				expectError(t, decodeFrame(carriers[typ](whole[:n])), MalformedPacket, "2.1.4", what)
			}
			f := carriers[typ](whole)
			f.Body = f.Body[:propertiesStart(typ)+len(whole)-1]
			expectError(t, decodeFrame(f), MalformedPacket, "2.2.2.1", fmt.Sprintf("property 0x%02X in a cut %v", row.id, typ))
		}
	}
}

// TestPropertySections checks the section numbers that errors name.
func TestPropertySections(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		in   Type
		id   byte
		want string
	}{
		{CONNECT, 17, "3.1.2.11.2"}, {CONNECT, 33, "3.1.2.11.3"}, {CONNECT, 39, "3.1.2.11.4"}, {CONNECT, 34, "3.1.2.11.5"},
		{CONNECT, 25, "3.1.2.11.6"}, {CONNECT, 23, "3.1.2.11.7"}, {CONNECT, 38, "3.1.2.11.8"}, {CONNECT, 21, "3.1.2.11.9"},
		{CONNECT, 22, "3.1.2.11.10"},
		{will, 24, "3.1.3.2.2"}, {will, 1, "3.1.3.2.3"}, {will, 2, "3.1.3.2.4"}, {will, 3, "3.1.3.2.5"}, {will, 8, "3.1.3.2.6"},
		{will, 9, "3.1.3.2.7"}, {will, 38, "3.1.3.2.8"},
		{CONNACK, 17, "3.2.2.3.2"}, {CONNACK, 33, "3.2.2.3.3"}, {CONNACK, 36, "3.2.2.3.4"}, {CONNACK, 37, "3.2.2.3.5"},
		{CONNACK, 39, "3.2.2.3.6"}, {CONNACK, 18, "3.2.2.3.7"}, {CONNACK, 34, "3.2.2.3.8"}, {CONNACK, 31, "3.2.2.3.9"},
		{CONNACK, 38, "3.2.2.3.10"}, {CONNACK, 40, "3.2.2.3.11"}, {CONNACK, 41, "3.2.2.3.12"}, {CONNACK, 42, "3.2.2.3.13"},
		{CONNACK, 19, "3.2.2.3.14"}, {CONNACK, 26, "3.2.2.3.15"}, {CONNACK, 28, "3.2.2.3.16"}, {CONNACK, 21, "3.2.2.3.17"},
		{CONNACK, 22, "3.2.2.3.18"},
		{PUBLISH, 1, "3.3.2.3.2"}, {PUBLISH, 2, "3.3.2.3.3"}, {PUBLISH, 35, "3.3.2.3.4"}, {PUBLISH, 8, "3.3.2.3.5"},
		{PUBLISH, 9, "3.3.2.3.6"}, {PUBLISH, 38, "3.3.2.3.7"}, {PUBLISH, 11, "3.3.2.3.8"}, {PUBLISH, 3, "3.3.2.3.9"},
		{PUBACK, 31, "3.4.2.2.2"}, {PUBREC, 31, "3.5.2.2.2"}, {PUBREL, 38, "3.6.2.2.3"}, {PUBCOMP, 38, "3.7.2.2.3"},
		{SUBSCRIBE, 11, "3.8.2.1.2"}, {SUBSCRIBE, 38, "3.8.2.1.3"}, {SUBACK, 31, "3.9.2.1.2"}, {UNSUBSCRIBE, 38, "3.10.2.1.2"},
		{UNSUBACK, 31, "3.11.2.1.2"}, {DISCONNECT, 17, "3.14.2.2.2"}, {DISCONNECT, 31, "3.14.2.2.3"},
		{DISCONNECT, 38, "3.14.2.2.4"}, {DISCONNECT, 28, "3.14.2.2.5"},
		{AUTH, 21, "3.15.2.2.2"}, {AUTH, 22, "3.15.2.2.3"}, {AUTH, 31, "3.15.2.2.4"}, {AUTH, 38, "3.15.2.2.5"},
	} {
		if got := propertySection(c.in, propertyID(c.id)); got != c.want {
			t.Errorf("property 0x%02X in %v: section %s, want %s", c.id, c.in, got, c.want)
		}
	}
}

func decodeFrame(f Frame) error {
	_, err := new(Decoder).Decode(f)
	return err
}

// propertiesStart is where the properties begin, behind their length, in the body of a frame from carriers.
func propertiesStart(t Type) int {
	return len(carriers[t](nil).Body) - map[Type]int{will: 5, CONNECT: 2, SUBSCRIBE: 4, SUBACK: 1, UNSUBSCRIBE: 3, UNSUBACK: 1}[t]
}

// collectProperties notes which properties a whole and right MQTT 5 packet carries, by a walk of its own.
func collectProperties(t *testing.T, f Frame, seen map[Type]map[byte]bool) {
	t.Helper()
	b := f.Body
	start := 0
	switch f.Type() {
	case CONNECT:
		start = 10
	case CONNACK, SUBSCRIBE, SUBACK, UNSUBSCRIBE, UNSUBACK:
		start = 2
	case PUBLISH:
		start = 2 + int(binary.BigEndian.Uint16(b))
		if f.First&6 != 0 {
			start += 2
		}
	case PUBACK, PUBREC, PUBREL, PUBCOMP:
		start = 3
	case DISCONNECT, AUTH:
		start = 1
	}
	if len(b) <= start {
		return
	}
	rest := walkProperties(t, f.Type(), b[start:], seen)
	if f.Type() == CONNECT && b[7]&4 != 0 {
		walkProperties(t, will, rest[2+int(binary.BigEndian.Uint16(rest)):], seen)
	}
}

// walkProperties reads one property section and returns what follows it.
func walkProperties(t *testing.T, in Type, b []byte, seen map[Type]map[byte]bool) []byte {
	t.Helper()
	length, n := binary.Uvarint(b)
	props, rest := b[n:n+int(length)], b[n+int(length):]
	if seen[in] == nil {
		seen[in] = map[byte]bool{}
	}
	for len(props) > 0 {
		id := props[0]
		seen[in][id] = true
		for _, row := range specProperties {
			if row.id != id {
				continue
			}
			props = props[1:]
			switch row.kind {
			case kindByte:
				props = props[1:]
			case kindTwo:
				props = props[2:]
			case kindFour:
				props = props[4:]
			case kindVarint:
				_, n := binary.Uvarint(props)
				props = props[n:]
			case kindPair:
				props = props[2+int(binary.BigEndian.Uint16(props)):]
				fallthrough
			case kindString:
				props = props[2+int(binary.BigEndian.Uint16(props)):]
			}
			break
		}
	}
	return rest
}
