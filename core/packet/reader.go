package packet

import "encoding/binary"

// reader is a cursor over one frame. After the first error it yields zero values, so that a decoder can read all
// its fields and look at err once.
type reader struct {
	b      []byte
	packet Type
	strict bool
	err    *Error
}

func (r *reader) fail(e *Error) {
	if r.err == nil {
		r.err = e
	}
	r.b = nil
}

// need reports whether n more bytes are there: a packet must not end inside a field.
func (r *reader) need(n int) bool {
	if len(r.b) >= n {
		return true
	}
	r.fail(cut(r.packet))
	return false
}

// cut is the error for a packet, or a property section, that ends inside a field.
func cut(t Type) *Error { return malformed(t, "2.1.4", "the packet ends inside a field") }

func (r *reader) uint8() byte {
	if !r.need(1) {
		return 0
	}
	v := r.b[0]
	r.b = r.b[1:]
	return v
}

func (r *reader) uint16() uint16 {
	if !r.need(2) {
		return 0
	}
	v := binary.BigEndian.Uint16(r.b)
	r.b = r.b[2:]
	return v
}

func (r *reader) uint32() uint32 {
	if !r.need(4) {
		return 0
	}
	v := binary.BigEndian.Uint32(r.b)
	r.b = r.b[4:]
	return v
}

// id reads a packet identifier, which is never zero [MQTT-2.2.1-3] [MQTT-2.2.1-4].
func (r *reader) id() uint16 {
	v := r.uint16()
	if v == 0 && r.err == nil {
		r.fail(zeroID(r.packet))
	}
	return v
}

func zeroID(t Type) *Error { return malformed(t, "MQTT-2.2.1-3", "the packet identifier is 0") }

// varint reads a variable byte integer of at most four bytes, written in the fewest possible.
func (r *reader) varint() int {
	if len(r.b) > 0 && r.b[0] < 0x80 {
		n := int(r.b[0])
		r.b = r.b[1:]
		return n
	}
	n, size := 0, 0
	for shift := 0; shift < 28; shift += 7 {
		c := r.uint8()
		if r.err != nil {
			return 0
		}
		n |= int(c&0x7F) << shift
		size++
		if c < 0x80 {
			if size != varintSize(n) {
				r.fail(malformed(r.packet, "MQTT-1.5.5-1", "a variable byte integer uses more bytes than it needs"))
				return 0
			}
			return n
		}
	}
	r.fail(malformed(r.packet, "1.5.5", "a variable byte integer is longer than four bytes"))
	return 0
}

// binary returns bytes that alias the frame; never nil where the field was there.
func (r *reader) binary() []byte {
	n := int(r.uint16())
	if r.err != nil || !r.need(n) {
		return nil
	}
	v := r.b[:n:n]
	r.b = r.b[n:]
	return v
}

// skipField returns what follows a field with a two byte length, nil where it is cut short.
func skipField(b []byte) []byte {
	if len(b) < 2 {
		return nil
	}
	n := 2 + int(binary.BigEndian.Uint16(b))
	if len(b) < n {
		return nil
	}
	return b[n:]
}

// countFields counts fields with a two byte length and tail more bytes each, up to the first that is cut short.
func countFields(b []byte, tail int) (n int) {
	for {
		if b = skipField(b); len(b) < tail || b == nil {
			return n
		}
		b = b[tail:]
		n++
	}
}

// string returns a copy; field is what an error calls it.
func (r *reader) string(field string) string {
	s := string(r.binary())
	r.check(s, field)
	return s
}

func (r *reader) check(s, field string) {
	if clause, detail := checkString(s, r.strict); clause != "" {
		r.fail(malformed(r.packet, clause, field+": "+detail))
	}
}

// end reports the error of the whole packet; bytes after the last field are one.
func (r *reader) end() error {
	if r.err == nil && len(r.b) > 0 {
		r.err = malformed(r.packet, "2.1.4", "bytes are left after the last field")
	}
	if r.err != nil {
		return r.err
	}
	return nil
}
