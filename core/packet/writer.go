package packet

import (
	"encoding/binary"
	"slices"
)

const (
	maxField     = 65535       // strings and binary data carry a two byte length
	maxRemaining = 268_435_455 // the largest variable byte integer
)

// varintSize returns how many bytes n takes as a variable byte integer.
func varintSize(n int) int {
	switch {
	case n < 1<<7:
		return 1
	case n < 1<<14:
		return 2
	case n < 1<<21:
		return 3
	}
	return 4
}

// appendVarint appends n in the fewest bytes possible [MQTT-1.5.5-1].
func appendVarint(dst []byte, n int) []byte {
	for n >= 0x80 {
		dst = append(dst, byte(n)|0x80)
		n >>= 7
	}
	return append(dst, byte(n))
}

func appendString(dst []byte, s string) []byte {
	dst = append(dst, byte(len(s)>>8), byte(len(s)))
	return append(dst, s...)
}

func appendBinary(dst, b []byte) []byte {
	dst = append(dst, byte(len(b)>>8), byte(len(b)))
	return append(dst, b...)
}

func appendUint16(dst []byte, n uint16) []byte { return binary.BigEndian.AppendUint16(dst, n) }

// grow makes room for a whole packet, so that its append calls move no bytes twice.
func grow(dst []byte, remaining int) []byte { return slices.Grow(dst, 5+remaining) }

func appendHeader(dst []byte, first byte, remaining int) []byte {
	return appendVarint(append(dst, first), remaining)
}

// sizer adds up the length of a packet and remembers the first field that cannot be written.
type sizer struct {
	n      int
	packet Type
	err    *Error
}

func (s *sizer) string(v string) {
	if len(v) > maxField && s.err == nil {
		s.err = malformed(s.packet, "1.5.4", "a string is longer than 65,535 bytes")
	}
	s.n += 2 + len(v)
}

func (s *sizer) binary(v []byte) {
	if len(v) > maxField && s.err == nil {
		s.err = malformed(s.packet, "1.5.6", "binary data is longer than 65,535 bytes")
	}
	s.n += 2 + len(v)
}

// total returns the remaining length, or an error where the packet cannot be written.
func (s *sizer) total() (int, error) {
	if s.err != nil {
		return 0, s.err
	}
	if s.n > maxRemaining {
		return 0, tooLong(s.packet)
	}
	return s.n, nil
}

func tooLong(t Type) *Error {
	return &Error{Packet: t, Code: PacketTooLarge, Clause: "2.1.4", Detail: "the packet is longer than 268,435,455 bytes"}
}
