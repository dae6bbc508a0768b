package packet

import "fmt"

// A Frame is one whole packet: its first byte, and everything after the remaining length.
type Frame struct {
	First byte
	Body  []byte
}

// Type returns the control packet type.
func (f Frame) Type() Type { return Type(f.First >> 4) }

// ScanFrame looks for one whole packet at the start of p and returns it with its length, or length 0 where more
// bytes are needed. A packet longer than limit bytes, fixed header included, is refused as soon as its length is
// known, one with wrong flags as soon as its first byte is there; limit 0 means none but the protocol's. The frame
// aliases p.
func ScanFrame(p []byte, limit uint32) (f Frame, length int, err error) {
	if len(p) == 0 {
		return Frame{}, 0, nil
	}
	first := p[0]
	if first>>4 != byte(PUBLISH) && first&0x0F != fixedFlags[first>>4] {
		return Frame{}, 0, wrongFlags(first)
	}
	if len(p) == 1 {
		return Frame{}, 0, nil
	}
	header, remaining := 2, int(p[1])
	if remaining >= 0x80 { // one byte of length is by far the most common
		if header, remaining, err = scanLength(p); err != nil || header == 0 {
			return Frame{}, 0, err
		}
	}
	length = header + remaining
	if limit != 0 && uint32(length) > limit {
		return Frame{}, 0, tooLarge(first, length, limit)
	}
	if len(p) < length {
		return Frame{}, 0, nil
	}
	return Frame{First: first, Body: p[header:length:length]}, length, nil
}

// scanLength reads the fixed header; header is 0 while it is not whole.
func scanLength(p []byte) (header, remaining int, err error) {
	for i := 1; i < len(p) && i <= 4; i++ {
		remaining |= int(p[i]&0x7F) << (7 * (i - 1))
		if p[i] < 0x80 {
			if i != varintSize(remaining) {
				return 0, 0, malformed(Type(p[0]>>4), "MQTT-1.5.5-1", "the remaining length uses more bytes than it needs")
			}
			return 1 + i, remaining, nil
		}
	}
	if len(p) > 4 {
		return 0, 0, malformed(Type(p[0]>>4), "1.5.5", "the remaining length is longer than four bytes")
	}
	return 0, 0, nil
}

// wrongFlags is the error for the first byte of any packet but PUBLISH.
func wrongFlags(first byte) *Error {
	t := Type(first >> 4)
	if t == 0 {
		return malformed(0, "2.1.2", "packet type 0 is reserved")
	}
	return malformed(t, "MQTT-2.1.3-1", fmt.Sprintf("the flags are %04b instead of %04b", first&0x0F, fixedFlags[t]))
}

func tooLarge(first byte, length int, limit uint32) *Error {
	return &Error{Packet: Type(first >> 4), Code: PacketTooLarge, Clause: "MQTT-3.1.2-24",
		Detail: fmt.Sprintf("a packet of %d bytes is over the maximum of %d", length, limit)}
}
