package wire

import (
	"errors"
	"fmt"
)

// Packet types, as the high four bits of a fixed header (section 2.1.2).
const (
	Connect    byte = 1
	Connack    byte = 2
	Publish    byte = 3
	Puback     byte = 4
	Pubrec     byte = 5
	Pubrel     byte = 6
	Pubcomp    byte = 7
	Subscribe  byte = 8
	Suback     byte = 9
	Pingreq    byte = 12
	Pingresp   byte = 13
	Disconnect byte = 14
)

// Protocol levels as they stand in a CONNECT packet.
const (
	V311 byte = 4
	V5   byte = 5
)

var (
	// ErrMalformed marks bytes that are not an MQTT packet.
	ErrMalformed = errors.New("wire: malformed packet")
	// ErrTooLarge marks a packet above the limit of the reader.
	ErrTooLarge = errors.New("wire: packet too large")
)

// Next splits the first packet off buf. A size of zero with a nil error says
// that buf ends before the packet does. A packet of more than limit bytes is
// refused as soon as its length is known, before its body arrives.
//
// body aliases buf.
func Next(buf []byte, limit int) (header byte, body []byte, size int, err error) {
	if len(buf) < 2 {
		return 0, nil, 0, nil
	}
	length, start := int(buf[1]), 2
	if length >= 0x80 {
		var n int
		length, n, err = varint(buf[1:])
		if n == 0 || err != nil {
			return 0, nil, 0, err
		}
		start = 1 + n
	}
	size = start + length
	if size > limit {
		return 0, nil, 0, fmt.Errorf("%w: %d bytes, limit %d", ErrTooLarge, size, limit)
	}
	if len(buf) < size {
		return 0, nil, 0, nil
	}
	return buf[0], buf[start:size:size], size, nil
}

// varint reads a variable byte integer and says how many bytes it takes: none
// when b ends inside it.
func varint(b []byte) (value, size int, err error) {
	for i := range 4 {
		if i == len(b) {
			return 0, 0, nil
		}
		value |= int(b[i]&0x7F) << (7 * i)
		if b[i] < 0x80 {
			return value, i + 1, nil
		}
	}
	// [MQTT-1.5.5-1]: four bytes at most.
	return 0, 0, malformed("variable byte integer of more than four bytes")
}

func appendHeader(dst []byte, header byte, length int) []byte {
	dst = append(dst, header)
	for length >= 0x80 {
		dst = append(dst, byte(length)|0x80)
		length >>= 7
	}
	return append(dst, byte(length))
}

func appendString(dst []byte, s string) []byte {
	return append(append(dst, byte(len(s)>>8), byte(len(s))), s...)
}
