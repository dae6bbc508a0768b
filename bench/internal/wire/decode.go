package wire

import (
	"bytes"
	"fmt"
	"iter"
)

const propReceiveMaximum = 0x21

// ConnectInfo is what the sink wants to know of a CONNECT.
type ConnectInfo struct {
	Level          byte
	ClientID       string
	ReceiveMaximum uint16 // 65,535 unless the client says otherwise
}

// ParseConnect reads the body of a CONNECT up to the client identifier. Will,
// user name and password are of no interest to a sink and are not looked at.
func ParseConnect(body []byte) (ConnectInfo, error) {
	info := ConnectInfo{ReceiveMaximum: 65535}
	if len(body) < 10 || !bytes.HasPrefix(body, []byte("\x00\x04MQTT")) {
		return info, malformed("CONNECT without the protocol name")
	}
	info.Level = body[6]
	rest := body[10:]
	switch info.Level {
	case V311:
	case V5:
		properties, after, err := cutProperties(rest)
		if err != nil {
			return info, err
		}
		rest = after
		if info.ReceiveMaximum, err = receiveMaximum(properties); err != nil {
			return info, err
		}
	default:
		return info, fmt.Errorf("%w: CONNECT with protocol level %d", ErrMalformed, info.Level)
	}
	id, _, err := cutString(rest)
	if err != nil {
		return info, err
	}
	info.ClientID = string(id)
	return info, nil
}

// receiveMaximum walks the properties of a CONNECT (section 3.1.2.11).
func receiveMaximum(properties []byte) (uint16, error) {
	value := uint16(65535)
	for len(properties) > 0 {
		id, rest := properties[0], properties[1:]
		size := 0
		switch id {
		case 0x17, 0x19: // request problem / response information
			size = 1
		case propReceiveMaximum, 0x22: // topic alias maximum
			size = 2
		case 0x11, 0x27: // session expiry interval, maximum packet size
			size = 4
		case 0x15, 0x16, 0x26: // authentication method and data, user property
			_, after, err := cutString(rest)
			if err == nil && id == 0x26 { // a pair
				_, after, err = cutString(after)
			}
			if err != nil {
				return 0, err
			}
			size = len(rest) - len(after)
		default:
			return 0, fmt.Errorf("%w: CONNECT with property 0x%02x", ErrMalformed, id)
		}
		if len(rest) < size {
			return 0, fmt.Errorf("%w: property 0x%02x is cut short", ErrMalformed, id)
		}
		if id == propReceiveMaximum {
			value = uint16(rest[0])<<8 | uint16(rest[1])
			if value == 0 {
				return 0, malformed("receive maximum of zero")
			}
		}
		properties = rest[size:]
	}
	return value, nil
}

// ParsePublish reads a PUBLISH without allocating; id is zero at QoS 0. The
// results alias body. It returns few and small values, so that they travel in
// registers: a structure here costs the sink a third of its speed.
func ParsePublish(level, header byte, body []byte) (topic, payload []byte, id uint16, err error) {
	if len(body) < 2 {
		return nil, nil, 0, malformed("PUBLISH without a topic")
	}
	end := 2 + int(body[0])<<8 + int(body[1])
	if end > len(body) {
		return nil, nil, 0, malformed("PUBLISH with a topic that is cut short")
	}
	topic, payload = body[2:end], body[end:]
	switch header >> 1 & 3 {
	case 0:
	case 3: // [MQTT-3.3.1-4]
		return nil, nil, 0, malformed("PUBLISH with QoS 3")
	default:
		if len(payload) < 2 {
			return nil, nil, 0, malformed("PUBLISH without a packet identifier")
		}
		id = uint16(payload[0])<<8 | uint16(payload[1])
		if id == 0 { // [MQTT-2.2.1-3]
			return nil, nil, 0, malformed("PUBLISH with packet identifier zero")
		}
		payload = payload[2:]
	}
	if level == V5 {
		if len(payload) > 0 && payload[0] == 0 {
			return topic, payload[1:], id, nil
		}
		if _, payload, err = cutProperties(payload); err != nil {
			return nil, nil, 0, err
		}
	}
	return topic, payload, id, nil
}

// ParseAck reads a PUBACK, PUBREC, PUBREL or PUBCOMP. At level 5 it may carry
// a reason code, which is Success when left out (section 3.4.2.1).
func ParseAck(level byte, body []byte) (id uint16, reason byte, err error) {
	if len(body) < 2 || level == V311 && len(body) != 2 {
		return 0, 0, fmt.Errorf("%w: acknowledgement of %d bytes", ErrMalformed, len(body))
	}
	id = uint16(body[0])<<8 | uint16(body[1])
	if id == 0 {
		return 0, 0, malformed("acknowledgement of packet identifier zero")
	}
	if len(body) > 2 {
		reason = body[2]
	}
	return id, reason, nil
}

// ParseSubscribe reads a SUBSCRIBE into its packet identifier and its filters,
// each with the QoS asked for.
func ParseSubscribe(level byte, body []byte) (id uint16, filters []byte, err error) {
	if len(body) < 2 {
		return 0, nil, malformed("SUBSCRIBE without a packet identifier")
	}
	id, filters = uint16(body[0])<<8|uint16(body[1]), body[2:]
	if id == 0 {
		return 0, nil, malformed("SUBSCRIBE with packet identifier zero")
	}
	if level == V5 {
		if _, filters, err = cutProperties(filters); err != nil {
			return 0, nil, err
		}
	}
	rest := filters
	for {
		_, after, err := cutString(rest)
		if err != nil || len(after) == 0 {
			return 0, nil, malformed("SUBSCRIBE with a filter that is cut short")
		}
		if rest = after[1:]; len(rest) == 0 {
			return id, filters, nil
		}
	}
}

// Filters ranges over the filters that ParseSubscribe has checked.
func Filters(filters []byte) iter.Seq2[string, byte] {
	return func(yield func(string, byte) bool) {
		for len(filters) > 0 {
			filter, rest, err := cutString(filters)
			if err != nil || len(rest) == 0 || !yield(string(filter), rest[0]&3) {
				return
			}
			filters = rest[1:]
		}
	}
}

func cutString(b []byte) (s, rest []byte, err error) {
	if len(b) < 2 {
		return nil, nil, malformed("string without a length")
	}
	end := 2 + int(b[0])<<8 + int(b[1])
	if len(b) < end {
		return nil, nil, malformed("string that is cut short")
	}
	return b[2:end], b[end:], nil
}

func cutProperties(b []byte) (properties, rest []byte, err error) {
	length, start, err := varint(b)
	if err != nil {
		return nil, nil, err
	}
	if start == 0 || len(b)-start < length {
		return nil, nil, malformed("properties that are cut short")
	}
	return b[start : start+length], b[start+length:], nil
}

//go:noinline
func malformed(what string) error { return fmt.Errorf("%w: %s", ErrMalformed, what) }
